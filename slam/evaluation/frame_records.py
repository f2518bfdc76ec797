"""What a run keeps of every frame: the lines of health.jsonl."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.types import Float64, Track


@dataclass(frozen=True, slots=True)
class Load:
    """What a run carries when a frame is answered."""

    keyframes: int = 0
    landmarks: int = 0
    queue: int = 0


@dataclass(frozen=True)
class FrameRecord:
    """What health.jsonl keeps of a frame, and the summary is made of."""

    index: int  # position in the source
    stamp_ns: int
    status: str
    reason: str
    features: int
    matches: int
    inliers: int
    exit_layer: int
    pruned: float  # share of points dropped before the exit
    keyframe_id: int
    ms: dict[str, float]  # stage -> milliseconds
    total_ms: float
    dropped: int  # frames given up since the record before this one
    tracked: bool = False
    hurried: bool = False  # the matcher left unsure, for lack of time
    latency_ms: float | None = None  # from the camera to the answer; None in replay, where nothing waits
    submap_id: int = 0  # in whose world the pose was emitted
    position_sigma: float | None = None  # of the emitted pose in its sub-map's world; lengths of the map
    turn_sigma_deg: float | None = None  # and of its rotation; both of the axis that is known least
    memory_mb: float | None = None  # resident, of the run's own process
    keyframes: int = 0  # of the map
    landmarks: int = 0
    queue: int = 0  # frames that wait, and problems that the graph has: 0 to 2
    covariance: list[float] | None = None  # of the pose in its tangent, rotation first; upper triangle, row by row

    @staticmethod
    def of(
        track: Track,
        total_ms: float,
        dropped: int,
        latency_ms: float | None = None,
        memory_mb: float | None = None,
        load: Load | None = None,
    ) -> FrameRecord:
        load = load or Load()
        return FrameRecord(
            index=track.index,
            stamp_ns=int(track.stamp_ns),
            status=track.status.value,
            reason=track.reason,
            features=int(track.features),
            matches=int(track.matches),
            inliers=int(track.inliers),
            exit_layer=int(track.exit_layer),
            pruned=round(float(track.pruned), 4),
            keyframe_id=int(track.keyframe_id),
            ms={stage: round(float(ms), 3) for stage, ms in track.ms.items()},
            total_ms=round(float(total_ms), 3),
            dropped=int(dropped),
            tracked=track.is_tracked,
            hurried=track.hurried,
            latency_ms=None if latency_ms is None else round(float(latency_ms), 3),
            submap_id=track.submap_id,
            position_sigma=_largest_sigma(track.covariance, slice(3, 6)),
            turn_sigma_deg=_degrees(_largest_sigma(track.covariance, slice(0, 3))),
            memory_mb=None if memory_mb is None else round(memory_mb, 1),
            keyframes=load.keyframes,
            landmarks=load.landmarks,
            queue=load.queue,
            covariance=None if track.covariance is None else _upper(track.covariance),
        )


def read_records(path: Path) -> list[FrameRecord]:
    """The records of a health.jsonl without their covariances; a last line that was cut short is left out."""
    records = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                records.append(FrameRecord(**{**json.loads(line), "covariance": None}))
    return records


def _largest_sigma(covariance: Float64 | None, part: slice) -> float | None:
    """Of the axis of a pose's covariance (6, 6), rotation first, that is known least; None where nothing is known."""
    if covariance is None:
        return None
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance[part, part])[-1], 0.0)))


def _upper(covariance: Float64) -> list[float]:
    """21 numbers to seven digits."""
    return [float(f"{value:.6e}") for value in covariance[np.triu_indices(6)]]


def _degrees(angle_rad: float | None) -> float | None:
    return None if angle_rad is None else math.degrees(angle_rad)
