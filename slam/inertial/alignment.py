"""A first guess without any start value: gyro bias, gravity, scale and velocities from linear equations.

Qin, Li & Shen, "VINS-Mono: A robust and versatile monocular visual-inertial state estimator", T-RO 2018, section V-B.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from slam.inertial.chain import Chain
from slam.inertial.integration import GRAVITY_M_S2, NO_BIAS
from slam.types import Float64


def gyro_bias(chain: Chain, T_body_cam: Float64) -> tuple[Float64, Float64]:
    """The gyro's bias (3,) rad/s that explains the keyframes' turns best, and its covariance (3, 3)."""
    R_world_body, bias = chain.R_world_body(T_body_cam), NO_BIAS.copy()
    weight = 1.0 / (2.0 * chain.sigma_rotation_rad**2)
    information = np.zeros((3, 3))
    for _ in range(2):
        information, right = np.zeros((3, 3)), np.zeros(3)
        for step, R_a, R_b in zip(chain.steps, R_world_body[:-1], R_world_body[1:]):
            R_a_b, _, _ = step.at_bias(np.concatenate([step.bias[:3], bias[3:]]))
            left = Rotation.from_matrix(R_a_b.T @ R_a.T @ R_b).as_rotvec()
            by_bias = step.by_bias[:3, 3:]
            information += weight * by_bias.T @ by_bias
            right += weight * by_bias.T @ left
        bias[3:] += np.linalg.solve(information, right)
    return bias[3:], np.asarray(np.linalg.inv(information), np.float64)


def linear_start(chain: Chain, T_body_cam: Float64, bias: Float64, with_scale: bool) -> tuple[float, Float64, Float64]:
    """Scale, gravity (3,) m/s^2 in the map's world, and the body's velocities (K, 3) m/s, at a given bias (6,).

    The scale comes out of noise alone where the motion does not show it, and may then even be negative.
    """
    count = len(chain)
    R_world_body = chain.R_world_body(T_body_cam)
    arms_world = -R_world_body @ T_body_cam[:3, 3]  # from the camera to the body, m
    rows, right = np.zeros((6 * (count - 1), 3 * count + 4)), np.zeros(6 * (count - 1))
    for i, step in enumerate(chain.steps):
        _, position, velocity = step.at_bias(bias)
        dt, at = step.seconds, 6 * i
        moved = chain.T_world_cam[i + 1, :3, 3] - chain.T_world_cam[i, :3, 3]
        arm = arms_world[i + 1] - arms_world[i]
        rows[at : at + 3, 3 * i : 3 * i + 3] = -np.eye(3)
        rows[at : at + 3, -4:-1] = -0.5 * dt * np.eye(3)
        rows[at : at + 3, -1] = moved / dt
        right[at : at + 3] = (R_world_body[i] @ position - arm) / dt
        rows[at + 3 : at + 6, 3 * i : 3 * i + 6] = np.hstack([-np.eye(3), np.eye(3)])
        rows[at + 3 : at + 6, -4:-1] = -dt * np.eye(3)
        right[at + 3 : at + 6] = R_world_body[i] @ velocity
    if not with_scale:
        right -= rows[:, -1]
        rows = rows[:, :-1]
    solution = np.asarray(np.linalg.lstsq(rows, right, rcond=None)[0], np.float64)
    scale = float(solution[-1]) if with_scale else 1.0
    gravity = solution[3 * count : 3 * count + 3]
    gravity = gravity * (GRAVITY_M_S2 / max(float(np.linalg.norm(gravity)), 1e-9))
    return scale, gravity, solution[: 3 * count].reshape(-1, 3)
