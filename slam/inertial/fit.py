"""Scale, gravity, velocities and biases that explain a path of keyframes best, and how well each is known.

The inertial-only maximum a posteriori estimate of Campos, Montiel & Tardos, "Inertial-only optimization for
visual-inertial initialization", ICRA 2020; but the keyframes' poses are measurements with noise of their own here.
Their error is larger than that of the samples between them, and a scale that ignores it claims too much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from slam.geometry import skew
from slam.inertial.chain import Chain
from slam.inertial.integration import GRAVITY_M_S2, Preintegrated
from slam.types import Float64

ITERATIONS = 15
CONVERGED = 1e-4  # change of the logarithm of the scale
MAX_STEP = 1.0  # of it


@dataclass(frozen=True, slots=True, eq=False)
class Unknowns:
    """What is estimated of a chain of K keyframes."""

    log_scale: float  # metres over lengths of the map
    gravity: Float64  # (3,) m/s^2, in the map's world; its length is known
    bias: Float64  # (6,) accelerometer (m/s^2), gyro (rad/s)
    centers: Float64  # (K, 3) of the cameras, lengths of the map
    R_world_body: Float64  # (K, 3, 3)
    velocities: Float64  # (K, 3) m/s of the body, in the map's world


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The estimate; its deviations are those of the noise assumed, times what the residuals say it was too small."""

    unknowns: Unknowns
    scale_sigma: float  # of the logarithm of the scale; 0 where scale is known
    gravity_sigma_rad: float  # of the direction, the worse one of two
    bias_sigma: Float64  # (6,)
    surprise: float  # mean square of the residuals, 1 where the noise is as assumed
    seconds: float


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is known before."""

    accel_bias_sigma_m_s2: float
    gyro_bias_sigma_rad_s: float
    with_scale: bool  # whether it is to be found


def fit(chain: Chain, T_body_cam: Float64, start: Unknowns, beliefs: Beliefs) -> Fit:
    """Gauss-Newton from a start near the solution. Raises LinAlgError where the equations have none."""
    whiteners = [np.linalg.inv(np.linalg.cholesky(step.covariance)) for step in chain.steps]
    now = start
    for _ in range(ITERATIONS):
        J, residuals = _equations(chain, whiteners, T_body_cam, now, start, beliefs)
        change = np.asarray(np.linalg.solve(J.T @ J, -J.T @ residuals), np.float64)
        change *= min(1.0, MAX_STEP / max(abs(change[0]), 1e-9))
        now = _moved(now, change)
        if abs(change[0]) < CONVERGED and np.abs(change[1:9]).max() < CONVERGED:
            break
    J, residuals = _equations(chain, whiteners, T_body_cam, now, start, beliefs)
    freedom = len(residuals) - J.shape[1] - int(beliefs.with_scale)  # the first residual says that scale is known
    surprise = float(residuals @ residuals) / max(freedom, 1)
    covariance = np.linalg.inv(J.T @ J)[:9, :9] * max(1.0, surprise)
    return Fit(
        now,
        float(np.sqrt(covariance[0, 0])) if beliefs.with_scale else 0.0,
        float(np.sqrt(np.linalg.eigvalsh(covariance[1:3, 1:3])[-1])),
        np.sqrt(np.diag(covariance)[3:9]),
        surprise,
        chain.seconds,
    )


def _moved(now: Unknowns, change: Float64) -> Unknowns:
    """After a step: (1) log of the scale, (2) gravity's direction, (6) bias, then per keyframe (9)."""
    count = len(now.centers)
    per_keyframe = change[9:].reshape(count, 9)
    gravity = now.gravity + _by_direction(now.gravity) @ change[1:3]
    turns = Rotation.from_rotvec(per_keyframe[:, :3]).as_matrix()
    return replace(
        now,
        log_scale=now.log_scale + float(change[0]),
        gravity=gravity * (GRAVITY_M_S2 / float(np.linalg.norm(gravity))),
        bias=now.bias + change[3:9],
        R_world_body=now.R_world_body @ turns,
        centers=now.centers + per_keyframe[:, 3:6],
        velocities=now.velocities + per_keyframe[:, 6:],
    )


def _by_direction(gravity: Float64) -> Float64:
    """(3, 2) change of gravity by two angles that tilt it."""
    down = gravity / np.linalg.norm(gravity)
    side = np.cross(down, np.eye(3)[int(np.argmin(np.abs(down)))])
    side /= np.linalg.norm(side)
    return GRAVITY_M_S2 * np.column_stack([side, np.cross(down, side)])


