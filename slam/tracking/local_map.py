"""The part of the map that a frame should see: projected into its predicted view, and searched around a known pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.config import TrackingConfig
from slam.geometry import inside
from slam.mapping.map import Map, points_in_camera
from slam.types import Float64, Int64, MatchView, Observation

MIN_VIEW_COS = 0.4  # cosine between the present and the last view of a landmark
MAX_DISTANCE_RATIO = 2.5  # present over last viewing distance, or the inverse


@dataclass(frozen=True, slots=True, eq=False)
class LocalView:
    """Landmarks expected in a view, and where."""

    landmark_ids: Int64  # (M,)
    xy: Float64  # (M, 2) ideal pinhole px

    def __len__(self) -> int:
        return len(self.landmark_ids)


def local_landmarks(world: Map, landmark_ids: Int64, count: int) -> Int64:
    """Ids of all landmarks seen by the ``count`` keyframes that share the most with the given landmarks (N,)."""
    keyframes = [world.keyframes[k] for k, _ in world.covisible(landmark_ids)[:count]]
    if not keyframes:
        keyframes = [world.last_keyframe]
    seen = np.concatenate([k.landmark_ids for k in keyframes])
    return np.unique(seen[seen >= 0])


def visible(world: Map, landmark_ids: Int64, T_world_cam: Float64, camera: Camera, margin_px: float) -> LocalView:
    """Of some landmarks, those that a camera here should see, from a side and distance known to it."""
    points_cam = points_in_camera(world, landmark_ids, T_world_cam)
    xy = camera.project(points_cam)
    distances = np.maximum(np.linalg.norm(points_cam, axis=1), 1e-9)
    to_camera = (T_world_cam[:3, 3] - world.points_world[landmark_ids]) / distances[:, None]
    cos = np.sum(to_camera * world.directions[landmark_ids], axis=1)
    ratio = distances / np.maximum(world.distances_m[landmark_ids], 1e-9)
    with np.errstate(invalid="ignore"):
        seen = inside(np.nan_to_num(xy, nan=-1e9), camera.image_size, -margin_px) & (points_cam[:, 2] > 0.05)
    seen &= (cos > MIN_VIEW_COS) & (ratio < MAX_DISTANCE_RATIO) & (ratio > 1 / MAX_DISTANCE_RATIO)
    return LocalView(landmark_ids[seen], xy[seen])


def strongest(world: Map, view: LocalView, count: int, camera: Camera) -> LocalView:
    """At most ``count`` of a view: the most observed of each cell of an 8 x 6 grid, in turn."""
    if len(view) <= count:
        return view
    columns = np.clip(view.xy[:, 0] / camera.width * 8, 0, 7).astype(int)
    rows = np.clip(view.xy[:, 1] / camera.height * 6, 0, 5).astype(int)
    cells = rows * 8 + columns
    order = np.lexsort((view.landmark_ids, -world.observations[view.landmark_ids], cells))
    starts = np.searchsorted(cells[order], np.arange(48))
    rank_in_cell = np.arange(len(order)) - starts[cells[order]]
    chosen = np.sort(order[np.argsort(rank_in_cell, kind="stable")[:count]])
    return LocalView(view.landmark_ids[chosen], view.xy[chosen])


def virtual_view(world: Map, view: LocalView, camera: Camera, sigma_px: float) -> MatchView:
    """The predicted picture of the map, ``sigma_px`` off or less: the motion prior."""
    sigmas_px = np.full(len(view), sigma_px, np.float32)
    return MatchView(view.xy.astype(np.float32), world.descriptors[view.landmark_ids], camera.image_size, sigmas_px)


def guided_search(
    world: Map, view: LocalView, observation: Observation, taken: Int64, config: TrackingConfig
) -> tuple[Int64, Int64]:
    """Feature index (K,) and landmark id (K,) of new pairs: mutual best descriptors within a radius of the projection.

    ``taken`` (N,) are the landmarks that the features see already; neither side of those is searched.
    """
    free = np.flatnonzero(taken < 0)
    wanted = np.flatnonzero(~np.isin(view.landmark_ids, taken[taken >= 0]))
    if len(free) == 0 or len(wanted) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    xy = observation.features.xy[free]
    expected, radius_px = view.xy[wanted].astype(np.float32), np.float32(config.search_radius_px)
    near = np.abs(expected[:, 0, None] - xy[:, 0]) < radius_px
    near &= np.abs(expected[:, 1, None] - xy[:, 1]) < radius_px
    similarity = world.descriptors[view.landmark_ids[wanted]] @ observation.features.descriptors[free].T
    similarity[~near] = -1.0
    best_feature, best_landmark = similarity.argmax(1), similarity.argmax(0)
    mutual = best_landmark[best_feature] == np.arange(len(wanted))
    good = mutual & (similarity[np.arange(len(wanted)), best_feature] > config.search_similarity)
    return free[best_feature[good]], view.landmark_ids[wanted[good]]
