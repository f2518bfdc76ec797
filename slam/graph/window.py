"""Which part of the map the graph optimises: the newest keyframe's neighbourhood, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Rig
from slam.config import GraphConfig
from slam.graph.inertial_window import (
    FIXED_COVARIANCE,
    InertialKnowledge,
    InertialWindow,
    choose_inertial,
    gauge_covariance,
)
from slam.mapping.map import Map
from slam.types import Bool, Float64, Int64, Keyframe, Mode

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
    inertial: InertialWindow | None = None  # None: the camera alone


def choose_window(
    world: Map,
    rig: Rig,
    mode: Mode,
    config: GraphConfig,
    covariances: dict[int, Float64],
    known: InertialKnowledge | None = None,
) -> WindowProblem:
    """The window around the newest keyframe: its most covisible keyframes free, older observers at the edge.

    With inertial knowledge the newest keyframes are free instead, the one before them stands at the edge: only between
    consecutive keyframes do samples say anything.
    """
    newest = world.last_keyframe
    free = _most_covisible(world, newest, config.window) if known is None else _newest(world, newest, known.window)
    landmark_ids = _landmarks(world, free, config.max_landmarks)
    edge = _edge(world, free, landmark_ids, config.edge, known)
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
        np.stack([_prior(world.keyframes[int(k)], first_id, covariances, known) for k in keyframe_ids]),
        landmark_ids[used],
        world.points_world[landmark_ids[used]],
        keyframe_index[kept],
        (np.cumsum(used) - 1)[landmark_index[kept]],
        xy[kept],
        right_x[kept],
        _scale_pair(keyframe_ids, is_edge, mode) if known is None else None,
        config,
        choose_inertial(world, newest, keyframe_ids, known),
    )


def _most_covisible(world: Map, newest: Keyframe, count: int) -> list[int]:
    others = [k for k, _ in world.covisible(newest.landmark_ids) if k != newest.keyframe_id]
    return [newest.keyframe_id, *others[: count - 1]]


def _newest(world: Map, newest: Keyframe, count: int) -> list[int]:
    return [keyframe.keyframe_id for keyframe in world.submap(newest.submap_id)[-count:]]


def _edge(world: Map, free: list[int], landmark_ids: Int64, most: int, known: InertialKnowledge | None) -> list[int]:
    """Older keyframes that see the same landmarks, the most first; with inertial knowledge also the last one."""
    edge = [k for k, _ in world.covisible(landmark_ids) if k not in free][:most]
    before = [] if known is None else [k.keyframe_id for k in world.submap(world.keyframes[free[0]].submap_id)]
    before = [k for k in before if k < min(free)][-1:]
    return edge + [k for k in before if k not in edge]


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


def _prior(
    keyframe: Keyframe, first_id: int, covariances: dict[int, Float64], known: InertialKnowledge | None
) -> Float64:
    """The first keyframe is the world; any other is known as well as the last optimisation said."""
    if keyframe.keyframe_id == first_id and known is not None:
        return gauge_covariance(keyframe, known)
    if keyframe.keyframe_id == first_id or keyframe.keyframe_id not in covariances:
        return np.eye(6) * FIXED_COVARIANCE
    return EDGE_COVARIANCE * covariances[keyframe.keyframe_id]


def _scale_pair(keyframe_ids: Int64, is_edge: Bool, mode: Mode) -> tuple[int, int] | None:
    """Two keyframes that hold the scale of a monocular window when fewer than two are at its edge."""
    if mode.is_metric or is_edge.sum() >= 2 or len(keyframe_ids) < 2:
        return None
    return 0, 1
