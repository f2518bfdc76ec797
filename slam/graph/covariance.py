"""How well the poses of a solved window are known: given the others, and to each other without what held them."""

from __future__ import annotations

from dataclasses import dataclass

import gtsam
import numpy as np

from slam.graph import inertial
from slam.graph.clean import is_covariance, loose_covariance
from slam.graph.factors import SCALE_SIGMA, landmark_keys, observation_graph, ordering_of, pose_keys, pose_priors
from slam.graph.window import WindowProblem
from slam.types import Float64


@dataclass(frozen=True, slots=True, eq=False)
class PoseInformation:
    """What is known of a window's poses, in the cameras' tangents, all else marginalised out."""

    free: Float64  # (6K, 6K) by pictures and inertial samples
    held: Float64  # (6K, 6K) with the priors at the edge
    of_states: Float64 | None  # (C, 9, 9) covariances of velocities and biases, where there are inertial samples


def pose_information(problem: WindowProblem, values: gtsam.Values) -> PoseInformation:
    """RuntimeError, naming a variable, where the system is indeterminate.

    The priors are added, never subtracted: some outweigh pixels by more orders than a float has digits.
    """
    free = _of_observations(problem, values)
    priors = _of_priors(problem, values)
    if problem.inertial is None:
        return PoseInformation(free, free + priors, None)
    free, of_states = inertial.with_states(free, priors, problem.inertial, values)
    return PoseInformation(free, free + inertial.of_cameras(priors, problem.inertial), of_states)


def conditional_covariances(problem: WindowProblem, information: Float64) -> tuple[Float64, int]:
    """(K, 6, 6) of every pose given the other poses: the prior at the next window's edge; and how many are loose.

    The plain marginal would let the edge drift as one body, scale included: its correlations are what hold it.
    """
    blocks = information.reshape(-1, 6, len(information) // 6, 6)
    covariances = np.stack([_inverse(blocks[i, :, i]) for i in range(len(blocks))])
    unknown = np.isnan(covariances).any((1, 2))
    covariances[unknown] = loose_covariance(problem)
    return covariances, int(unknown.sum())


def joint_covariance(problem: WindowProblem, free: Float64) -> Float64 | None:
    """(6K, 6K) of all poses, of their information without the priors at the edge; None where it is unknown.

    What it says of a pose alone is loose, since only the landmarks' wide priors hold the world; what it says of one
    pose seen from another is what the pictures (and inertial samples) say. Without a scale, that of the edge counts.
    """
    if problem.inertial is None and problem.scale_pair is None and not np.isfinite(problem.right_x).any():
        free = free + _of_scale(problem)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 / np.sqrt(np.diag(free))
    if not np.isfinite(scale).all():
        return None
    try:
        joint = np.linalg.inv(free * np.outer(scale, scale)) * np.outer(scale, scale)
    except np.linalg.LinAlgError:
        return None
    joint = 0.5 * (joint + joint.T)
    blocks = joint.reshape(-1, 6, len(joint) // 6, 6)
    return joint if all(is_covariance(blocks[i, :, i]) for i in range(len(blocks))) else None


def _of_observations(problem: WindowProblem, values: gtsam.Values) -> Float64:
    """Information (6K, 6K) of the pictures, landmarks marginalised out, in the tangents of the pose variables."""
    linear = observation_graph(problem).linearize(values)
    _, of_poses = linear.eliminatePartialSequential(ordering_of(landmark_keys(problem)))
    rows = np.unique([*problem.keyframe_index.tolist(), *(problem.scale_pair or ())])  # a held pose may see nothing
    seen, _ = of_poses.hessian(ordering_of([pose_keys(problem)[i] for i in rows.tolist()]))
    columns = (6 * rows[:, None] + np.arange(6)).ravel()
    information = np.zeros((6 * len(problem.keyframe_ids),) * 2)
    information[np.ix_(columns, columns)] = seen
    return information


def _of_priors(problem: WindowProblem, values: gtsam.Values) -> Float64:
    """Information (6K, 6K) of the priors at the edge, in the tangents of the pose variables."""
    information = np.zeros((6 * len(problem.keyframe_ids),) * 2)
    for i, prior in pose_priors(problem):
        rows = slice(6 * i, 6 * i + 6)
        information[rows, rows] = prior.linearize(values).information()
    return information


def _of_scale(problem: WindowProblem) -> Float64:
    """Information (6K, 6K) of the distance between the two edge keyframes that are farthest apart."""
    centers, rows = problem.T_world_cam[:, :3, 3], np.flatnonzero(problem.is_edge)
    distances = np.linalg.norm(centers[rows, None] - centers[None, rows], axis=2)
    a, b = (int(rows[i]) for i in np.unravel_index(np.argmax(distances), distances.shape))
    jacobian = np.zeros(6 * len(centers))
    if distances.max() > 0:
        along = (centers[a] - centers[b]) / distances.max()
        jacobian[6 * a + 3 : 6 * a + 6] = along @ problem.T_world_cam[a, :3, :3]
        jacobian[6 * b + 3 : 6 * b + 6] = -along @ problem.T_world_cam[b, :3, :3]
        jacobian /= SCALE_SIGMA * distances.max()
    return np.outer(jacobian, jacobian)


def _inverse(information: Float64) -> Float64:
    """The covariance (6, 6) of an information matrix, NaN where that is none."""
    try:
        covariance = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return np.full((6, 6), np.nan)
    is_one = np.isfinite(covariance).all() and np.all(np.diag(covariance) > 0)
    return np.where(is_one, covariance, np.nan)
