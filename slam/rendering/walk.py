"""A person with a camera in the hand walks round a corridor: one Fourier series per coordinate, so that it closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.errors import ConfigError
from slam.rendering.motion import Path, Wave, constant, joined, sine, with_jitter
from slam.types import Float64

WALK_M_S = 0.8
FASTEST_M_S = 1.6  # beyond, nobody walks
ROUNDING_M = 0.9  # of way over which the feet round a corner, as a standard deviation
LOOKING_M = 1.2  # the same of the eyes
LOOK_AHEAD_M = 0.35  # the eyes turn into a corner before the feet do
HEIGHT_M, DOWN_RAD = 1.45, 0.07  # of the camera in the hand, and how far it looks down
STEP_HZ = 1.8  # the hand goes up and down with each step, and to the sides with each second one
BOB_M, SWAY_M, ROLL_RAD = 0.015, 0.010, np.radians(0.5)  # amplitudes
SWINGS = ((0.07, np.radians(11)), (0.13, np.radians(6)))  # Hz, amplitude: looks to the left and right
JITTER_M, JITTER_RAD = 0.0015, np.radians(0.2)  # root mean square
NEGLIGIBLE = 1e-6  # m and rad


@dataclass(frozen=True, eq=False)
class Ring:
    """The middle line of a corridor round a block: a rectangle, walked anticlockwise from the middle of its south."""

    min_world: Float64  # (2,) m
    max_world: Float64  # (2,) m

    @property
    def length_m(self) -> float:
        return 2 * float(np.sum(self.max_world - self.min_world))

    def at(self, way_m: Float64) -> tuple[Float64, Float64]:
        """Positions (N, 2) and heading (N,) rad after walking (N,) metres; the heading goes on growing."""
        x, y = self.max_world - self.min_world
        corners = np.array([[0.5, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0.5, 0]]) * (x, y) + self.min_world
        passed = np.cumsum([0, x / 2, y, x, y, x / 2])
        positions = np.column_stack([np.interp(way_m, passed, corners[:, i]) for i in (0, 1)])
        return positions, np.asarray(np.pi / 2 * np.searchsorted(passed[1:-1], way_m, side="right"), np.float64)


def make_walk(ring: Ring, seconds: float, loops: int, speed: float, seed: int) -> Path:
    """``loops`` rounds within ``seconds``; with 0 loops at ``speed`` times 0.8 m/s, however far that leads.

    Every round is the same but for the hand's jitter. Raises ConfigError for a walk that would be a run.
    """
    period = seconds / loops if loops else ring.length_m / (WALK_M_S * speed)
    if ring.length_m / period > FASTEST_M_S:
        least = ring.length_m / FASTEST_M_S
        raise ConfigError(
            f"a round of {ring.length_m:.0f} m in {period:.1f} s is no walk; give each loop {least:.0f} s or more"
        )
    rng = np.random.default_rng([seed, 78])
    steps = _harmonic(STEP_HZ / 2, period) * 2
    x, y, yaw = _round(ring, period, steps // 2)
    z = sine(HEIGHT_M, BOB_M, 2 * np.pi * steps / period, rng.uniform(0, 2 * np.pi))
    for hz, amplitude in SWINGS:
        yaw = joined(yaw, _swing(rng, hz, amplitude, period))
    pitch = joined(constant(DOWN_RAD), _swing(rng, 0.1, np.radians(2.5), period))
    roll = _swing(rng, STEP_HZ / 2, ROLL_RAD, period)
    position = [with_jitter(rng, wave, JITTER_M) for wave in (x, y, z)]
    angles = [with_jitter(rng, wave, JITTER_RAD) for wave in (yaw, pitch, roll)]
    return Path((position[0], position[1], position[2]), (angles[0], angles[1], angles[2]))


def _round(ring: Ring, period: float, sway: int) -> tuple[Wave, Wave, Wave]:
    """x, y and yaw of one round, which lasts ``period`` and holds ``sway`` swayings to the sides."""
    count = 1 << int(np.ceil(np.log2(16 * (sway + 64))))
    share = np.arange(count) / count
    positions, heading = ring.at(share * ring.length_m)
    turning = heading - 2 * np.pi * share  # the periodic part
    smooth = np.column_stack([_rounded(ring, values, ROUNDING_M) for values in (*positions.T, turning)])
    direction = smooth[:, 2] + 2 * np.pi * share
    offset = SWAY_M * np.sin(2 * np.pi * sway * share)
    x = _series(smooth[:, 0] - offset * np.sin(direction), period)
    y = _series(smooth[:, 1] + offset * np.cos(direction), period)
    yaw = _series(_rounded(ring, turning, LOOKING_M, LOOK_AHEAD_M), period)
    lead = 2 * np.pi * LOOK_AHEAD_M / ring.length_m
    return x, y, Wave(yaw.start + lead, 2 * np.pi / period, yaw.amplitude, yaw.omega, yaw.phase)


def _rounded(ring: Ring, values: Float64, over_m: float, ahead_m: float = 0.0) -> Float64:
    """Samples (N,) of a round, smoothed along the way by a Gaussian of ``over_m`` and taken ``ahead_m`` earlier."""
    spectrum = np.fft.rfft(values)
    per_m = 2 * np.pi * np.arange(len(spectrum)) / ring.length_m
    return np.fft.irfft(spectrum * np.exp(-0.5 * (per_m * over_m) ** 2 + 1j * per_m * ahead_m), len(values))


def _series(values: Float64, period: float) -> Wave:
    """The Fourier series through samples (N,) of one period, without its negligible terms."""
    spectrum = np.fft.rfft(values) / len(values)
    k = 1 + np.flatnonzero(2 * np.abs(spectrum[1:-1]) > NEGLIGIBLE)
    start, phase = float(spectrum[0].real), np.asarray(np.angle(spectrum[k]) + np.pi / 2, np.float64)
    amplitude = np.asarray(2 * np.abs(spectrum[k]), np.float64)
    return Wave(start, 0.0, amplitude, np.asarray(2 * np.pi * k / period, np.float64), phase)


def _swing(rng: np.random.Generator, hz: float, amplitude: float, period: float) -> Wave:
    return sine(0.0, amplitude, 2 * np.pi * _harmonic(hz, period) / period, rng.uniform(0, 2 * np.pi))


def _harmonic(hz: float, period: float) -> int:
    """How often a wave of about ``hz`` fits into a round: never in parts, so that the round closes."""
    return max(1, round(hz * period))
