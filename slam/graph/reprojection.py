"""Where a problem's landmarks appear in its keyframes, and how far that is from where they were seen."""

from __future__ import annotations

import numpy as np

from slam.geometry import apply, invert
from slam.graph.window import WindowProblem
from slam.types import Float64

LEAST_DEPTH = 1e-3  # units of the map; nearer is behind the camera


def points_in_cameras(problem: WindowProblem, T_world_cam: Float64, points_world: Float64) -> Float64:
    """points_cam (O, 3) of every observation, for poses (K, 4, 4) and points (L, 3) in place of the problem's own."""
    points_cam = np.empty((len(problem.xy), 3))
    for i, T in enumerate(T_world_cam):
        seen = problem.keyframe_index == i
        points_cam[seen] = apply(invert(T), points_world[problem.landmark_index[seen]])
    return points_cam


def errors_px(problem: WindowProblem, points_cam: Float64) -> Float64:
    """(O,) reprojection error of every observation, disparity included; infinite behind the camera or unknown."""
    fx, fy, cx, cy = problem.intrinsics
    z = np.where(points_cam[:, 2] > LEAST_DEPTH, points_cam[:, 2], np.nan)
    error = points_cam[:, :2] / z[:, None] * (fx, fy) + (cx, cy) - problem.xy
    disparity = problem.baseline_m * fx / z - (problem.xy[:, 0] - problem.right_x)
    disparity *= problem.config.sigma_px / problem.config.sigma_disparity_px  # in pixels of equal surprise
    total = np.hypot(np.linalg.norm(error, axis=1), np.where(np.isfinite(problem.right_x), disparity, 0.0))
    return np.nan_to_num(total, nan=np.inf)
