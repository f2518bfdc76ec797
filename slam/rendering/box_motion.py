"""Motions of a camera in a hand that stays inside a clear box: walking about, orbit, forward, rotation, still."""

from __future__ import annotations

import numpy as np

from slam.rendering.motion import Path, Wave, constant, scaled, sine, with_jitter
from slam.types import Float64

BOX_MOTIONS = ("handheld", "orbit", "forward", "rotation", "still")
FULL_TURN_S = 20.0  # a loop this long has time to look all around
MAX_YAW_RATE = np.radians(24.0)  # of the smooth part; the hand's jitter comes on top


def make_path(
    motion: str, clear_min: Float64, clear_max: Float64, seconds: float, loops: int, speed: float, seed: int
) -> Path:
    """A path inside the clear box. ``loops`` > 0: back at the start so many times within ``seconds``.

    ``speed`` 1 is a calm hand: about 0.4 m/s and up to 30 deg/s.
    """
    rng = np.random.default_rng([seed, 77])
    center, reach = (clear_min + clear_max) / 2, (clear_max - clear_min) / 2
    period = seconds / loops if loops else 0.0
    if motion == "still":
        x, y, z = (constant(v) for v in center)
        return Path((x, y, z), (constant(rng.uniform(0, 2 * np.pi)), constant(0.15), constant(0.0)))
    if motion == "orbit":
        return _orbit(rng, center, reach, period, speed)
    if motion == "forward":
        return _forward(rng, center, reach, seconds, speed)
    angles = _looking_around(rng, period, speed)
    if motion == "rotation":
        x, y, z = (constant(v) for v in center)
        return Path((x, y, z), angles)
    return Path(_walking(rng, center, reach, period, speed), angles)


def _walking(rng: np.random.Generator, center: Float64, reach: Float64, period: float, speed: float) -> tuple:
    """Slow sines in x, y, z scaled to 0.4 m/s (root mean square) where the room allows it, plus the hand's jitter."""
    waves = []
    for axis, share in enumerate((1.0, 1.0, 0.35)):
        wave = _slow(rng, center[axis], period, speed, share * 0.4 * speed / np.sqrt(2.1))
        room = 0.85 * reach[axis] / max(np.abs(wave.amplitude).sum(), 1e-9)
        waves.append(with_jitter(rng, scaled(wave, min(1.0, room)), 0.0012))
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
    return with_jitter(rng, yaw, jitter), with_jitter(rng, pitch, jitter), with_jitter(rng, roll, jitter)


def _orbit(rng: np.random.Generator, center: Float64, reach: Float64, period: float, speed: float) -> Path:
    """A circle around the middle of the room, looking across it."""
    radius = 0.85 * min(reach[:2])
    omega = 2 * np.pi / period if period else 0.4 * speed / radius
    phase = rng.uniform(0, 2 * np.pi)
    x = sine(center[0], radius, omega, phase + np.pi / 2)
    y = sine(center[1], radius, omega, phase)
    z = with_jitter(rng, constant(center[2]), 0.001)
    yaw = Wave(phase + np.pi, omega, *np.zeros((3, 1)))
    pitch, roll = with_jitter(rng, constant(0.25), np.radians(0.1)), constant(0.0)
    return Path((with_jitter(rng, x, 0.001), with_jitter(rng, y, 0.001), z), (yaw, pitch, roll))


def _forward(rng: np.random.Generator, center: Float64, reach: Float64, seconds: float, speed: float) -> Path:
    """Straight along x, as far as the room allows."""
    length = min(0.4 * speed * seconds, 1.7 * reach[0])
    x = Wave(center[0] - length / 2, length / seconds, *np.zeros((3, 1)))
    jittered = [with_jitter(rng, wave, 0.001) for wave in (x, constant(center[1]), constant(center[2]))]
    angles = [with_jitter(rng, constant(angle), np.radians(0.1)) for angle in (0.0, 0.12, 0.0)]
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
    return scaled(wave, rate_rms / float(np.sqrt(np.mean(wave.derivative(times, 1) ** 2))))
