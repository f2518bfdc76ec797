"""Inertial factors of a window in GTSAM: combined preintegration between consecutive keyframes (Forster et al. 2017).

With them the pose variables are those of the body. GTSAM's own body_P_sensor for inertial samples is not used: it
leaves out what an angular acceleration does at the end of a lever arm.
"""

from __future__ import annotations

from collections.abc import Sequence

import gtsam
import numpy as np
from gtsam.symbol_shorthand import B, V, X

from slam.camera import ImuNoise
from slam.geometry import adjoint, invert
from slam.graph.inertial_window import InertialWindow
from slam.inertial.integration import GRAVITY_WORLD, INTEGRATION_SIGMA_M, steps
from slam.types import Float64, ImuSamples, InertialStates, Int64

UNKNOWN_INFORMATION = 1e-2  # of every variable, so that a scale that only vision sees can be marginalised


def body_poses(inertial: InertialWindow, T_world_cam: Float64) -> Float64:
    """T_world_body (K, 4, 4)."""
    return T_world_cam @ invert(inertial.T_body_cam)


def camera_poses(inertial: InertialWindow, T_world_body: Float64) -> Float64:
    """T_world_cam (K, 4, 4)."""
    return T_world_body @ inertial.T_body_cam


def in_body(inertial: InertialWindow, covariances_cam: Float64) -> Float64:
    """Covariances (..., 6, 6) of poses in the body's tangent, of ones in the camera's; rotation first."""
    moved = adjoint(inertial.T_body_cam)
    return moved @ covariances_cam @ moved.T


def state_keys(inertial: InertialWindow) -> list[int]:
    """Velocity and bias of each keyframe of the chain, oldest first."""
    return [key(i) for i in inertial.keyframe_index.tolist() for key in (V, B)]


def insert_states(values: gtsam.Values, inertial: InertialWindow) -> None:
    """Start values of the velocities and biases."""
    for i, velocity, bias in zip(inertial.keyframe_index.tolist(), inertial.velocities_world, inertial.biases):
        values.insert(V(i), velocity)
        values.insert(B(i), _bias(bias))


def states_of(
    inertial: InertialWindow, keyframe_ids: Int64, values: gtsam.Values, covariances: Float64 | None
) -> InertialStates:
    """Velocities and biases of the chain, and their covariances (C, 9, 9): the prior's where they are not asked for."""
    index = inertial.keyframe_index
    velocities = np.stack([values.atVector(V(i)) for i in index.tolist()])
    biases = np.stack([values.atConstantBias(B(i)).vector() for i in index.tolist()])
    if covariances is None:
        covariances = np.tile(inertial.prior_covariance, (len(index), 1, 1))
    return InertialStates(keyframe_ids[index], velocities, biases, covariances)


def step_factors(inertial: InertialWindow) -> list[gtsam.NonlinearFactor]:
    """One factor for each step of the chain: poses, velocities, biases and their random walk."""
    parameters, index = _parameters(inertial.noise), inertial.keyframe_index.tolist()
    return [
        gtsam.CombinedImuFactor(X(a), V(a), X(b), V(b), B(a), B(b), _preintegrated(samples, bias, parameters))
        for a, b, samples, bias in zip(index[:-1], index[1:], inertial.samples, inertial.biases[:-1], strict=True)
    ]


def state_priors(inertial: InertialWindow) -> list[gtsam.NonlinearFactor]:
    """What is known of the oldest keyframe's velocity and bias."""
    first, covariance = int(inertial.keyframe_index[0]), inertial.prior_covariance
    velocity_noise = gtsam.noiseModel.Gaussian.Covariance(covariance[:3, :3])
    bias_noise = gtsam.noiseModel.Gaussian.Covariance(covariance[3:, 3:])
    return [
        gtsam.PriorFactorVector(V(first), inertial.velocities_world[0], velocity_noise),
        gtsam.PriorFactorConstantBias(B(first), _bias(inertial.biases[0]), bias_noise),
    ]


