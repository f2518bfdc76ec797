"""Views as the map predicts them: true places with the error of a wrong pose, and how large that error may be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slam.geometry import inside
from slam.learning.pairs import Pair, subset
from slam.types import Float32, Float64

PRIOR_DROPPED = 0.5  # share of predicted views that do not say how sure they are
PRIOR_WRONG = 0.1  # share of the others that are surely somewhere else
TURN_RAD, SCALE = 0.015, 0.012  # standard deviations of a wrong pose's turn about the middle and change of scale
SHIFT_PX = (0.5, 0.045)  # of its shift: from pixels to a share of the long side
OWN_PX = (0.2, 2.0)  # of each point's own error: wrong depth
MISJUDGED = 0.35  # of the logarithm of the claimed sigma over the true one
WRONG_SHARE = (40 / 640, 200 / 640)  # shift of a wrong prediction, of the long side
WRONG_TURN_RAD = 0.3
WRONG_SIGMA_PX = (1.5, 8.0)  # what a wrong prediction claims


def virtual(pair: Pair, rng: np.random.Generator, drop_unseen: bool, silent: float = PRIOR_DROPPED) -> Pair:
    """a as the map predicts it: its points where b should see them, off by one smooth error of up to about 30 px.

    The error is that of a wrong pose: a shift, a small turn and a small change of scale, and a little of each point's
    own (wrong depth). The pair says the error's standard deviation, over- or underestimated up to about two times, or
    nothing; one in ten is wrong altogether and claims to be sure. With ``drop_unseen`` the points that fall outside
    of b leave, as they do in a map's view. Of two views with nothing in common any prediction is wrong.
    silent: chance that the pair says nothing of its error; training's, or 0 or 1 for one of both alone.
    """
    known = np.isfinite(pair.a_in_b).all(1) & (np.abs(pair.a_in_b) < 4 * max(pair.size_b)).all(1)
    if not known.any():
        return pair if rng.random() < silent else _misplaced(replace(pair, size_a=pair.size_b), rng)
    if drop_unseen:
        known &= inside(pair.a_in_b, pair.size_b, margin_px=-16.0)
    seen = subset(pair, np.flatnonzero(known), np.arange(len(pair.xy_b)))
    xy, sigma_px = _predicted(seen.a_in_b, pair.size_b, rng)
    seen = replace(seen, xy_a=xy, size_a=pair.size_b)
    if rng.random() < silent:
        return seen
    if rng.random() < PRIOR_WRONG:
        return _misplaced(seen, rng)
    return replace(seen, sigma_a=(sigma_px * np.exp(rng.normal(0.1, MISJUDGED))).astype(np.float32))


def _predicted(a_in_b: Float64, size: tuple[int, int], rng: np.random.Generator) -> tuple[Float32, Float64]:
    """Positions (M, 2) with the error of a wrong pose, and its standard deviations (M,) along each axis, px."""
    center = np.array(size) / 2
    shift_px = _between(SHIFT_PX[0], SHIFT_PX[1] * max(size), rng)
    own_px = _between(*OWN_PX, rng) * np.exp(rng.normal(0, 0.4, len(a_in_b)))
    turning = np.exp(rng.normal(0, SCALE)) * _turn(rng.normal(0, TURN_RAD))
    error = rng.normal(0, shift_px, 2) + own_px[:, None] * rng.normal(0, 1, a_in_b.shape)
    arm_px = np.linalg.norm(a_in_b - center, axis=1)
    sigma_px = np.sqrt(shift_px**2 + own_px**2 + (TURN_RAD**2 + SCALE**2) / 2 * arm_px**2)
    return ((a_in_b - center) @ turning + center + error).astype(np.float32), sigma_px


def _misplaced(pair: Pair, rng: np.random.Generator) -> Pair:
    """The predictions of another place, claimed to be sure."""
    center, direction = np.array(pair.size_b) / 2, rng.uniform(-np.pi, np.pi)
    shift = rng.uniform(*WRONG_SHARE) * max(pair.size_b) * np.array([np.cos(direction), np.sin(direction)])
    turning = _turn(rng.uniform(-1, 1) * WRONG_TURN_RAD)
    claimed = np.full(len(pair.xy_a), _between(*WRONG_SIGMA_PX, rng), np.float32)
    return replace(pair, xy_a=((pair.xy_a - center) @ turning + center + shift).astype(np.float32), sigma_a=claimed)


def _between(least: float, most: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def _turn(angle_rad: float) -> Float64:
    return np.array([[np.cos(angle_rad), np.sin(angle_rad)], [-np.sin(angle_rad), np.cos(angle_rad)]])
