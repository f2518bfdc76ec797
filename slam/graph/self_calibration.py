"""A bundle adjustment that finds the camera too: focal length and first distortion coefficient, with their sigmas."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import gtsam
import numpy as np
from gtsam.symbol_shorthand import K, L, X

from slam.camera import Camera
from slam.graph.bundle import Method
from slam.graph.descent import descend, parameters_of
from slam.graph.factors import mono_noise, ordering_of, scale_factor, start_values
from slam.graph.window import WindowProblem

FOCAL_PRIOR = 0.5  # sigma of the focal length before, of its value: anything a lens may have
K1_PRIOR = 0.2  # of the first radial coefficient; wide lenses have -0.3
K2_SIGMA = 1e-6  # held at 0
LANDMARK_PRIOR = 10.0  # of its distance, so that a landmark without parallax does not break the system
HELD_SIGMA = 1e-4  # of the first keyframe's pose
MOST_STEPS = 60
RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class SelfCalibration:
    """What the pictures say of their camera."""

    camera: Camera
    focal_sigma_px: (
        float  # as the adjustment sees it: what it was not told (other distortion, rolling shutter) is not in it
    )
    error_px: float  # root mean square of the residuals


def self_calibrated(problem: WindowProblem, camera: Camera, method: Method) -> SelfCalibration | None:
    """Focal length and k1 of the camera that saw this; None where the pictures do not tell.

    problem: of keyframes whose ``xy`` are pixels as captured, seen as through a camera without distortion (the radial
    polynomial is of Bundler's kind, Snavely et al. 2006; its k1 is OpenCV's). Centre and square pixels are believed.
    """
    try:
        return _adjusted(problem, camera, method)
    except RuntimeError:  # an indeterminate system: still, turned only, or too little seen
        return None


def _adjusted(problem: WindowProblem, camera: Camera, method: Method) -> SelfCalibration | None:
    graph, values = _graph(problem, camera), start_values(problem)
    values.insert(K(0), _bundler(camera))
    ordering = ordering_of(
        [*(L(j) for j in range(len(problem.landmark_ids))), *(X(i) for i in range(len(problem.keyframe_ids))), K(0)]
    )
    parameters = parameters_of(ordering, RELATIVE_TOLERANCE)
    end_s = method.clock() + method.limit_s
    descent = descend(graph, values, parameters, method.most_steps, end_s, method.clock)
    found = descent.values.atCal3Bundler(K(0))
    covariance = gtsam.Marginals(graph, descent.values).marginalCovariance(K(0))
    if not (np.isfinite(covariance).all() and found.fx() > 0):
        return None
    left = replace(camera, fx=found.fx(), fy=found.fx(), distortion=(found.k1(), 0.0, 0.0, 0.0))
    error_px = problem.config.sigma_px * math.sqrt(2.0 * descent.cost / max(1, len(problem.xy)))
    return SelfCalibration(left, math.sqrt(covariance[0, 0]), error_px)


def _bundler(camera: Camera) -> gtsam.Cal3Bundler:
    k1 = camera.distortion[0] if camera.distortion else 0.0
    return gtsam.Cal3Bundler(camera.fx, k1, 0.0, camera.cx, camera.cy)


def _graph(problem: WindowProblem, camera: Camera) -> gtsam.NonlinearFactorGraph:
    graph, noise = gtsam.NonlinearFactorGraph(), mono_noise(problem.config)
    rows = zip(problem.keyframe_index.tolist(), problem.landmark_index.tolist(), problem.xy)
    for i, j, xy in rows:
        graph.add(gtsam.GeneralSFMFactor2Cal3Bundler(xy, noise, X(i), L(j), K(0)))
    held = gtsam.noiseModel.Isotropic.Sigma(6, HELD_SIGMA)
    graph.add(gtsam.PriorFactorPose3(X(0), gtsam.Pose3(problem.T_world_cam[0]), held))
    for j, point_world in enumerate(problem.points_world):
        loose = gtsam.noiseModel.Isotropic.Sigma(3, LANDMARK_PRIOR * max(float(np.linalg.norm(point_world)), 1e-3))
        graph.add(gtsam.PriorFactorPoint3(L(j), point_world, loose))
    scale = scale_factor(problem)
    if scale is not None:
        graph.add(scale)
    lens = gtsam.noiseModel.Diagonal.Sigmas(np.array([FOCAL_PRIOR * camera.fx, K1_PRIOR, K2_SIGMA]))
    graph.add(gtsam.PriorFactorCal3Bundler(K(0), _bundler(camera), lens))
    return graph
