"""A camera path that is a closed formula of time, so that velocities and inertial samples are exact derivatives.

World: z up, gravity along -z. Orientation: ``R_world_cam = Rz(yaw) Ry(pitch) Rx(roll) R_level_cam``, where the level
camera looks along world x with y down; positive pitch looks down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.types import Float64

R_LEVEL_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
GRAVITY_WORLD = np.array([0.0, 0.0, -9.81])  # m/s^2


@dataclass(frozen=True, eq=False)
class Wave:
    """A line plus sines: ``start + rate t + sum(amplitude sin(omega t + phase))``."""

    start: float
    rate: float
    amplitude: Float64  # (K,)
    omega: Float64  # (K,) rad/s
    phase: Float64  # (K,)

    def derivative(self, times_s: Float64, order: int) -> Float64:
        """(T,) the order-th derivative, 0 for the value itself."""
        line = (self.start + self.rate * times_s, np.full_like(times_s, self.rate), np.zeros_like(times_s))[order]
        angle = times_s[:, None] * self.omega + self.phase + order * np.pi / 2
        return line + np.sin(angle) @ (self.amplitude * self.omega**order)


Waves = tuple[Wave, Wave, Wave]


@dataclass(frozen=True, eq=False)
class Path:
    """The motion of the camera: position in the room and three angles."""

    position: Waves  # m, world
    angles: Waves  # rad: yaw, pitch, roll

    def positions(self, times_s: Float64, order: int = 0) -> Float64:
        """(T, 3) position of the camera in the world, or its order-th derivative in time."""
        return np.stack([wave.derivative(times_s, order) for wave in self.position], -1)

    def rotations(self, times_s: Float64) -> Rotation:
        """R_world_cam at each time."""
        angles = np.stack([wave.derivative(times_s, 0) for wave in self.angles], -1)
        return Rotation.from_euler("ZYX", angles) * Rotation.from_matrix(R_LEVEL_CAM)

    def poses(self, times_s: Float64) -> Float64:
        """(T, 4, 4) T_world_cam."""
        T_world_cam = np.tile(np.eye(4), (len(times_s), 1, 1))
        T_world_cam[:, :3, :3] = self.rotations(times_s).as_matrix()
        T_world_cam[:, :3, 3] = self.positions(times_s)
        return T_world_cam

    def angular(self, times_s: Float64) -> tuple[Float64, Float64]:
        """Angular velocity (T, 3) rad/s and acceleration (T, 3) rad/s^2 of the camera, in the camera's frame.

        Kinematics of yaw-pitch-roll angles: Diebel 2006, "Representing Attitude", eq. 305, and its derivative.
        """
        (_, dpsi, ddpsi), (theta, dtheta, ddtheta), (phi, dphi, ddphi) = (
            [wave.derivative(times_s, order) for order in range(3)] for wave in self.angles
        )
        sin_t, cos_t, sin_p, cos_p = np.sin(theta), np.cos(theta), np.sin(phi), np.cos(phi)
        omega = [dphi - dpsi * sin_t, dtheta * cos_p + dpsi * cos_t * sin_p, dpsi * cos_t * cos_p - dtheta * sin_p]
        alpha = [
            ddphi - ddpsi * sin_t - dpsi * dtheta * cos_t,
            ddtheta * cos_p
            - dtheta * dphi * sin_p
            + ddpsi * cos_t * sin_p
            + dpsi * (dphi * cos_t * cos_p - dtheta * sin_t * sin_p),
            ddpsi * cos_t * cos_p
            - dpsi * (dtheta * sin_t * cos_p + dphi * cos_t * sin_p)
            - ddtheta * sin_p
            - dtheta * dphi * cos_p,
        ]
        return np.stack(omega, -1) @ R_LEVEL_CAM, np.stack(alpha, -1) @ R_LEVEL_CAM


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """The motion of a body that carries the camera, T times."""

    positions_world: Float64  # (T, 3)
    quats_wxyz: Float64  # (T, 4) of R_world_body
    velocities_world: Float64  # (T, 3) m/s
    gyro_rad_s: Float64  # (T, 3) body
    accel_m_s2: Float64  # (T, 3) body, specific force


def body_motion(path: Path, T_body_cam: Float64, times_s: Float64) -> BodyMotion:
    """Exact motion of the body at each time: lever arm, centripetal and tangential terms included."""
    R_cam_body, arm_cam = T_body_cam[:3, :3].T, -T_body_cam[:3, :3].T @ T_body_cam[:3, 3]
    R_world_cam = path.rotations(times_s)
    omega, alpha = path.angular(times_s)
    swing = np.cross(omega, arm_cam)
    acceleration = path.positions(times_s, 2) + R_world_cam.apply(np.cross(alpha, arm_cam) + np.cross(omega, swing))
    R_world_body = R_world_cam * Rotation.from_matrix(R_cam_body)
    return BodyMotion(
        path.positions(times_s) + R_world_cam.apply(arm_cam),
        np.roll(R_world_body.as_quat(canonical=True), 1, axis=1),
        path.positions(times_s, 1) + R_world_cam.apply(swing),
        omega @ R_cam_body,
        R_world_body.inv().apply(acceleration - GRAVITY_WORLD),
    )


def with_jitter(rng: np.random.Generator, wave: Wave, rms: float, count: int = 10) -> Wave:
    """Plus band-limited noise of 1 to 5 Hz, falling with frequency as the tremor of a hand does."""
    omega = 2 * np.pi * rng.uniform(1.0, 5.0, count)
    amplitude = rng.uniform(0.5, 1.0, count) / omega
    amplitude *= rms / np.sqrt(np.sum(amplitude**2) / 2)
    return joined(wave, Wave(0.0, 0.0, amplitude, omega, rng.uniform(0, 2 * np.pi, count)))


def joined(a: Wave, b: Wave) -> Wave:
    """The sum of both."""
    parts = ((a.amplitude, b.amplitude), (a.omega, b.omega), (a.phase, b.phase))
    return Wave(a.start + b.start, a.rate + b.rate, *(np.concatenate(part) for part in parts))


def scaled(wave: Wave, factor: float) -> Wave:
    return Wave(wave.start, wave.rate, wave.amplitude * factor, wave.omega, wave.phase)


def constant(value: float) -> Wave:
    return Wave(float(value), 0.0, *np.zeros((3, 1)))


def sine(start: float, amplitude: float, omega: float, phase: float) -> Wave:
    return Wave(start, 0.0, np.array([amplitude]), np.array([omega]), np.array([phase]))
