"""How sure one can be that a risk is small: p-values and upper bounds for the mean of losses in [0, 1].

Both tests are valid for any distribution of independent losses; neither needs the risk to be monotone along a path.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr  # scipy.stats takes 0.4 s to import, and every run begins here

from slam.types import Float64

PValue = Callable[[Float64, float], float]  # of losses (n,) in [0, 1] and the risk eps that is to be rejected
TOLERANCE = 1e-6  # of an upper bound


def hoeffding_bentkus(losses: ArrayLike, eps: float) -> float:
    """p-value of "the mean of ``losses`` (n,) in [0, 1] is above eps" (Bates et al. 2021, eq. 9; LTT, prop. 1).

    min(exp(-n h1(min(R, eps), eps)), e P(Bin(n, eps) <= ceil(n R))) with R the observed mean.
    """
    values = np.asarray(losses, float)
    n = len(values)
    if not n:
        return 1.0
    mean = float(values.mean())
    hoeffding = math.exp(-n * bernoulli_divergence(min(mean, eps), eps))
    bentkus = math.e * float(bdtr(math.ceil(n * mean), n, eps))
    return min(hoeffding, bentkus, 1.0)


def betting(losses: ArrayLike, eps: float) -> float:
    """p-value of the same by betting against it (Waudby-Smith & Ramdas 2024, sections 3 and 4.3; Ville's inequality).

    The capital is multiplied by 1 - bet (loss - eps), bets in [0, 1] set from the losses before. ``losses`` must come
    in an order that was chosen without looking at them. Tighter than Hoeffding and Bentkus when losses vary little.
    """
    values = np.asarray(losses, float)
    if not len(values):
        return 1.0
    capital = np.cumsum(np.log1p(-_bets(values) * (values - eps)))
    return float(min(1.0, math.exp(-max(float(capital.max()), 0.0))))


TESTS: dict[str, PValue] = {"hb": hoeffding_bentkus, "wsr": betting}


def upper_bound(losses: ArrayLike, delta: float, p_value: PValue) -> float:
    """Least eps, rounded up to TOLERANCE, whose p-value is at most ``delta``: above the mean risk with 1 - delta.

    1.0 when no smaller one can be had from so few losses.
    """
    values = np.asarray(losses, float)
    low, high = 0, round(1 / TOLERANCE)
    while high - low > 1:
        middle = (low + high) // 2
        rejected = p_value(values, middle * TOLERANCE) <= delta
        low, high = (low, middle) if rejected else (middle, high)
    return high * TOLERANCE


def sequences_needed(eps: float, delta: float) -> int:
    """Sequences without any loss that it takes to certify ``eps``: (1 - eps)^n <= delta."""
    return math.ceil(math.log(delta) / math.log1p(-eps))


def bernoulli_divergence(a: float, b: float) -> float:
    """h1(a, b) = a log(a / b) + (1 - a) log((1 - a) / (1 - b)), infinite where b excludes a."""
    if a == b:
        return 0.0
    if b <= 0.0 or b >= 1.0:
        return math.inf
    hit = a * math.log(a / b) if a > 0 else 0.0
    miss = (1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0
    return hit + miss


def _bets(values: Float64) -> Float64:
    """(n,) bets before each loss: sqrt(2 log(1 / 0.05) / (n variance)) of the losses so far, at most 1."""
    n = len(values)
    counts = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values)) / (counts + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (counts + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.minimum(1.0, np.sqrt(2 * math.log(1 / 0.05) / (n * before)))
