"""The whole map as plain arrays, for a bundle adjustment of everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Rig
from slam.config import GraphConfig
from slam.graph.subset import HELD_VARIANCE
from slam.graph.window import WindowProblem
from slam.mapping.map import Map
from slam.types import Float64, Keyframe, Mode


@dataclass(frozen=True, slots=True, eq=False)
class FullProblem:
    """A window for each sub-map, that holds all of it; nothing connects them."""

    parts: tuple[WindowProblem, ...]
    max_s: float  # wall time for all of them together


def choose_all(world: Map, rig: Rig, mode: Mode, config: GraphConfig, max_s: float) -> FullProblem:
    """Every keyframe and every landmark that two pictures confirm, or one with depth.

    The first keyframe of a sub-map stays where it is; where there is no scale, its distance to the keyframe that is
    farthest from it stays as it is.
    """
    submaps: dict[int, list[Keyframe]] = {}
    for keyframe in world.keyframes.values():
        submaps.setdefault(keyframe.submap_id, []).append(keyframe)
    return FullProblem(tuple(_part(world, rig, mode, config, keyframes) for keyframes in submaps.values()), max_s)


def _part(world: Map, rig: Rig, mode: Mode, config: GraphConfig, keyframes: list[Keyframe]) -> WindowProblem:
    seen = [np.flatnonzero(keyframe.landmark_ids >= 0) for keyframe in keyframes]
    ids = _joined([keyframe.landmark_ids[index] for keyframe, index in zip(keyframes, seen)], np.int64)
    right_x = _joined([keyframe.observation.right_x[index] for keyframe, index in zip(keyframes, seen)], np.float64)
    xy = [keyframe.observation.features.xy[index] for keyframe, index in zip(keyframes, seen)]
    views = np.bincount(ids, np.where(np.isfinite(right_x), 2, 1), minlength=world.num_landmarks)
    used = views >= 2
    kept, landmark_ids = used[ids], np.flatnonzero(used)
    T_world_cam = np.stack([keyframe.T_world_cam for keyframe in keyframes])
    return WindowProblem(
        (rig.left.fx, rig.left.fy, rig.left.cx, rig.left.cy),
        rig.baseline_m,
        np.array([keyframe.keyframe_id for keyframe in keyframes], np.int64),
        T_world_cam,
        np.arange(len(keyframes)) == 0,
        np.tile(HELD_VARIANCE * np.eye(6), (len(keyframes), 1, 1)),
        landmark_ids,
        world.points_world[landmark_ids],
        np.repeat(np.arange(len(keyframes)), [len(index) for index in seen])[kept],
        np.searchsorted(landmark_ids, ids[kept]),
        np.concatenate(xy).astype(np.float64)[kept],
        right_x[kept],
        None if mode.is_metric else _scale_pair(T_world_cam),
        config,
    )


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype)


def _scale_pair(T_world_cam: Float64) -> tuple[int, int] | None:
    """The first keyframe and the one farthest from it: the distance that a step changes least."""
    distances = np.linalg.norm(T_world_cam[:, :3, 3] - T_world_cam[0, :3, 3], axis=1)
    return (0, int(np.argmax(distances))) if len(distances) > 1 else None
