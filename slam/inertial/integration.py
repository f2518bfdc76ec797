"""Inertial samples integrated between two moments, with what that owes to the biases and to noise.

Forster, Carlone, Dellaert & Scaramuzza, "On-manifold preintegration for real-time visual-inertial odometry",
T-RO 2017, sections V and VI; between two samples the mid-point rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.camera import ImuNoise
from slam.types import Float64, ImuSamples

GRAVITY_M_S2 = 9.81
GRAVITY_WORLD = np.array([0.0, GRAVITY_M_S2, 0.0])  # of a world that is aligned with it: y points down
INTEGRATION_SIGMA_M = 1e-4  # of a position, per square root of a second: what the mid-point rule leaves
NO_BIAS = np.zeros(6)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The samples as (S,) steps of constant motion. Steps without length are left out."""

    seconds: Float64  # (S,)
    gyro_rad_s: Float64  # (S, 3) body
    accel_m_s2: Float64  # (S, 3) body at the step's start, specific force


@dataclass(frozen=True, slots=True, eq=False)
class Preintegrated:
    """What the samples say of the motion from body ``a`` to body ``b``, in the frame of ``a``, without gravity.

    Order of the stacked parts: rotation (rad, at b), position (m), velocity (m/s); of a bias: accelerometer, gyro.
    """

    seconds: float
    R_a_b: Float64  # (3, 3)
    position_a: Float64  # (3,) m
    velocity_a: Float64  # (3,) m/s
    bias: Float64  # (6,) that was taken off the samples
    by_bias: Float64  # (9, 6) derivative of the three by the bias
    covariance: Float64  # (9, 9)

    def at_bias(self, bias: Float64) -> tuple[Float64, Float64, Float64]:
        """R_a_b, position_a and velocity_a had another bias been taken off, to first order."""
        change = self.by_bias @ (bias - self.bias)
        R_a_b = self.R_a_b @ Rotation.from_rotvec(change[:3]).as_matrix()
        return R_a_b, self.position_a + change[3:6], self.velocity_a + change[6:]


def steps(samples: ImuSamples, bias: Float64 = NO_BIAS) -> Steps:
    """Mid-point values between samples, less the bias (6,): the force turned to where each step starts."""
    seconds = np.diff(samples.stamps_ns) * 1e-9
    kept = seconds > 0
    gyro, accel = samples.gyro_rad_s - bias[3:], samples.accel_m_s2 - bias[:3]
    rate = 0.5 * (gyro[:-1] + gyro[1:])
    turned = Rotation.from_rotvec(rate * seconds[:, None]).apply(accel[1:]) if len(rate) else accel[1:]
    return Steps(seconds[kept], rate[kept], 0.5 * (accel[:-1] + turned)[kept])


def integrate(samples: ImuSamples, bias: Float64 = NO_BIAS) -> tuple[Float64, Float64, Float64]:
    """R_a_b (3, 3), position_a and velocity_a (3,) from the first sample's moment to the last's, without gravity."""
    R, positions, velocities = _path(steps(samples, bias))
    return R[-1], positions[-1], velocities[-1]


def turned(samples: ImuSamples, gyro_bias: Float64) -> Float64:
    """R_a_b (3, 3) from the gyro alone, less its bias (3,)."""
    return _rotations(steps(samples, np.concatenate([np.zeros(3), gyro_bias])))[-1]


def preintegrate(samples: ImuSamples, bias: Float64, noise: ImuNoise) -> Preintegrated:
    """The motion with its derivative by the bias (6,) and its covariance."""
    taken = steps(samples, bias)
    R, positions, velocities = _path(taken)
    by_force, by_rate = _by_steps(taken, R, positions, velocities)
    by_bias = -np.concatenate([by_force.sum(0), by_rate.sum(0)], 1)
    of_force = np.einsum("kim,kjm,k->ij", by_force, by_force, noise.accel_density**2 / taken.seconds)
    of_rate = np.einsum("kim,kjm,k->ij", by_rate, by_rate, noise.gyro_density**2 / taken.seconds)
    seconds = float(taken.seconds.sum())
    covariance = of_force + of_rate
    covariance[3:6, 3:6] += np.eye(3) * (INTEGRATION_SIGMA_M**2 * seconds)
    return Preintegrated(seconds, R[-1], positions[-1], velocities[-1], bias, by_bias, covariance)


def _by_steps(taken: Steps, R: Float64, positions: Float64, velocities: Float64) -> tuple[Float64, Float64]:
    """(S, 9, 3) of the whole motion by the force in each step, and by the rate of turn in it.

    The products of transition matrices in Forster et al., appendix A, have a closed form: what a turn at k does to
    the rest of the way is a cross product with that way.
    """
    dt = taken.seconds[:, None, None]
    left_s = np.cumsum(taken.seconds[::-1])[::-1][:, None] - taken.seconds[:, None]  # after the step's end
    R_next = R[1:]
    gain = velocities[-1] - velocities[1:]
    way = positions[-1] - positions[1:] - velocities[1:] * left_s
    by_force, by_rate = np.zeros((len(dt), 9, 3)), np.zeros((len(dt), 9, 3))
    by_force[:, 3:6] = R[:-1] * (dt * (0.5 * dt + left_s[..., None]))
    by_force[:, 6:] = R[:-1] * dt
    by_rate[:, :3] = R[-1].T @ R_next * dt  # taking a turn within one step as its own tangent
    by_rate[:, 3:6] = -_skews(way) @ R_next * dt
    by_rate[:, 6:] = -_skews(gain) @ R_next * dt
    return by_force, by_rate


def _skews(vectors: Float64) -> Float64:
    """(S, 3, 3) with ``skews[k] @ w == cross(vectors[k], w)``."""
    skews = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    skews[:, 0, 1], skews[:, 0, 2], skews[:, 1, 2] = -z, y, -x
    return skews - np.swapaxes(skews, 1, 2)


def _path(taken: Steps) -> tuple[Float64, Float64, Float64]:
    """R_a_k (S + 1, 3, 3), positions and velocities (S + 1, 3) in a, at the start of every step and at the end."""
    R = _rotations(taken)
    dt = taken.seconds[:, None]
    accel = np.einsum("kij,kj->ki", R[:-1], taken.accel_m_s2)
    velocities = np.concatenate([np.zeros((1, 3)), np.cumsum(accel * dt, 0)])
    positions = np.cumsum(velocities[:-1] * dt + 0.5 * accel * dt**2, 0)
    return R, np.concatenate([np.zeros((1, 3)), positions]), velocities


def _rotations(taken: Steps) -> Float64:
    """R_a_k (S + 1, 3, 3)."""
    R = np.tile(np.eye(3), (len(taken.seconds) + 1, 1, 1))
    if len(taken.seconds) == 0:
        return R
    for k, increment in enumerate(Rotation.from_rotvec(taken.gyro_rad_s * taken.seconds[:, None]).as_matrix()):
        R[k + 1] = R[k] @ increment
    return R
