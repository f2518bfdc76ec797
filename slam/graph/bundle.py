"""Local bundle adjustment in GTSAM: projection and stereo factors with robust kernels. The only home of gtsam."""

from __future__ import annotations

import time

import gtsam
import numpy as np
from gtsam.symbol_shorthand import L, X

from slam.geometry import apply, invert
from slam.graph import inertial, no_correction
from slam.graph.window import WindowProblem
from slam.types import Correction, Float64

MIN_OBSERVATIONS = 20
LANDMARK_PRIOR = 1.0  # sigma of a landmark's place before it is optimised, of its distance
SCALE_SIGMA = 1e-3  # of the distance that holds a monocular scale, relative


def optimize(problem: WindowProblem) -> Correction:
    """Better poses and points by Levenberg-Marquardt; on failure a Correction that changes nothing and says why."""
    start = time.perf_counter()
    if len(problem.xy) < MIN_OBSERVATIONS:
        return _unchanged(f"only {len(problem.xy)} observations", start)
    graph, values = _graph(problem), _values(problem)
    try:
        whole = _with_inertial(graph, problem)
        result = gtsam.LevenbergMarquardtOptimizer(whole, values, _parameters(problem)).optimize()
        covariances, of_states = _covariances(problem, graph, result)
    except (RuntimeError, np.linalg.LinAlgError) as error:  # GTSAM's indeterminate systems arrive as the first
        return _unchanged(str(error).strip().splitlines()[0], start)
    return _correction(problem, result, covariances, of_states, start)


def _parameters(problem: WindowProblem) -> gtsam.LevenbergMarquardtParams:
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setMaxIterations(problem.config.iterations)
    parameters.setRelativeErrorTol(3e-4)
    parameters.setLinearSolverType("SEQUENTIAL_CHOLESKY")  # with this order a fifth faster than GTSAM's own choice
    parameters.setOrdering(_ordering(_landmark_keys(problem) + _state_keys(problem) + _pose_keys(problem)))
    return parameters


def _pose_keys(problem: WindowProblem) -> list[int]:
    return [X(i) for i in range(len(problem.keyframe_ids))]


def _landmark_keys(problem: WindowProblem) -> list[int]:
    return [L(j) for j in range(len(problem.landmark_ids))]


def _state_keys(problem: WindowProblem) -> list[int]:
    return [] if problem.inertial is None else inertial.state_keys(problem.inertial)


def _pose_variables(problem: WindowProblem) -> Float64:
    """(K, 4, 4) of the camera; of the body where there are inertial samples."""
    if problem.inertial is None:
        return problem.T_world_cam
    return inertial.body_poses(problem.inertial, problem.T_world_cam)


def _ordering(keys: list[int]) -> gtsam.Ordering:
    ordering = gtsam.Ordering()
    for key in keys:
        ordering.push_back(key)
    return ordering


def _values(problem: WindowProblem) -> gtsam.Values:
    values = gtsam.Values()
    for i, pose in enumerate(_pose_variables(problem)):
        values.insert(X(i), gtsam.Pose3(pose))
    if problem.inertial is not None:
        inertial.insert_states(values, problem.inertial)
    for j, point_world in enumerate(problem.points_world):
        values.insert(L(j), point_world)
    return values


def _graph(problem: WindowProblem) -> gtsam.NonlinearFactorGraph:
    """What the cameras and the edge say; inertial factors come on top."""
    graph = gtsam.NonlinearFactorGraph()
    _add_observations(graph, problem)
    poses, covariances = _pose_variables(problem), problem.prior_covariances
    if problem.inertial is not None:
        covariances = inertial.in_body(problem.inertial, covariances)
    for i in np.flatnonzero(problem.is_edge).tolist():
        noise = gtsam.noiseModel.Gaussian.Covariance(covariances[i])
        graph.add(gtsam.PriorFactorPose3(X(i), gtsam.Pose3(poses[i]), noise))
    _add_landmark_priors(graph, problem)
    if problem.scale_pair is not None:
        a, b = problem.scale_pair
        distance = float(np.linalg.norm(problem.T_world_cam[a, :3, 3] - problem.T_world_cam[b, :3, 3]))
        noise = gtsam.noiseModel.Isotropic.Sigma(1, max(SCALE_SIGMA * distance, 1e-9))
        graph.add(gtsam.RangeFactorPose3(X(a), X(b), distance, noise))
    return graph


def _with_inertial(graph: gtsam.NonlinearFactorGraph, problem: WindowProblem) -> gtsam.NonlinearFactorGraph:
    if problem.inertial is None:
        return graph
    together = gtsam.NonlinearFactorGraph(graph)
    for factor in [*inertial.state_priors(problem.inertial), *inertial.step_factors(problem.inertial)]:
        together.add(factor)
    return together


def _add_observations(graph: gtsam.NonlinearFactorGraph, problem: WindowProblem) -> None:
    fx, fy, cx, cy = problem.intrinsics
    mono_camera = gtsam.Cal3_S2(fx, fy, 0.0, cx, cy)
    stereo_camera = gtsam.Cal3_S2Stereo(fx, fy, 0.0, cx, cy, problem.baseline_m)
    mono_noise, stereo_noise = _noises(problem)
    on_body = () if problem.inertial is None else (gtsam.Pose3(problem.inertial.T_body_cam),)
    rows = zip(
        problem.keyframe_index.tolist(), problem.landmark_index.tolist(), problem.xy.tolist(), problem.right_x.tolist()
    )
    for i, j, (x, y), right_x in rows:
        if np.isfinite(right_x):
            measured = gtsam.StereoPoint2(x, right_x, y)
            graph.add(
                gtsam.GenericStereoFactor3D(measured, stereo_noise, X(i), L(j), stereo_camera, False, False, *on_body)
            )
            continue
        pixel = np.array([x, y])
        graph.add(
            gtsam.GenericProjectionFactorCal3_S2(pixel, mono_noise, X(i), L(j), mono_camera, False, False, *on_body)
        )


