"""Which part of the map the graph optimises: the newest keyframe's neighbourhood, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Rig
from slam.config import GraphConfig
from slam.mapping.map import Map
from slam.types import Bool, Float64, Int64, Mode

EDGE_COVARIANCE = 0.1  # of the last one: what an edge keyframe knew when it left was gathered over several windows


@dataclass(frozen=True, slots=True, eq=False)
class WindowProblem:
    """A local bundle adjustment, ready to be sent to another process."""

    intrinsics: tuple[float, float, float, float]  # fx, fy, cx, cy px
    baseline_m: float
    keyframe_ids: Int64  # (K,)
    T_world_cam: Float64  # (K, 4, 4)
    is_edge: Bool  # (K,) older keyframes, held by a prior
    prior_covariances: Float64  # (K, 6, 6) of the edge keyframes; rows of the others mean nothing
    landmark_ids: Int64  # (L,)
    points_world: Float64  # (L, 3)
    keyframe_index: Int64  # (O,) into keyframe_ids, per observation
    landmark_index: Int64  # (O,) into landmark_ids
    xy: Float64  # (O, 2) ideal pinhole px
    right_x: Float64  # (O,) px, NaN where unknown
    scale_pair: tuple[int, int] | None  # mono: indices of two keyframes whose distance fixes the scale
    config: GraphConfig


def choose_window(
    world: Map, rig: Rig, mode: Mode, config: GraphConfig, covariances: dict[int, Float64]
) -> WindowProblem:
    """The window around the newest keyframe: its most covisible keyframes free, older observers at the edge."""
    newest = world.last_keyframe
    others = [k for k, _ in world.covisible(newest.landmark_ids) if k != newest.keyframe_id]
    free = [newest.keyframe_id, *others[: config.window - 1]]
    landmark_ids = _landmarks(world, free, config.max_landmarks)
    edge = [k for k, _ in world.covisible(landmark_ids) if k not in free][: config.edge]
    keyframe_ids = np.array(sorted(free) + sorted(edge), np.int64)
    first_id = world.first_of(newest.submap_id)
    is_edge = np.array([k in edge or (k == first_id) for k in keyframe_ids.tolist()])
    if not is_edge.any():  # nothing older: the oldest keeps its place
        is_edge[0] = True
    observations = [_observations(world, i, int(k), landmark_ids) for i, k in enumerate(keyframe_ids)]
    keyframe_index, landmark_index, xy, right_x = (np.concatenate(part) for part in zip(*observations))
    held = np.where(np.isfinite(right_x), 2, 1)  # a point needs two pictures, or one with depth
    used = np.bincount(landmark_index, held, minlength=len(landmark_ids)) >= 2
    kept = used[landmark_index]
    return WindowProblem(
        (rig.left.fx, rig.left.fy, rig.left.cx, rig.left.cy),
        rig.baseline_m,
        keyframe_ids,
        np.stack([world.keyframes[int(k)].T_world_cam for k in keyframe_ids]),
        is_edge,
        np.stack([_prior(int(k), first_id, covariances) for k in keyframe_ids]),
        landmark_ids[used],
        world.points_world[landmark_ids[used]],
        keyframe_index[kept],
        (np.cumsum(used) - 1)[landmark_index[kept]],
        xy[kept],
        right_x[kept],
        _scale_pair(keyframe_ids, is_edge, mode),
        config,
    )


def _landmarks(world: Map, keyframe_ids: list[int], most: int) -> Int64:
    """Landmarks (L,) that these keyframes see and at least two confirm; the most observed stay."""
    seen = np.concatenate([world.keyframes[k].landmark_ids for k in keyframe_ids])
    ids = np.unique(seen[seen >= 0])
    ids = ids[world.observations[ids] >= 2]
    if len(ids) <= most:
        return ids
    order = np.lexsort((-ids, -world.observations[ids]))
    return np.sort(ids[order[:most]])


def _observations(
    world: Map, keyframe_index: int, keyframe_id: int, landmark_ids: Int64
) -> tuple[Int64, Int64, Float64, Float64]:
    keyframe = world.keyframes[keyframe_id]
    index = np.flatnonzero(np.isin(keyframe.landmark_ids, landmark_ids))
    observation = keyframe.observation
    return (
        np.full(len(index), keyframe_index, np.int64),
        np.searchsorted(landmark_ids, keyframe.landmark_ids[index]),
        observation.features.xy[index].astype(np.float64),
        observation.right_x[index].astype(np.float64),
    )


def _prior(keyframe_id: int, first_id: int, covariances: dict[int, Float64]) -> Float64:
    """The first keyframe is the world; any other is known as well as the last optimisation said."""
    if keyframe_id == first_id or keyframe_id not in covariances:
        return np.eye(6) * 1e-10
    return EDGE_COVARIANCE * covariances[keyframe_id]


def _scale_pair(keyframe_ids: Int64, is_edge: Bool, mode: Mode) -> tuple[int, int] | None:
    """Two keyframes that hold the scale of a monocular window when fewer than two are at its edge."""
    if mode.is_metric or is_edge.sum() >= 2 or len(keyframe_ids) < 2:
        return None
    return 0, 1
