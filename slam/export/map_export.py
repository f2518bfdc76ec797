"""A map file as what other programs read: points as PLY, trajectories in TUM format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.errors import MapError
from slam.evaluation.run_folder import written_whole
from slam.export.ply import write_ply
from slam.mapfile.contents import LoadedMap
from slam.mapping.snapshot import map_snapshot
from slam.tracking.placed import trajectory_of
from slam.trajectory import Trajectory, write_tum


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a map; None: the sub-map with most keyframes, and the last run that was in it."""

    submap: int | None = None
    run: int | None = None


def export_points(loaded: LoadedMap, out: Path, part: Part) -> str:
    """Write the landmarks of a sub-map as coloured points; what was written, in words."""
    snapshot = map_snapshot(loaded.world, loaded.placed(), chosen_submap(loaded, part))
    write_ply(out, snapshot)
    return f"{len(snapshot.points_world)} points of sub-map {chosen_submap(loaded, part)}"


def export_frames(loaded: LoadedMap, out: Path, part: Part) -> str:
    """Write where every tracked frame of one run was; what was written, in words. Raises MapError."""
    run, trajectory = frames_of_run(loaded, part)
    write_tum(out, trajectory)
    return f"{len(trajectory)} frames of run {run} in sub-map {chosen_submap(loaded, part)}"


def frames_of_run(loaded: LoadedMap, part: Part) -> tuple[int, Trajectory]:
    """Number of the run asked for, and where its tracked frames were. Raises MapError."""
    submap_id = chosen_submap(loaded, part)
    keyframes = loaded.world.keyframes
    runs = {place.run for place in loaded.places.values() if keyframes[place.keyframe_id].submap_id == submap_id}
    run = max(runs, default=-1) if part.run is None else part.run
    if run not in runs:
        known = f"those that were: {_listed(runs)}" if runs else "none was; choose another with --submap"
        raise MapError(f"--run {run}: was not in sub-map {submap_id} of the map; {known}")
    of_run = [place for place in loaded.places.values() if place.run == run]
    return run, trajectory_of(of_run, keyframes, submap_id)


def export_keyframes(loaded: LoadedMap, out: Path, part: Part) -> str:
    """Write where the keyframes of a sub-map are; what was written, in words. Of equal stamps the newest counts."""
    submap_id = chosen_submap(loaded, part)
    by_stamp = {k.observation.stamp_ns: k.T_world_cam for k in loaded.world.submap(submap_id)}
    stamps_ns = sorted(by_stamp)
    poses = np.array([by_stamp[stamp_ns] for stamp_ns in stamps_ns]).reshape(-1, 4, 4)
    write_tum(out, Trajectory(np.array(stamps_ns, np.int64), poses))
    return f"{len(stamps_ns)} keyframes of sub-map {submap_id}"


EXPORTS: dict[str, Callable[[LoadedMap, Path, Part], str]] = {
    "ply": export_points,
    "tum": export_frames,
    "tum-keyframes": export_keyframes,
}


def export_map(loaded: LoadedMap, to: str, out: Path, part: Part) -> str:
    """Write a map in one of EXPORTS to a new file; what was written, in words. Raises MapError."""
    if to not in EXPORTS:
        raise MapError(f"--to {to}: is unknown; write {', '.join(EXPORTS)}")
    if out.exists():
        raise MapError(f"{out}: exists already; choose another name, or remove it")
    try:
        with written_whole(out) as path:
            return EXPORTS[to](loaded, path, part)
    except OSError as error:
        raise MapError(f"{out}: cannot be written ({error.strerror}); choose another place") from error


def chosen_submap(loaded: LoadedMap, part: Part) -> int:
    """The sub-map asked for, or the one with most keyframes, the first of equals. Raises MapError."""
    ids = [keyframe.submap_id for keyframe in loaded.world.keyframes.values()]
    if not ids:
        raise MapError("the map is empty; there is nothing to export")
    if part.submap is None:
        return min(set(ids), key=lambda submap_id: (-ids.count(submap_id), submap_id))
    if part.submap not in ids:
        raise MapError(f"--submap {part.submap}: is not in the map; it has {_listed(set(ids))}")
    return part.submap


def _listed(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
