"""Poses of a whole sub-map from measurements between them: what a closed loop does to the path that led to it.

Where scale drifts (mono) the variables are similarities: Strasdat, Montiel & Davison, "Scale drift-aware large scale
monocular SLAM", RSS 2010. False loops are found by graduated non-convexity: Yang et al., RA-L 2020.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gtsam
import numpy as np
from gtsam.symbol_shorthand import X

from slam.geometry import transform
from slam.types import Bool, Float64, Int64, PoseCorrection

FIXED_SIGMA = 1e-6  # of the first pose, rad and length
INLIER_PROBABILITY = 0.999  # a true loop costs less than this quantile of chi squared


@dataclass(frozen=True, slots=True, eq=False)
class PoseGraphProblem:
    """Keyframes, the first of which stays where it is, and measurements between pairs of them."""

    keyframe_ids: Int64  # (K,)
    T_world_cam: Float64  # (K, 4, 4)
    a: Int64  # (E,) index of a pair's first keyframe
    b: Int64  # (E,) and of its second
    T_a_b: Float64  # (E, 4, 4) in lengths of a
    scale_a_b: Float64  # (E,) lengths of a over lengths of b
    sigmas: Float64  # (E, 3) rotation (rad), translation (lengths of the world), logarithm of the scale
    is_loop: Bool  # (E,) which measurements may be false; the others may not
    with_scale: bool


def optimize_poses(problem: PoseGraphProblem) -> PoseCorrection:
    """Better poses, the factor by which each keyframe's lengths change, and which loops were believed."""
    start = time.perf_counter()
    graph, values = _graph(problem), _values(problem)
    if not np.isfinite(graph.error(values)):
        return _unchanged(problem, "a measurement or a pose is not finite", start)
    try:
        result, weights = _solve(graph, values, problem)
    except RuntimeError as error:  # GTSAM's indeterminate systems
        return _unchanged(problem, str(error).strip().splitlines()[0], start)
    T_world_cam, scale = _read(problem, result)
    if not (np.isfinite(T_world_cam).all() and np.isfinite(scale).all() and (scale > 0).all()):
        return _unchanged(problem, "the solution is not finite", start)
    return PoseCorrection(problem.keyframe_ids, T_world_cam, scale, weights > 0.5, _ms(start))


def _graph(problem: PoseGraphProblem) -> gtsam.NonlinearFactorGraph:
    graph = gtsam.NonlinearFactorGraph()
    rows = zip(problem.a.tolist(), problem.b.tolist(), problem.T_a_b, problem.scale_a_b.tolist(), problem.sigmas)
    for a, b, T_a_b, scale, (rotation, translation, log_scale) in rows:
        sigmas = np.repeat([rotation, translation], 3)
        if problem.with_scale:
            noise = gtsam.noiseModel.Diagonal.Sigmas(np.append(sigmas, log_scale))
            graph.add(gtsam.BetweenFactorSimilarity3(X(a), X(b), _similarity(T_a_b, scale), noise))
        else:
            noise = gtsam.noiseModel.Diagonal.Sigmas(sigmas)
            graph.add(gtsam.BetweenFactorPose3(X(a), X(b), gtsam.Pose3(T_a_b), noise))
    if problem.with_scale:
        fixed = gtsam.noiseModel.Isotropic.Sigma(7, FIXED_SIGMA)
        graph.add(gtsam.PriorFactorSimilarity3(X(0), _similarity(problem.T_world_cam[0], 1.0), fixed))
    else:
        fixed = gtsam.noiseModel.Isotropic.Sigma(6, FIXED_SIGMA)
        graph.add(gtsam.PriorFactorPose3(X(0), gtsam.Pose3(problem.T_world_cam[0]), fixed))
    return graph


def _values(problem: PoseGraphProblem) -> gtsam.Values:
    values = gtsam.Values()
    for i, T_world_cam in enumerate(problem.T_world_cam):
        values.insert(X(i), _similarity(T_world_cam, 1.0) if problem.with_scale else gtsam.Pose3(T_world_cam))
    return values


def _solve(
    graph: gtsam.NonlinearFactorGraph, values: gtsam.Values, problem: PoseGraphProblem
) -> tuple[gtsam.Values, Float64]:
    """The solution, and the weights of the loops: near 1 for those that agree with the path, 0 for the others."""
    trusted = [*np.flatnonzero(~problem.is_loop).tolist(), graph.size() - 1]  # and the prior
    parameters = gtsam.GncLMParams(gtsam.LevenbergMarquardtParams())
    parameters.setLossType(gtsam.GncLossType.TLS)
    parameters.setKnownInliers(trusted)
    optimizer = gtsam.GncLMOptimizer(graph, values, parameters)
    optimizer.setInlierCostThresholdsAtProbability(INLIER_PROBABILITY)
    result = optimizer.optimize()
    return result, np.asarray(optimizer.getWeights())[np.flatnonzero(problem.is_loop)]


def _read(problem: PoseGraphProblem, result: gtsam.Values) -> tuple[Float64, Float64]:
    count = len(problem.keyframe_ids)
    if not problem.with_scale:
        return np.stack([result.atPose3(X(i)).matrix() for i in range(count)]), np.ones(count)
    found = [result.atSimilarity3(X(i)) for i in range(count)]
    poses = [transform(S.rotation().matrix(), S.scale() * S.translation()) for S in found]
    return np.stack(poses), np.array([S.scale() for S in found])


def _similarity(T_a_b: Float64, scale: float) -> gtsam.Similarity3:
    """p_a = scale R p_b + t; GTSAM's own takes p_a = scale (R p_b + t)."""
    return gtsam.Similarity3(gtsam.Rot3(T_a_b[:3, :3]), T_a_b[:3, 3] / scale, scale)


def _unchanged(problem: PoseGraphProblem, why: str, start: float) -> PoseCorrection:
    none = np.zeros(int(problem.is_loop.sum()), bool)
    return PoseCorrection(
        problem.keyframe_ids, problem.T_world_cam, np.ones(len(problem.keyframe_ids)), none, _ms(start), why
    )


def _ms(start: float) -> float:
    return (time.perf_counter() - start) * 1e3
