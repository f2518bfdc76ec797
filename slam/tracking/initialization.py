"""Monocular start: two views with enough parallax between them, never a still or merely turning camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.config import InitConfig
from slam.geometry import parallax_rad
from slam.mapping.triangulation import triangulate_checked
from slam.matching import Matcher
from slam.tracking.two_view import relative_pose, rotation_residual_px
from slam.types import Float64, Frame, Int64, Matches, Observation

NEEDS_TRANSLATION = "needs translation"
MAX_REPROJECTION_PX = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class TwoViewStart:
    """Everything a first monocular map is made of; the median depth in the first view is 1."""

    frame_a: Frame
    observation_a: Observation
    index_a: Int64  # (M,) features of the first view
    index_b: Int64  # (M,) and of the second
    points_world: Float64  # (M, 3), world = first camera
    T_world_cam_b: Float64
    waited: list[tuple[Frame, Observation]]  # frames between the two views


class MonoInitializer:
    """Holds the first view until a later one stands far enough from it."""

    def __init__(self, camera: Camera, matcher: Matcher, config: InitConfig) -> None:
        self._camera, self._matcher, self._config = camera, matcher, config
        self._first: tuple[Frame, Observation] | None = None
        self._waited: list[tuple[Frame, Observation]] = []

    def start(self, frame: Frame, observation: Observation) -> tuple[TwoViewStart | None, str, Matches]:
        """A start, or None and the reason; and the matches with the first view."""
        if self._first is None:
            return self._begin(frame, observation, "first view")
        _, first = self._first
        matches = self._matcher.match(first.features.view(), observation.features.view())
        if len(matches) < self._config.min_matches:
            return self._begin(frame, observation, f"too few matches with the first view ({len(matches)})", matches)
        found, reason = self._two_views(matches, first, observation)
        if found is not None:
            first_frame, _ = self._first
            start = TwoViewStart(first_frame, first, *found, self._waited)
            self._first, self._waited = None, []
            return start, "", matches
        if len(self._waited) >= self._config.max_wait_frames:
            return self._begin(frame, observation, reason, matches)
        self._waited.append((frame, observation))
        return None, reason, matches

    def forget(self) -> None:
        """The view that was held is of no use any more."""
        self._first, self._waited = None, []

    def _begin(
        self, frame: Frame, observation: Observation, reason: str, matches: Matches | None = None
    ) -> tuple[None, str, Matches]:
        self._first, self._waited = (frame, observation), []
        return None, reason, matches if matches is not None else Matches.none()

    def _two_views(
        self, matches: Matches, first: Observation, second: Observation
    ) -> tuple[tuple[Int64, Int64, Float64, Float64] | None, str]:
        xy_a, xy_b = first.features.xy[matches.index_a], second.features.xy[matches.index_b]
        residual_px = rotation_residual_px(self._camera, xy_a, xy_b)
        if residual_px < self._config.min_residual_px:
            return None, f"{NEEDS_TRANSLATION} (parallax {residual_px:.1f} px)"
        T_a_b, reason = relative_pose(self._camera, xy_a, xy_b)
        if T_a_b is None:
            return None, f"{NEEDS_TRANSLATION} ({reason})"
        points_world, good = triangulate_checked(
            self._camera, np.eye(4), T_a_b, xy_a, xy_b, min_parallax_deg=0.2, max_reprojection_px=MAX_REPROJECTION_PX
        )
        if good.sum() < self._config.min_landmarks:
            return None, f"{NEEDS_TRANSLATION} ({int(good.sum())} points in front of both views)"
        angle_deg = float(np.median(np.rad2deg(parallax_rad(points_world[good], np.zeros(3), T_a_b[:3, 3]))))
        if angle_deg < self._config.min_parallax_deg:
            return None, f"{NEEDS_TRANSLATION} (parallax {angle_deg:.1f} deg)"
        if good.mean() < 0.5:
            return None, "the two views disagree"
        depth = float(np.median(points_world[good, 2]))
        T_a_b[:3, 3] /= depth
        return (matches.index_a[good], matches.index_b[good], points_world[good] / depth, T_a_b), ""
