"""A map file in a table: what ``slam map info`` shows."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from slam.mapfile.contents import LoadedMap
from slam.types import Float64, Mode


def map_rows(path: Path, loaded: LoadedMap) -> list[tuple[str, str]]:
    """Names and values: the file, what it is of, and how much is in each sub-map."""
    about, state, world = loaded.about, loaded.state, loaded.world
    size_mb = path.stat().st_size / 1e6
    weights = f", weights {about.weights_sha256[:12]}" if about.weights_sha256 else ""
    return [
        ("map", str(path)),
        ("format", f"{about.format}, made by earlybird-slam {about.program}"),
        ("made", _time_text(about.made_ns)),
        ("changed", f"{_time_text(state.changed_ns)}, by {state.program}"),
        ("size", f"{size_mb:.1f} MB, {1e3 * size_mb / max(1, len(world.keyframes)):.0f} kB a keyframe"),
        ("mode", about.mode),
        ("features", f"{about.features}, {about.descriptor_dim} numbers{weights}"),
        ("camera", f"{about.rig_name}, {about.camera_text}"),
        ("keyframes", str(len(world.keyframes))),
        ("landmarks", str(world.num_alive)),
        ("loops", str(len(world.loops))),
        ("frames", f"{len(loaded.places)} in {state.runs} {'run' if state.runs == 1 else 'runs'}"),
        *(_submap_row(loaded, submap_id) for submap_id in _submaps(loaded)),
    ]


def _submaps(loaded: LoadedMap) -> list[int]:
    return sorted({keyframe.submap_id for keyframe in loaded.world.keyframes.values()})


def _submap_row(loaded: LoadedMap, submap_id: int) -> tuple[str, str]:
    """Keyframes, landmarks and the box that the middle nine tenths of the landmarks fill on each axis."""
    world = loaded.world
    keyframes = world.submap(submap_id)
    alive = np.flatnonzero(world.alive[: world.num_landmarks])
    seen = alive[np.isin(world.observers.first(alive), [keyframe.keyframe_id for keyframe in keyframes])]
    unit = "m" if Mode(loaded.about.mode).is_metric else "units"
    cameras = np.array([keyframe.T_world_cam[:3, 3] for keyframe in keyframes])
    words = f"{len(keyframes)} keyframes within {_box(cameras.max(0) - cameras.min(0))} {unit}"
    if len(seen) == 0:
        return f"sub-map {submap_id}", f"{words}, no landmarks"
    low, high = np.percentile(world.points_world[seen], [5, 95], axis=0)
    return f"sub-map {submap_id}", f"{words}, {len(seen)} landmarks, most within {_box(high - low)} {unit}"


def _box(size: Float64) -> str:
    return " x ".join(f"{side:.2f}" for side in size)


def _time_text(unix_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_ns / 1e9))
