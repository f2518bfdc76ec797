"""Frame-to-map tracking: early-exit match with the predicted local map, PnP, refinement, guided search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from slam.camera import Rig
from slam.config import TrackingConfig
from slam.mapping.map import Map, points_in_camera
from slam.matching import Matcher
from slam.stopwatch import Stopwatch
from slam.tracking.local_map import LocalView, guided_search, local_landmarks, strongest, virtual_view, visible
from slam.tracking.motion import UNKNOWN_SIGMA_PX
from slam.tracking.pose import PointMeasurements, errors_px, refine_pose, solve_pnp
from slam.types import Bool, Float64, Int64, Keyframe, Matches, Observation

VIEW_MARGIN_PX = 40.0  # the prediction may be off by this much
DISPARITY_OUTLIER_SIGMAS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class TrackResult:
    """Where a frame is, or why that is not known."""

    T_world_cam: Float64 | None  # None when lost
    landmark_ids: Int64  # (N,) per feature, inliers only
    reason: str
    matches: Matches = field(default_factory=Matches.none)
    inliers: int = 0
    prediction_error_px: float = np.nan  # typical distance between the points' predicted and found places
    information: Float64 | None = None  # (6, 6) of the pose given the landmarks, in the camera's tangent


class Tracker:
    """Locates observations in a map. Keeps no state of its own between frames."""

    def __init__(self, rig: Rig, matcher: Matcher, config: TrackingConfig, sigma_disparity_px: float) -> None:
        self._camera, self._baseline_m = rig.left, rig.baseline_m
        self._matcher, self._config = matcher, config
        self._sigma_disparity_px = sigma_disparity_px

    def track(
        self,
        observation: Observation,
        world: Map,
        T_world_cam_guess: Float64,
        seen_ids: Int64,
        watch: Stopwatch,
        sigma_px: float = UNKNOWN_SIGMA_PX,
    ) -> TrackResult:
        """Locate a frame near a guess that misplaces points by about ``sigma_px``.

        ``seen_ids``, landmarks of the frame before, choose the local map.
        """
        with watch("local_map"):
            nearby = local_landmarks(world, seen_ids, self._config.local_keyframes)
            view = visible(world, nearby, T_world_cam_guess, self._camera, VIEW_MARGIN_PX)
            view = strongest(world, view, self._config.local_landmarks, self._camera)
        with watch("match"):
            predicted = virtual_view(world, view, self._camera, sigma_px)
            matches = self._matcher.match(predicted, observation.features.view())
        with watch("pose"):
            landmark_ids = _assigned(observation, matches.index_b, view.landmark_ids[matches.index_a])
            result = self._locate(observation, world, landmark_ids, nearby, matches)
            return replace(result, prediction_error_px=self._moved_px(result, world, T_world_cam_guess))

    def track_from_keyframes(
        self, observation: Observation, world: Map, keyframes: Sequence[Keyframe]
    ) -> Iterator[TrackResult]:
        """Locate a frame without any guess, by each keyframe's own picture.

        All are matched in one batch, whatever time it takes, and located one by one as they are asked for.
        """
        seen = observation.features.view()
        pairs = [(keyframe.observation.features.view(), seen) for keyframe in keyframes]
        found = self._matcher.match_many(pairs, max_layers=self._matcher.num_layers)
        for keyframe, matches in zip(keyframes, found, strict=True):
            yield self._from_keyframe(observation, world, keyframe, matches)

    def _from_keyframe(self, observation: Observation, world: Map, keyframe: Keyframe, matches: Matches) -> TrackResult:
        landmark_ids = _assigned(observation, matches.index_b, keyframe.landmark_ids[matches.index_a])
        nearby = local_landmarks(world, keyframe.landmark_ids, self._config.local_keyframes)
        return self._locate(observation, world, landmark_ids, nearby, matches)

    def _locate(
        self, observation: Observation, world: Map, landmark_ids: Int64, nearby: Int64, matches: Matches
    ) -> TrackResult:
        nothing = np.full(len(observation), -1, np.int64)
        count = int((landmark_ids >= 0).sum())
        if count < self._config.min_matches:
            return TrackResult(None, nothing, f"too few matches ({count})", matches)
        index = np.flatnonzero(landmark_ids >= 0)
        solved = solve_pnp(
            self._camera,
            self._measurements(observation, world, index, landmark_ids[index]),
            self._config.pnp_threshold_px,
        )
        if solved is None or solved[1].sum() < self._config.min_inliers:
            return TrackResult(None, nothing, "no pose explains the matches", matches)
        T_world_cam, inliers = solved
        landmark_ids = _only(landmark_ids, index[inliers])
        T_world_cam, landmark_ids, _ = self._refine(observation, world, T_world_cam, landmark_ids)
        T_world_cam, landmark_ids, known = self._search(observation, world, T_world_cam, landmark_ids, nearby)
        inlier_count = int((landmark_ids >= 0).sum())
        if inlier_count < self._config.min_inliers:
            return TrackResult(None, nothing, f"too few inliers ({inlier_count})", matches)
        return TrackResult(T_world_cam, landmark_ids, "", matches, inlier_count, information=known)

    def _refine(
        self, observation: Observation, world: Map, T_world_cam: Float64, landmark_ids: Int64
    ) -> tuple[Float64, Int64, Float64 | None]:
        """A better pose, the landmarks that agree with it, and its information; None where too little is seen."""
        index = np.flatnonzero(landmark_ids >= 0)
        if len(index) < 4:
            return T_world_cam, landmark_ids, None
        seen = self._measurements(observation, world, index, landmark_ids[index])
        T_world_cam, information = refine_pose(self._camera, self._baseline_m, seen, T_world_cam, sigma_px=1.0)
        agree = self._agree(T_world_cam, seen)
        return T_world_cam, _only(landmark_ids, index[agree]), information

    def _search(
        self, observation: Observation, world: Map, T_world_cam: Float64, landmark_ids: Int64, nearby: Int64
    ) -> tuple[Float64, Int64, Float64 | None]:
        """Find more of the local map around the pose, refine again, and keep the statistics that culling lives on."""
        view = visible(world, nearby, T_world_cam, self._camera, 0.0)
        index, ids = guided_search(world, view, observation, landmark_ids, self._config)
        landmark_ids = landmark_ids.copy()
        landmark_ids[index] = ids
        T_world_cam, landmark_ids, known = self._refine(observation, world, T_world_cam, landmark_ids)
        _count(world, view, landmark_ids)
        return T_world_cam, landmark_ids, known

    def _measurements(
        self, observation: Observation, world: Map, index: Int64, landmark_ids: Int64
    ) -> PointMeasurements:
        return PointMeasurements(
            world.points_world[landmark_ids],
            observation.features.xy[index].astype(np.float64),
            observation.right_x[index].astype(np.float64),
            np.full(len(index), self._sigma_disparity_px),
        )

    def _moved_px(self, result: TrackResult, world: Map, T_world_cam_guess: Float64) -> float:
        """Root mean square distance between the places of the inliers as guessed and as found, NaN when lost."""
        if result.T_world_cam is None:
            return np.nan
        ids = result.landmark_ids[result.landmark_ids >= 0]
        guessed, found = (
            self._camera.project(points_in_camera(world, ids, pose)) for pose in (T_world_cam_guess, result.T_world_cam)
        )
        squared = np.sum((guessed - found) ** 2, axis=1)
        return float(np.sqrt(np.nanmean(squared))) if np.isfinite(squared).any() else np.nan

    def _agree(self, T_world_cam: Float64, seen: PointMeasurements) -> Bool:
        error_px, disparity_px = errors_px(self._camera, self._baseline_m, T_world_cam, seen)
        bound_px = DISPARITY_OUTLIER_SIGMAS * seen.sigma_disparity_px
        return (error_px < self._config.inlier_px) & (np.abs(disparity_px) < bound_px)


def _assigned(observation: Observation, index: Int64, landmark_ids: Int64) -> Int64:
    """(N,) landmark ids per feature, each landmark at most once."""
    ids = np.full(len(observation), -1, np.int64)
    known = landmark_ids >= 0
    unique_ids, first = np.unique(landmark_ids[known], return_index=True)
    ids[index[known][first]] = unique_ids
    return ids


def _only(landmark_ids: Int64, index: Int64) -> Int64:
    """(N,) the landmark ids of features ``index``, -1 for the others."""
    ids = np.full(len(landmark_ids), -1, np.int64)
    ids[index] = landmark_ids[index]
    return ids


def _count(world: Map, view: LocalView, landmark_ids: Int64) -> None:
    world.count(view.landmark_ids, view.landmark_ids[world.marked(landmark_ids)[view.landmark_ids]])