def _add_landmark_priors(graph: gtsam.NonlinearFactorGraph, problem: WindowProblem) -> None:
    """Hold each landmark as loosely as its distance: without parallax it would run to infinity and break the system."""
    center = problem.T_world_cam[~problem.is_edge, :3, 3].mean(0) if not problem.is_edge.all() else np.zeros(3)
    distances = np.maximum(np.linalg.norm(problem.points_world - center, axis=1), 1e-3)
    for j, (point_world, distance) in enumerate(zip(problem.points_world, distances.tolist())):
        noise = gtsam.noiseModel.Isotropic.Sigma(3, (1 if problem.inertial is None else 10) * LANDMARK_PRIOR * distance)
        graph.add(gtsam.PriorFactorPoint3(L(j), point_world, noise))


def _noises(problem: WindowProblem) -> tuple[gtsam.noiseModel.Base, gtsam.noiseModel.Base]:
    """Robust noise of a pixel, and of (x, right_x, y): right_x is x less a disparity, and shares the error of x."""
    config = problem.config
    huber = gtsam.noiseModel.mEstimator.Huber.Create(config.huber)
    mono = gtsam.noiseModel.Isotropic.Sigma(2, config.sigma_px)
    s2, d2 = config.sigma_px**2, config.sigma_disparity_px**2
    stereo = gtsam.noiseModel.Gaussian.Covariance(np.array([[s2, s2, 0.0], [s2, s2 + d2, 0.0], [0.0, 0.0, s2]]))
    return gtsam.noiseModel.Robust.Create(huber, mono), gtsam.noiseModel.Robust.Create(huber, stereo)


def _covariances(
    problem: WindowProblem, graph: gtsam.NonlinearFactorGraph, result: gtsam.Values
) -> tuple[Float64, Float64 | None]:
    """(K, 6, 6) of every pose, landmarks marginalised out, given the other poses: the prior at the window's edge.

    The plain marginal would let the edge drift as one body, scale included: its correlations are what hold it.
    """
    linear = graph.linearize(result)
    _, of_poses = linear.eliminatePartialSequential(_ordering(_landmark_keys(problem)))
    information, _ = of_poses.hessian(_ordering(_pose_keys(problem)))
    states = None
    if problem.inertial is not None:
        information, states = inertial.with_states(information, problem.inertial, result)
    blocks = information.reshape(-1, 6, len(information) // 6, 6)
    poses = np.stack([np.linalg.inv(blocks[i, :, i]) for i in range(len(blocks))])
    return poses if problem.inertial is None else inertial.in_camera(problem.inertial, poses), states


def _correction(
    problem: WindowProblem, result: gtsam.Values, covariances: Float64, of_states: Float64 | None, start: float
) -> Correction:
    T_world_cam = np.stack([result.atPose3(X(i)).matrix() for i in range(len(problem.keyframe_ids))])
    states = None
    if problem.inertial is not None:
        T_world_cam = inertial.camera_poses(problem.inertial, T_world_cam)
        assert of_states is not None
        states = inertial.read_states(problem, result, of_states)
    points_world = np.stack([result.atPoint3(L(j)) for j in range(len(problem.landmark_ids))])
    error_px = _errors_px(problem, T_world_cam, points_world)
    if not (np.isfinite(T_world_cam).all() and np.isfinite(points_world).all()):
        return _unchanged("the solution is not finite", start)
    outlier = error_px > problem.config.outlier_px
    inlier_rms = float(np.sqrt(np.mean(error_px[~outlier] ** 2))) if (~outlier).any() else float("nan")
    return Correction(
        problem.keyframe_ids,
        T_world_cam,
        problem.landmark_ids,
        points_world,
        covariances,
        problem.keyframe_ids[problem.keyframe_index[outlier]],
        problem.landmark_ids[problem.landmark_index[outlier]],
        inlier_rms,
        (time.perf_counter() - start) * 1e3,
        states=states,
    )


def _errors_px(problem: WindowProblem, T_world_cam: Float64, points_world: Float64) -> Float64:
    """(O,) reprojection error of every observation, disparity included; infinite behind the camera."""
    fx, fy, cx, cy = problem.intrinsics
    points_cam = np.empty((len(problem.xy), 3))
    for i, T in enumerate(T_world_cam):
        seen = problem.keyframe_index == i
        points_cam[seen] = apply(invert(T), points_world[problem.landmark_index[seen]])
    z = np.where(points_cam[:, 2] > 1e-3, points_cam[:, 2], np.nan)
    error = points_cam[:, :2] / z[:, None] * (fx, fy) + (cx, cy) - problem.xy
    disparity = problem.baseline_m * fx / z - (problem.xy[:, 0] - problem.right_x)
    disparity *= problem.config.sigma_px / problem.config.sigma_disparity_px  # in pixels of equal surprise
    total = np.hypot(np.linalg.norm(error, axis=1), np.where(np.isfinite(problem.right_x), disparity, 0.0))
    return np.nan_to_num(total, nan=np.inf)


def _unchanged(why: str, start: float) -> Correction:
    return no_correction(why, (time.perf_counter() - start) * 1e3)
