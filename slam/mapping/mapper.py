"""From tracked frame to keyframe: landmarks by measured depth, by triangulation, and shared with neighbours."""

from __future__ import annotations

import numpy as np

from slam.camera import Rig
from slam.config import MappingConfig, TrackingConfig
from slam.geometry import apply
from slam.mapping.map import Map
from slam.mapping.triangulation import epipolar_error_px, triangulate_checked
from slam.matching import Matcher
from slam.tracking.local_map import guided_search, visible
from slam.types import Float64, Frame, ImuSamples, Int64, Keyframe, Mode, Observation, Uint8


class Mapper:
    """Grows a Map. Keeps no state of its own."""

    def __init__(self, rig: Rig, mode: Mode, matcher: Matcher, config: MappingConfig, tracking: TrackingConfig) -> None:
        self._rig, self._camera, self._mode = rig, rig.left, mode
        self._matcher, self._config, self._tracking = matcher, config, tracking

    def insert(
        self,
        world: Map,
        frame: Frame,
        observation: Observation,
        T_world_cam: Float64,
        landmark_ids: Int64,
        submap_id: int = 0,
        imu: ImuSamples | None = None,
    ) -> Keyframe:
        """Add a keyframe that sees landmark_ids (N,), and every landmark that it makes possible.

        ``imu``: the samples since the keyframe before it in its sub-map.
        """
        keyframe = world.add_keyframe(frame.index, observation, T_world_cam, landmark_ids, submap_id, imu)
        colors = feature_colors(frame, observation)
        self._add_measured(world, keyframe, colors)
        neighbours = [world.keyframes[k] for k, _ in world.covisible(keyframe.landmark_ids)]
        neighbours = [k for k in neighbours if k.keyframe_id != keyframe.keyframe_id]
        self._triangulate(world, keyframe.keyframe_id, neighbours[: self._config.neighbours], colors)
        for neighbour in neighbours[: 2 * self._config.neighbours]:
            self._share(world, keyframe.keyframe_id, neighbour.keyframe_id)
        self._cull(world, keyframe.keyframe_id)
        return world.keyframes[keyframe.keyframe_id]

    def mappable(self, observation: Observation) -> np.ndarray:
        """(N,) whether a feature's measured depth is good enough to place a landmark."""
        depth_m = np.nan_to_num(observation.depth_m, nan=-1.0)
        return (depth_m > 0) & (depth_m < self._config.max_depth_baselines * self._rig.baseline_m)

    def points_world(self, observation: Observation, T_world_cam: Float64, index: Int64) -> Float64:
        """(M, 3) of features ``index`` (M,) by their measured depth."""
        rays = self._camera.rays(observation.features.xy[index])
        return apply(T_world_cam, rays * observation.depth_m[index, None].astype(np.float64))

    def _add_measured(self, world: Map, keyframe: Keyframe, colors: Uint8) -> None:
        observation = keyframe.observation
        index = np.flatnonzero(self.mappable(observation) & (keyframe.landmark_ids < 0))
        points_world = self.points_world(observation, keyframe.T_world_cam, index)
        world.add_landmarks(keyframe.keyframe_id, points_world, index, colors[index])

    def _triangulate(self, world: Map, keyframe_id: int, neighbours: list[Keyframe], colors: Uint8) -> None:
        """Landmarks for features that neither the keyframe nor a neighbour has one for; matched in one batch."""
        keyframe = world.keyframes[keyframe_id]
        neighbours = [neighbour for neighbour in neighbours if self._has_baseline(world, keyframe, neighbour)]
        free = [np.flatnonzero(k.landmark_ids < 0) for k in (keyframe, *neighbours)]
        seen = keyframe.observation.features.view(free[0])
        others = [k.observation.features.view(index) for k, index in zip(neighbours, free[1:], strict=True)]
        found = self._matcher.match_many([(seen, other) for other in others])
        for neighbour, index, matches in zip(neighbours, free[1:], found, strict=True):
            pairs = np.stack([free[0][matches.index_a], index[matches.index_b]])
            self._triangulate_with(world, keyframe_id, neighbour.keyframe_id, pairs, colors)

    def _triangulate_with(self, world: Map, keyframe_id: int, neighbour_id: int, pairs: Int64, colors: Uint8) -> None:
        """Landmarks for pairs (2, K) of features that match, as far as they still have none."""
        a, b = world.keyframes[keyframe_id], world.keyframes[neighbour_id]
        index_a, index_b = pairs[:, (a.landmark_ids[pairs[0]] < 0) & (b.landmark_ids[pairs[1]] < 0)]
        xy_a, xy_b = a.observation.features.xy[index_a], b.observation.features.xy[index_b]
        points_world, good = triangulate_checked(
            self._camera,
            a.T_world_cam,
            b.T_world_cam,
            xy_a,
            xy_b,
            self._config.min_parallax_deg,
            self._config.max_reprojection_px,
        )
        good &= epipolar_error_px(self._camera, a.T_world_cam, b.T_world_cam, xy_a, xy_b) < 2.0
        ids = world.add_landmarks(keyframe_id, points_world[good], index_a[good], colors[index_a[good]])
        world.associate(neighbour_id, index_b[good], ids)
        world.associate(keyframe_id, index_a[good], ids)

    def _has_baseline(self, world: Map, a: Keyframe, b: Keyframe) -> bool:
        """Whether the two views are far enough apart for the depth of the scene."""
        seen = a.landmark_ids[a.landmark_ids >= 0]
        if len(seen) == 0:
            return True
        depth = np.median(np.linalg.norm(world.points_world[seen] - a.T_world_cam[:3, 3], axis=1))
        baseline = np.linalg.norm(a.T_world_cam[:3, 3] - b.T_world_cam[:3, 3])
        return bool(baseline > np.deg2rad(self._config.min_parallax_deg) * depth)

    def _share(self, world: Map, keyframe_id: int, neighbour_id: int) -> None:
        """Let the neighbour see this keyframe's landmarks where they project onto a feature of the same look."""
        ids = world.keyframes[keyframe_id].landmark_ids
        neighbour = world.keyframes[neighbour_id]
        view = visible(world, np.flatnonzero(world.marked(ids)), neighbour.T_world_cam, self._camera, 0.0)
        index, found = guided_search(world, view, neighbour.observation, neighbour.landmark_ids, self._tracking)
        error_px = np.linalg.norm(
            view.xy[np.searchsorted(view.landmark_ids, found)] - neighbour.observation.features.xy[index], axis=1
        )
        near = error_px < self._config.max_reprojection_px * 1.5
        descriptors = world.descriptors[found[near]].copy()
        world.associate(neighbour_id, index[near], found[near])
        world.descriptors[found[near]] = descriptors  # the newest keyframe describes the landmark, not the neighbour

    def _cull(self, world: Map, keyframe_id: int) -> None:
        """Remove landmarks that are rarely found where they should be, and young ones that nobody saw again."""
        rows = np.arange(world.num_landmarks)
        rows = rows[world.alive[: len(rows)]]
        needed = self._config.cull_observations + (0 if self._mode.is_metric else 1)
        age = keyframe_id - world.born[rows]
        unseen = (world.predicted[rows] > 5) & (
            world.found[rows] < self._config.cull_found_share * world.predicted[rows]
        )
        lonely = (age == self._config.cull_after_keyframes) & (world.observations[rows] < needed)
        world.remove_landmarks(rows[unseen | lonely])


def feature_colors(frame: Frame, observation: Observation) -> Uint8:
    """(N, 3) RGB of the pixels under the features."""
    picture = frame.image if frame.color is None else frame.color
    x = np.clip(np.rint(observation.xy_raw[:, 0]).astype(int), 0, picture.shape[1] - 1)
    y = np.clip(np.rint(observation.xy_raw[:, 1]).astype(int), 0, picture.shape[0] - 1)
    found = picture[y, x]
    return found if found.ndim == 2 else np.repeat(found[:, None], 3, axis=1)
