"""The part of the map that a frame should see: projected into its predicted view, and searched around a known pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.config import TrackingConfig
from slam.geometry import apply, inside, invert
from slam.mapping.map import Map
from slam.tracking.neighbours import is_best, pairs_along
from slam.types import Float32, Float64, Int64, MatchView, Observation

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
    return np.flatnonzero(world.marked(np.concatenate([k.landmark_ids for k in keyframes])))


def visible(world: Map, landmark_ids: Int64, T_world_cam: Float64, camera: Camera, margin_px: float) -> LocalView:
    """Of some landmarks, those that a camera here should see, from a side and distance known to it."""
    points_world = world.points_world[landmark_ids]
    points_cam = apply(invert(T_world_cam), points_world)
    xy = camera.project(points_cam)
    distances = np.maximum(np.sqrt(np.einsum("ij,ij->i", points_cam, points_cam)), 1e-9)
    cos = np.einsum("ij,ij->i", T_world_cam[:3, 3] - points_world, world.directions[landmark_ids]) / distances
    ratio = distances / np.maximum(world.distances_m[landmark_ids], 1e-9)
    seen = inside(xy, camera.image_size, -margin_px) & (points_cam[:, 2] > 0.05)  # NaN is nowhere
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
    wanted = np.flatnonzero(~world.marked(taken)[view.landmark_ids])
    if len(free) == 0 or len(wanted) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    of_wanted, of_free = _near(view.xy[wanted], observation.features.xy[free], config.search_radius_px)
    ids, index = view.landmark_ids[wanted[of_wanted]], free[of_free]
    similarity = np.einsum("kd,kd->k", world.descriptors[ids], observation.features.descriptors[index])
    good = similarity > config.search_similarity
    good &= is_best(of_wanted, similarity) & is_best(of_free, similarity)
    return index[good], ids[good]


def _near(xy_a: Float64, xy_b: Float32, radius_px: float) -> tuple[Int64, Int64]:
    """Indices (K,) into a (M, 2) and b (N, 2) of the pairs that differ by less than the radius in x and in y."""
    index_a, index_b = pairs_along(xy_a[:, 0], xy_b[:, 0], radius_px)
    near = np.abs(xy_a[index_a, 1] - xy_b[index_b, 1]) < radius_px
    return index_a[near], index_b[near]