def _equations(
    chain: Chain, whiteners: list[Float64], T_body_cam: Float64, now: Unknowns, start: Unknowns, beliefs: Beliefs
) -> tuple[Float64, Float64]:
    """Jacobian and residuals, both in units of their noise."""
    count = len(chain)
    size = 9 + 9 * count
    J, residuals = np.zeros((9 * (count - 1), size)), np.zeros(9 * (count - 1))
    for i, (step, whitener) in enumerate(zip(chain.steps, whiteners)):
        at = slice(9 * i, 9 * i + 9)
        common, by_a, by_b, residual = _step(step, T_body_cam, now, i)
        residuals[at] = whitener @ residual
        J[at, :9] = whitener @ common
        J[at, 9 + 9 * i : 18 + 9 * i] = whitener @ by_a
        J[at, 18 + 9 * i : 27 + 9 * i] = whitener @ by_b
    J_known, residuals_known = _known(chain, now, start, beliefs)
    return np.concatenate([J, J_known]), np.concatenate([residuals, residuals_known])


def _step(step: Preintegrated, T_body_cam: Float64, now: Unknowns, i: int) -> tuple[Float64, Float64, Float64, Float64]:
    """Of one step: derivatives (9, 9) by what all share, by keyframe a, by keyframe b, and the residual (9,).

    Residuals as in Forster et al. 2017, eq. 45, in the order of Preintegrated.
    """
    scale, dt, arm = float(np.exp(now.log_scale)), step.seconds, T_body_cam[:3, 3]
    R_a, R_b = now.R_world_body[i], now.R_world_body[i + 1]
    to_a = R_a.T
    moved = now.centers[i + 1] - now.centers[i]
    R_a_b, position, velocity = step.at_bias(now.bias)
    way = scale * moved - (R_b - R_a) @ arm - now.velocities[i] * dt - 0.5 * now.gravity * dt**2
    gain = now.velocities[i + 1] - now.velocities[i] - now.gravity * dt
    turn = Rotation.from_matrix(R_a_b.T @ to_a @ R_b).as_rotvec()
    residual = np.concatenate([turn, to_a @ way - position, to_a @ gain - velocity])
    tilt = _by_direction(now.gravity)
    common, by_a, by_b = np.zeros((9, 9)), np.zeros((9, 9)), np.zeros((9, 9))
    common[3:6, 0] = scale * to_a @ moved
    common[3:6, 1:3] = -0.5 * dt**2 * to_a @ tilt
    common[6:, 1:3] = -dt * to_a @ tilt
    common[:, 3:] = -step.by_bias
    by_a[:3, :3] = -R_b.T @ R_a
    by_a[3:6, :3] = skew(to_a @ way) - skew(arm)
    by_a[6:, :3] = skew(to_a @ gain)
    by_b[:3, :3] = np.eye(3)
    by_b[3:6, :3] = to_a @ R_b @ skew(arm)
    by_a[3:6, 3:6], by_b[3:6, 3:6] = -scale * to_a, scale * to_a
    by_a[3:6, 6:] = -dt * to_a
    by_a[6:, 6:], by_b[6:, 6:] = -to_a, to_a
    return common, by_a, by_b, residual


def _known(chain: Chain, now: Unknowns, start: Unknowns, beliefs: Beliefs) -> tuple[Float64, Float64]:
    """What the map says of the poses, and what is believed of the biases; a known scale stays."""
    count = len(chain)
    J = np.zeros((7 + 6 * count, 9 + 9 * count))
    residuals = np.zeros(7 + 6 * count)
    J[0, 0] = 0.0 if beliefs.with_scale else 1e6
    sigma = np.repeat([beliefs.accel_bias_sigma_m_s2, beliefs.gyro_bias_sigma_rad_s], 3)
    J[1:7, 3:9] = np.diag(1.0 / sigma)
    residuals[1:7] = now.bias / sigma
    turned = Rotation.from_matrix(np.swapaxes(start.R_world_body, 1, 2) @ now.R_world_body).as_rotvec()
    for i in range(count):
        row, column = 7 + 6 * i, 9 + 9 * i
        J[row : row + 3, column : column + 3] = np.eye(3) / chain.sigma_rotation_rad
        residuals[row : row + 3] = turned[i] / chain.sigma_rotation_rad
        J[row + 3 : row + 6, column + 3 : column + 6] = np.eye(3) / chain.sigma_position[i]
        residuals[row + 3 : row + 6] = (now.centers[i] - start.centers[i]) / chain.sigma_position[i]
    return J, residuals