def with_states(
    of_poses: Float64, of_priors: Float64, inertial: InertialWindow, result: gtsam.Values
) -> tuple[Float64, Float64]:
    """Information of the cameras' poses (6K, 6K) with what the samples add, and covariances (C, 9, 9) of the states.

    ``of_poses`` (6K, 6K) is what the cameras say of the body's poses, ``of_priors`` what the edge does; the first
    answer is without it. A state's covariance (velocity, then bias) is made of both and of the steps before it only:
    the steps after it are in the next windows too, and must not be counted twice.
    """
    size, count = len(of_poses), len(inertial.keyframe_index)
    information, held = (np.zeros((size + 9 * count, size + 9 * count)) for _ in range(2))
    information[:size, :size], held[:size, :size] = of_poses, of_priors
    for factor in state_priors(inertial):
        _add(information, factor, inertial, result, size)
    covariances = np.empty((count, 9, 9))
    for c, factor in enumerate(step_factors(inertial)):
        known = slice(size + 9 * (c + 1))
        covariances[c] = _last_state(information[known, known] + held[known, known])
        _add(information, factor, inertial, result, size)
    covariances[-1] = _last_state(information + held)
    of_states, shared = information[size:, size:], information[:size, size:]
    of_bodies = information[:size, :size] - shared @ np.linalg.solve(of_states, shared.T)
    return of_cameras(of_bodies, inertial), covariances


def of_cameras(of_bodies: Float64, inertial: InertialWindow) -> Float64:
    """Information (6K, 6K) of poses in the cameras' tangents, of that in the body's."""
    moved, count = adjoint(inertial.T_body_cam), len(of_bodies) // 6
    blocks = moved.T @ of_bodies.reshape(count, 6, count, 6).transpose(0, 2, 1, 3) @ moved
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(6 * count, 6 * count)


def _last_state(information: Float64) -> Float64:
    """(9, 9) marginal covariance of the last nine variables."""
    held = information + UNKNOWN_INFORMATION * np.eye(len(information))
    return np.asarray(np.linalg.inv(held)[-9:, -9:], np.float64)


def _add(
    information: Float64, factor: gtsam.NonlinearFactor, inertial: InertialWindow, result: gtsam.Values, size: int
) -> None:
    """Add a factor, linearised at the result, to the information of poses and states."""
    linear = factor.linearize(result)
    columns = np.concatenate([_columns(key, inertial, size) for key in linear.keys()])  # noqa: SIM118
    information[np.ix_(columns, columns)] += linear.information()


def _columns(key: int, inertial: InertialWindow, size: int) -> Int64:
    """Columns of a variable: poses (6 each), then velocity (3) and bias (6) of each keyframe of the chain."""
    symbol = gtsam.Symbol(key)
    i, kind = symbol.index(), chr(symbol.chr())
    first = 6 * i if kind == "x" else size + 9 * int(np.flatnonzero(inertial.keyframe_index == i)[0])
    start, count = {"x": (0, 6), "v": (0, 3), "b": (3, 6)}[kind]
    return np.arange(first + start, first + start + count, dtype=np.int64)


def _parameters(noise: ImuNoise) -> gtsam.PreintegrationCombinedParams:
    parameters = gtsam.PreintegrationCombinedParams(GRAVITY_WORLD)
    parameters.setAccelerometerCovariance(np.eye(3) * noise.accel_density**2)
    parameters.setGyroscopeCovariance(np.eye(3) * noise.gyro_density**2)
    parameters.setIntegrationCovariance(np.eye(3) * INTEGRATION_SIGMA_M**2)
    parameters.setBiasAccCovariance(np.eye(3) * noise.accel_walk**2)
    parameters.setBiasOmegaCovariance(np.eye(3) * noise.gyro_walk**2)
    return parameters


def _preintegrated(
    samples: ImuSamples, bias: Float64, parameters: gtsam.PreintegrationCombinedParams
) -> gtsam.PreintegratedCombinedMeasurements:
    """The samples of a step, by the mid-point rule: GTSAM by itself holds each sample until the next."""
    measurements = gtsam.PreintegratedCombinedMeasurements(parameters, _bias(bias))
    taken = steps(samples, bias)
    rows: Sequence[tuple[Float64, Float64, float]] = list(
        zip(taken.accel_m_s2 + bias[:3], taken.gyro_rad_s + bias[3:], taken.seconds.tolist())
    )
    for accel, gyro, seconds in rows:
        measurements.integrateMeasurement(accel, gyro, seconds)
    return measurements


def _bias(bias: Float64) -> gtsam.imuBias.ConstantBias:
    return gtsam.imuBias.ConstantBias(bias[:3], bias[3:])
