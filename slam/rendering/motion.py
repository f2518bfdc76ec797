"""A camera path that is a closed formula of time, so that velocities and inertial samples are exact derivatives.

World: z up, gravity along -z. Orientation: ``R_world_cam = Rz(yaw) Ry(pitch) Rx(roll) R_level_cam``, where the level
camera looks along world x with y down; positive pitch looks down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.errors import ConfigError
from slam.types import Float64

MOTIONS = ("handheld", "orbit", "forward", "rotation", "still")
R_LEVEL_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
GRAVITY_WORLD = np.array([0.0, 0.0, -9.81])  # m/s^2
FULL_TURN_S = 20.0  # a loop this long has time to look all around
MAX_YAW_RATE = np.radians(24.0)  # of the smooth part; the hand's jitter comes on top


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


@dataclass(frozen=True, eq=False)
class Path:
    """The motion of the camera: position in the room and three angles."""

    position: tuple[Wave, Wave, Wave]  # m, world
    angles: tuple[Wave, Wave, Wave]  # rad: yaw, pitch, roll

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


def make_path(
    motion: str, clear_min: Float64, clear_max: Float64, seconds: float, loops: int, speed: float, seed: int
) -> Path:
    """A path inside the clear box. ``loops`` > 0: back at the start so many times within ``seconds``.

    ``speed`` 1 is a calm hand: about 0.4 m/s and up to 30 deg/s. Raises ConfigError for an unknown motion.
    """
    if motion not in MOTIONS:
        raise ConfigError(f"motion '{motion}' is unknown; choose one of {', '.join(MOTIONS)}")
    rng = np.random.default_rng([seed, 77])
    center, reach = (clear_min + clear_max) / 2, (clear_max - clear_min) / 2
    period = seconds / loops if loops else 0.0
    if motion == "still":
        x, y, z = (_constant(v) for v in center)
        return Path((x, y, z), (_constant(rng.uniform(0, 2 * np.pi)), _constant(0.15), _constant(0.0)))
    if motion == "orbit":
        return _orbit(rng, center, reach, period, speed)
    if motion == "forward":
        return _forward(rng, center, reach, seconds, speed)
    angles = _looking_around(rng, period, speed)
    if motion == "rotation":
        x, y, z = (_constant(v) for v in center)
        return Path((x, y, z), angles)
    return Path(_walking(rng, center, reach, period, speed), angles)


def _walking(rng: np.random.Generator, center: Float64, reach: Float64, period: float, speed: float) -> tuple:
    """Slow sines in x, y, z scaled to 0.4 m/s (root mean square) where the room allows it, plus the hand's jitter."""
    waves = []
    for axis, share in enumerate((1.0, 1.0, 0.35)):
        wave = _slow(rng, center[axis], period, speed, share * 0.4 * speed / np.sqrt(2.1))
        room = 0.85 * reach[axis] / max(np.abs(wave.amplitude).sum(), 1e-9)
        waves.append(_with_jitter(rng, _scaled(wave, min(1.0, room)), 0.0012))
    return tuple(waves)


def _looking_around(rng: np.random.Generator, period: float, speed: float) -> tuple[Wave, Wave, Wave]:
    """Yaw swings, or turns steadily when a loop is long enough; pitch a little downwards; the hand's jitter."""
    start = rng.uniform(0, 2 * np.pi)
    yaw = _slow(rng, start, period, speed, 0.5 * MAX_YAW_RATE * speed)
    turn = 2 * np.pi / period if period >= FULL_TURN_S else 0.0 if period else 0.3 * MAX_YAW_RATE
    yaw = Wave(start, turn * rng.choice([-1.0, 1.0]), yaw.amplitude * (0.5 if turn else 1.0), yaw.omega, yaw.phase)
    pitch = _slow(rng, 0.20, period, speed, np.radians(5) * speed)
    roll = _slow(rng, 0.0, period, speed, np.radians(3) * speed)
    jitter = np.radians(0.12)
    return _with_jitter(rng, yaw, jitter), _with_jitter(rng, pitch, jitter), _with_jitter(rng, roll, jitter)


