"""What a run told of, beside what its map file holds: how much was lost when it was killed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slam.mapfile.contents import LoadedMap


@dataclass(frozen=True, slots=True)
class Told:
    """What health.jsonl has of a run, and its map file has not."""

    keyframes: int  # told of
    lost_keyframes: tuple[int, ...]  # ids that never came into the file; one that was there and left is not lost
    lost_stamps_ns: tuple[int, ...]  # of tracked frames up to the last keyframe in the file


def compared_with_health(loaded: LoadedMap, health: Path) -> Told:
    """Compare a map file with the health.jsonl of the last run that wrote to it."""
    records = _records(health)
    kept = [record for record in records if record["keyframe_id"] >= 0]
    next_id = loaded.world.next_keyframe_id
    lost = tuple(record["keyframe_id"] for record in kept if record["keyframe_id"] >= next_id)
    in_file = [record["index"] for record in kept if record["keyframe_id"] < next_id]
    last_index = in_file[-1] if in_file else -1
    placed = {place.stamp_ns for place in loaded.places.values() if place.run == loaded.state.runs - 1}
    tracked = [r["stamp_ns"] for r in records if r["tracked"] and r["index"] <= last_index]
    return Told(len(kept), lost, tuple(stamp_ns for stamp_ns in tracked if stamp_ns not in placed))


def _records(health: Path) -> list[dict[str, Any]]:
    """Every whole line; a killed run may have left half a one at the end."""
    lines = health.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]
