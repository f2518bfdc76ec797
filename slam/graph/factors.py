"""A bundle adjustment as GTSAM's factors: projections with robust kernels, priors, and the values to start from."""

from __future__ import annotations

import math

import gtsam
import numpy as np
from gtsam.symbol_shorthand import L, X

from slam.config import GraphConfig
from slam.graph import inertial
from slam.graph.window import WindowProblem
from slam.types import Float64

LANDMARK_PRIOR = 1.0  # sigma of a landmark's place before it is optimised, of its distance
LOOSE_LANDMARK_PRIOR = 10.0  # where the scale is to be found: a thousand of the others together would hold it
SCALE_SIGMA = 1e-3  # of the distance that holds a monocular scale, relative


def pose_keys(problem: WindowProblem) -> list[int]:
    return [X(i) for i in range(len(problem.keyframe_ids))]


def state_keys(problem: WindowProblem) -> list[int]:
    """Velocities and biases, where there are inertial samples."""
    return [] if problem.inertial is None else inertial.state_keys(problem.inertial)


def landmark_keys(problem: WindowProblem) -> list[int]:
    return [L(j) for j in range(len(problem.landmark_ids))]


def ordering_of(keys: list[int]) -> gtsam.Ordering:
    """The order in which variables are eliminated."""
    ordering = gtsam.Ordering()
    for key in keys:
        ordering.push_back(key)
    return ordering


def start_values(problem: WindowProblem) -> gtsam.Values:
    values = gtsam.Values()
    for i, pose in enumerate(_poses(problem)):
        values.insert(X(i), gtsam.Pose3(pose))
    if problem.inertial is not None:
        inertial.insert_states(values, problem.inertial)
    for j, point_world in enumerate(problem.points_world):
        values.insert(L(j), point_world)
    return values


def factor_graph(problem: WindowProblem) -> gtsam.NonlinearFactorGraph:
    """Everything that is known of a window; its poses are X(i), its landmarks L(j), by their rows.

    The poses are those of the camera, with inertial samples those of the body.
    """
    graph = observation_graph(problem)
    for _, prior in pose_priors(problem):
        graph.add(prior)
    if problem.inertial is not None:
        for factor in [*inertial.state_priors(problem.inertial), *inertial.step_factors(problem.inertial)]:
            graph.add(factor)
    return graph


def pose_priors(problem: WindowProblem) -> list[tuple[int, gtsam.NonlinearFactor]]:
    """What is known of the keyframes at the edge: each one's row, and its factor."""
    poses, covariances = _poses(problem), problem.prior_covariances
    if problem.inertial is not None:
        covariances = inertial.in_body(problem.inertial, covariances)
    noise = gtsam.noiseModel.Gaussian.Covariance
    rows = np.flatnonzero(problem.is_edge).tolist()
    return [(i, gtsam.PriorFactorPose3(X(i), gtsam.Pose3(poses[i]), noise(covariances[i]))) for i in rows]


def observation_graph(problem: WindowProblem) -> gtsam.NonlinearFactorGraph:
    """What the pictures say, and what keeps points and scale where they say nothing."""
    graph = gtsam.NonlinearFactorGraph()
    _add_observations(graph, problem)
    _add_landmark_priors(graph, problem)
    scale = scale_factor(problem)
    if scale is not None:
        graph.add(scale)
    return graph


def _add_observations(graph: gtsam.NonlinearFactorGraph, problem: WindowProblem) -> None:
    fx, fy, cx, cy = problem.intrinsics
    mono_camera = gtsam.Cal3_S2(fx, fy, 0.0, cx, cy)
    stereo_camera = gtsam.Cal3_S2Stereo(fx, fy, 0.0, cx, cy, problem.baseline_m)
    mono, stereo = mono_noise(problem.config), _stereo_noise(problem.config)
    on_body = () if problem.inertial is None else (gtsam.Pose3(problem.inertial.T_body_cam),)
    rows = zip(
        problem.keyframe_index.tolist(), problem.landmark_index.tolist(), problem.xy.tolist(), problem.right_x.tolist()
    )
    for i, j, (x, y), right_x in rows:
        if math.isfinite(right_x):
            measured = gtsam.StereoPoint2(x, right_x, y)
            graph.add(gtsam.GenericStereoFactor3D(measured, stereo, X(i), L(j), stereo_camera, False, False, *on_body))
            continue
        pixel = np.array([x, y])
        graph.add(gtsam.GenericProjectionFactorCal3_S2(pixel, mono, X(i), L(j), mono_camera, False, False, *on_body))


def mono_noise(config: GraphConfig) -> gtsam.noiseModel.Base:
    """Robust noise of a pixel."""
    huber = gtsam.noiseModel.mEstimator.Huber.Create(config.huber)
    return gtsam.noiseModel.Robust.Create(huber, gtsam.noiseModel.Isotropic.Sigma(2, config.sigma_px))


def _stereo_noise(config: GraphConfig) -> gtsam.noiseModel.Base:
    """Robust noise of (x, right_x, y): right_x is x less a disparity, and shares the error of x."""
    huber = gtsam.noiseModel.mEstimator.Huber.Create(config.huber)
    s2, d2 = config.sigma_px**2, config.sigma_disparity_px**2
    stereo = gtsam.noiseModel.Gaussian.Covariance(np.array([[s2, s2, 0.0], [s2, s2 + d2, 0.0], [0.0, 0.0, s2]]))
    return gtsam.noiseModel.Robust.Create(huber, stereo)


def _poses(problem: WindowProblem) -> Float64:
    """(K, 4, 4) of what the pose variables stand for."""
    if problem.inertial is None:
        return problem.T_world_cam
    return inertial.body_poses(problem.inertial, problem.T_world_cam)


def _add_landmark_priors(graph: gtsam.NonlinearFactorGraph, problem: WindowProblem) -> None:
    """Hold each landmark as loosely as its distance: without parallax it would run to infinity and break the system."""
    center = problem.T_world_cam[~problem.is_edge, :3, 3].mean(0) if not problem.is_edge.all() else np.zeros(3)
    distances = np.maximum(np.linalg.norm(problem.points_world - center, axis=1), 1e-3)
    share = LANDMARK_PRIOR if problem.inertial is None else LOOSE_LANDMARK_PRIOR
    for j, (point_world, distance) in enumerate(zip(problem.points_world, distances.tolist())):
        noise = gtsam.noiseModel.Isotropic.Sigma(3, share * distance)
        graph.add(gtsam.PriorFactorPoint3(L(j), point_world, noise))


def scale_factor(problem: WindowProblem) -> gtsam.NonlinearFactor | None:
    """What holds the scale where nothing measures it."""
    if problem.scale_pair is None:
        return None
    a, b = problem.scale_pair
    distance = float(np.linalg.norm(problem.T_world_cam[a, :3, 3] - problem.T_world_cam[b, :3, 3]))
    noise = gtsam.noiseModel.Isotropic.Sigma(1, max(SCALE_SIGMA * distance, 1e-9))
    return gtsam.RangeFactorPose3(X(a), X(b), distance, noise)