def _orbit(rng: np.random.Generator, center: Float64, reach: Float64, period: float, speed: float) -> Path:
    """A circle around the middle of the room, looking across it."""
    radius = 0.85 * min(reach[:2])
    omega = 2 * np.pi / period if period else 0.4 * speed / radius
    phase = rng.uniform(0, 2 * np.pi)
    x = _sine(center[0], radius, omega, phase + np.pi / 2)
    y = _sine(center[1], radius, omega, phase)
    z = _with_jitter(rng, _constant(center[2]), 0.001)
    yaw = Wave(phase + np.pi, omega, *np.zeros((3, 1)))
    pitch, roll = _with_jitter(rng, _constant(0.25), np.radians(0.1)), _constant(0.0)
    return Path((_with_jitter(rng, x, 0.001), _with_jitter(rng, y, 0.001), z), (yaw, pitch, roll))


def _forward(rng: np.random.Generator, center: Float64, reach: Float64, seconds: float, speed: float) -> Path:
    """Straight along x, as far as the room allows."""
    length = min(0.4 * speed * seconds, 1.7 * reach[0])
    x = Wave(center[0] - length / 2, length / seconds, *np.zeros((3, 1)))
    jittered = [_with_jitter(rng, wave, 0.001) for wave in (x, _constant(center[1]), _constant(center[2]))]
    angles = [_with_jitter(rng, _constant(angle), np.radians(0.1)) for angle in (0.0, 0.12, 0.0)]
    return Path((jittered[0], jittered[1], jittered[2]), (angles[0], angles[1], angles[2]))


def _slow(rng: np.random.Generator, start: float, period: float, speed: float, rate_rms: float) -> Wave:
    """Three slow sines whose derivative has the given root mean square; harmonics of ``period`` if it is not 0."""
    base = 1 / period if period else 0.1 * speed
    wanted = np.array([0.11, 0.17, 0.29]) * speed * rng.uniform(0.85, 1.15, 3)
    hz = np.maximum(1, np.round(wanted / base)) * base if period else wanted
    amplitude = rng.uniform(0.6, 1.0, 3) / hz / np.array([1.0, 1.6, 2.6])
    phase = rng.uniform(0, 2 * np.pi, 3)
    wave = Wave(start, 0.0, amplitude, 2 * np.pi * hz, phase)
    times = np.linspace(0, 1 / hz.min() * 4, 800)
    return _scaled(wave, rate_rms / float(np.sqrt(np.mean(wave.derivative(times, 1) ** 2))))


def _with_jitter(rng: np.random.Generator, wave: Wave, rms: float, count: int = 10) -> Wave:
    """Plus band-limited noise of 1 to 5 Hz, falling with frequency as the tremor of a hand does."""
    omega = 2 * np.pi * rng.uniform(1.0, 5.0, count)
    amplitude = rng.uniform(0.5, 1.0, count) / omega
    amplitude *= rms / np.sqrt(np.sum(amplitude**2) / 2)
    parts = ((wave.amplitude, amplitude), (wave.omega, omega), (wave.phase, rng.uniform(0, 2 * np.pi, count)))
    return Wave(wave.start, wave.rate, *(np.concatenate(part) for part in parts))


def _scaled(wave: Wave, factor: float) -> Wave:
    return Wave(wave.start, wave.rate, wave.amplitude * factor, wave.omega, wave.phase)


def _constant(value: float) -> Wave:
    return Wave(float(value), 0.0, *np.zeros((3, 1)))


def _sine(start: float, amplitude: float, omega: float, phase: float) -> Wave:
    return Wave(start, 0.0, np.array([amplitude]), np.array([omega]), np.array([phase]))
