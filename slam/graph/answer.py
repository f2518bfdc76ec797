"""A solved problem read back: poses, points, and which observations do not agree."""

from __future__ import annotations

from dataclasses import dataclass

import gtsam
import numpy as np
from gtsam.symbol_shorthand import L, X

from slam.graph import inertial
from slam.graph.clean import has_place
from slam.graph.reprojection import LEAST_DEPTH, errors_px, points_in_cameras
from slam.graph.window import WindowProblem
from slam.types import Bool, Correction, Float64, InertialStates


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Poses and points of a problem's rows."""

    T_world_cam: Float64  # (K, 4, 4)
    points_world: Float64  # (L, 3)
    states: InertialStates | None = None  # with inertial samples


def solution_of(problem: WindowProblem, values: gtsam.Values, of_states: Float64 | None = None) -> Solution:
    """Arrays in C order, as they come out of another process: what is computed from them is the same to the bit.

    ``of_states``: covariances (C, 9, 9) of the velocities and biases, where there are inertial samples.
    """
    T_world_cam, points_world = np.empty((len(problem.keyframe_ids), 4, 4)), np.empty((len(problem.landmark_ids), 3))
    for i in range(len(T_world_cam)):
        T_world_cam[i] = values.atPose3(X(i)).matrix()
    for j in range(len(points_world)):
        points_world[j] = values.atPoint3(L(j))
    if problem.inertial is None:
        return Solution(T_world_cam, points_world)
    states = inertial.states_of(problem.inertial, problem.keyframe_ids, values, of_states)
    return Solution(inertial.camera_poses(problem.inertial, T_world_cam), points_world, states)


def correction_of(problem: WindowProblem, solved: WindowProblem, solution: Solution) -> Correction:
    """The answer to ``problem``, of which ``solved`` is the part that could be used; without its covariances.

    An observation that was put aside for where its point was is judged again by where the point is now; a landmark
    without a place and an observation without a pixel are outliers.
    """
    error_px, judged = _judged_again(problem, solved, solution)
    outlier, inlier = judged & (error_px > problem.config.outlier_px), judged & (error_px <= problem.config.outlier_px)
    return Correction(
        solved.keyframe_ids,
        solution.T_world_cam,
        solved.landmark_ids,
        solution.points_world,
        np.zeros((0, 6, 6)),
        problem.keyframe_ids[problem.keyframe_index[outlier]],
        problem.landmark_ids[problem.landmark_index[outlier]],
        float(np.sqrt(np.mean(error_px[inlier] ** 2))) if inlier.any() else float("nan"),
        states=solution.states,
        set_aside={"observations that ended behind": ended} if (ended := _ended_behind(solved, solution)) else {},
    )


def _judged_again(problem: WindowProblem, solved: WindowProblem, solution: Solution) -> tuple[Float64, Bool]:
    """Errors (O,) px of all observations of ``problem``, and which of them (O,) say something about the observation."""
    T_world_cam, points_world = problem.T_world_cam.copy(), problem.points_world.copy()
    keyframes = np.isin(problem.keyframe_ids, solved.keyframe_ids)
    landmarks = np.isin(problem.landmark_ids, solved.landmark_ids)
    T_world_cam[keyframes] = solution.T_world_cam
    points_world[landmarks] = solution.points_world
    judged = keyframes[problem.keyframe_index] & (landmarks | ~has_place(points_world))[problem.landmark_index]
    with np.errstate(all="ignore"):
        return errors_px(problem, points_in_cameras(problem, T_world_cam, points_world)), judged


def _ended_behind(solved: WindowProblem, solution: Solution) -> int:
    points_cam = points_in_cameras(solved, solution.T_world_cam, solution.points_world)
    return int((points_cam[:, 2] <= LEAST_DEPTH).sum())
