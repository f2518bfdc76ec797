"""A problem with fewer rows, or with keyframes that keep their place: how the graph puts aside what it can't use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slam.graph.window import WindowProblem
from slam.types import Bool, Float64

HELD_VARIANCE = 1e-10  # rad^2 and units^2: of a pose that keeps its place, as that of the first keyframe


def kept(
    problem: WindowProblem,
    keyframes: Bool | None = None,
    landmarks: Bool | None = None,
    observations: Bool | None = None,
) -> WindowProblem:
    """The problem with these keyframes (K,), landmarks (L,) and of the observations (O,) those of both; None: all.

    Every observation's rows must be inside the problem. The scale pair becomes the first two keyframes left.
    """
    if keyframes is None:
        keyframes = np.ones(len(problem.keyframe_ids), bool)
    if landmarks is None:
        landmarks = np.ones(len(problem.landmark_ids), bool)
    seen = keyframes[problem.keyframe_index] & landmarks[problem.landmark_index]
    if observations is not None:
        seen &= observations
    return replace(
        problem,
        keyframe_ids=problem.keyframe_ids[keyframes],
        T_world_cam=problem.T_world_cam[keyframes],
        is_edge=problem.is_edge[keyframes],
        prior_covariances=problem.prior_covariances[keyframes],
        landmark_ids=problem.landmark_ids[landmarks],
        points_world=problem.points_world[landmarks],
        keyframe_index=_rows_left(keyframes)[problem.keyframe_index[seen]],
        landmark_index=_rows_left(landmarks)[problem.landmark_index[seen]],
        xy=problem.xy[seen],
        right_x=problem.right_x[seen],
        scale_pair=_scale_pair(problem.scale_pair, keyframes),
        inertial=None if problem.inertial is None else problem.inertial.kept(keyframes),
    )


def held(problem: WindowProblem, keyframes: Bool, covariance: Float64 | None = None) -> WindowProblem:
    """The problem with these keyframes (K,) at its edge, where they are: tightly, or with a covariance (6, 6)."""
    covariances = problem.prior_covariances.copy()
    covariances[keyframes] = HELD_VARIANCE * np.eye(6) if covariance is None else covariance
    return replace(problem, is_edge=problem.is_edge | keyframes, prior_covariances=covariances)


def _rows_left(mask: Bool) -> np.ndarray:
    """Old row to new row."""
    return np.cumsum(mask) - 1


def _scale_pair(pair: tuple[int, int] | None, keyframes: Bool) -> tuple[int, int] | None:
    if pair is None or keyframes.sum() < 2:
        return None
    if keyframes[list(pair)].all():
        a, b = _rows_left(keyframes)[list(pair)].tolist()
        return a, b
    return 0, 1
