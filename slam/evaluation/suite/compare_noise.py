"""Is a difference between a few runs and a few others more than noise? Stated tests for small numbers.

Accuracy has no known distribution and failed runs have an infinite error, so ranks are permuted. A time is a positive
quantity whose noise multiplies, so its logarithms are compared.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.05  # share of wrong alarms among the alarms
RESAMPLES = 50_000  # all assignments up to 9 runs against 9, and that many drawn ones above


class RatioTest(NamedTuple):
    """Of the second group over the first: ratio of medians, 95 % interval of the ratio, p-value of no change."""

    ratio: float
    low: float
    high: float
    p: float


def rank_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p-value of a permutation test on the difference of mean ranks; infinite values are the largest.

    Exact while there are at most RESAMPLES assignments. Its smallest value with n and m runs is 2 / C(n + m, n).
    """
    from scipy.stats import permutation_test, rankdata

    ranks = rankdata([*a, *b])

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(y, axis=axis) - np.mean(x, axis=axis)

    result = permutation_test(
        (ranks[: len(a)], ranks[len(a) :]), statistic, n_resamples=RESAMPLES, vectorized=True, rng=0
    )
    return float(result.pvalue)


def ratio_test(a: Sequence[float], b: Sequence[float]) -> RatioTest:
    """Welch's t-test on the logarithms of positive values, at least two in each group."""
    from scipy.stats import ttest_ind

    ratio = float(np.median(b) / np.median(a))
    first, second = np.log(a), np.log(b)
    if np.ptp(first) == 0 and np.ptp(second) == 0:  # no noise at all
        return RatioTest(ratio, ratio, ratio, 1.0 if first[0] == second[0] else 0.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)  # one group without noise is no error
        result = ttest_ind(second, first, equal_var=False)
    interval = result.confidence_interval(0.95)
    return RatioTest(ratio, math.exp(interval.low), math.exp(interval.high), float(result.pvalue))


def beyond_noise(p_values: Sequence[float]) -> list[bool]:
    """Which of many comparisons are no noise: at most LEVEL of them wrongly so (Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return [bool(p <= LEVEL) for p in false_discovery_control(p_values)] if p_values else []


def smallest_p(count_a: int, count_b: int) -> float:
    """What ``rank_p`` gives for groups that do not overlap at all."""
    return 2 / math.comb(count_a + count_b, count_a)
