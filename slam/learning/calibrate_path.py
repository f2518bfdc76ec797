"""A path of exit rules from safe to fast, shaped on sequences that do not certify it (Pareto testing).

Candidates: for a price that says how much loss a layer is worth, thresholds by backward induction over the layers; and
stricter versions of them. The path is what no other candidate beats in both loss and work on the design's pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from slam.learning.calibrate_trace import SHARES, WIDTHS, Traces, at_exit, exits_of, means_per_sequence
from slam.matching.calibration import ExitStep
from slam.matching.calibration_risk import PValue, upper_bound
from slam.types import Float32, Float64

PRICES = tuple(2.0**k * 5e-4 for k in range(10))  # 0.0005 to 0.26 of the matches for a layer
STRICTNESS = tuple(k / 16 for k in range(1, 17))  # 1 - threshold is this share of the induction's
TARGETS = tuple(2.0 ** (k / 5) * 5e-4 for k in range(47))  # 0.0005 to 0.3: losses between which one step is enough
GRID = 1024  # thresholds are multiples of 1 / GRID, which float32 holds exactly
OUT_OF_REACH = 1 + 1 / GRID


@dataclass(frozen=True)
class Rule:
    """One exit rule, by positions in SHARES and WIDTHS."""

    thresholds: tuple[float, ...]  # per layer but the last
    share: int
    width: int

    def step(self) -> ExitStep:
        """As it goes into the file, nothing measured yet."""
        return ExitStep(self.thresholds, SHARES[self.share], WIDTHS[self.width], 1.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a rule does to some pairs."""

    losses: Float64  # (S, 2) means over the pairs of every sequence: of matches, of inliers
    pair_losses: Float64  # (P, 2)
    depth: Float64  # (P,) layers run
    work: Float64  # (P,) layers run, by the share of points left


def designed(traces: Traces) -> list[Rule]:
    """Rules from safe to fast; the first one is full depth on all points."""
    layers = traces.losses.shape[2]
    path = [Rule((OUT_OF_REACH,) * (layers - 1), 0, WIDTHS.index(-1.0))]
    rules = list(dict.fromkeys(candidates(traces)))
    found = np.array([_loss_and_work(traces, rule) for rule in rules])
    for target in TARGETS:
        within = np.flatnonzero(found[:, 0] <= target)
        if not len(within):
            continue
        best = rules[within[np.lexsort((found[within, 0], found[within, 1]))[0]]]
        if best not in path:
            path.append(best)
    return path


def candidates(traces: Traces) -> Iterator[Rule]:
    """Rules for all shares, the traces' widths and prices, and stricter versions of them."""
    for width, share, price in itertools.product(range(traces.sure.shape[1]), range(len(SHARES)), PRICES):
        cost = traces.losses[:, width].max(-1) + price * traces.work[:, width]
        _, thresholds = induced(traces.sure[:, width, :, share], cost)
        for strictness in STRICTNESS:
            yield Rule(tuple(stricter(threshold, strictness) for threshold in thresholds), share, width)


def stricter(threshold: float, strictness: float) -> float:
    """A threshold nearer to 1, on the grid; out of reach stays so."""
    return threshold if threshold > 1.0 else 1.0 - round((1.0 - threshold) * strictness * GRID) / GRID


def induced(sure: Float32, cost: Float64) -> tuple[float, tuple[float, ...]]:
    """Mean cost and thresholds (L - 1,) by backward induction: sure (P, L - 1), cost (P, L) of ending after a layer."""
    value, thresholds = cost[:, -1], []
    level = np.floor(np.clip(sure, -1.0, 1.0) * GRID).astype(int)
    for layer in reversed(range(sure.shape[1])):
        least = _best_level(level[:, layer], value - cost[:, layer])
        value = np.where(level[:, layer] >= least, cost[:, layer], value)
        thresholds.append(least / GRID)
    return float(value.mean()), tuple(reversed(thresholds))


def outcome(traces: Traces, rule: Rule) -> Outcome:
    """Exactly what the rule does to the pairs of these traces."""
    exits = exits_of(traces.sure[:, rule.width, :, rule.share], rule.thresholds)
    losses, depth, work = at_exit(traces, rule.width, exits)
    return Outcome(means_per_sequence(losses, traces.sequence), losses, depth.astype(float), work)


def bounds(outcomes: list[Outcome], delta: float, p_value: PValue) -> list[float]:
    """Per rule the upper bound of both risks of this and all safer rules; the first, full depth, loses nothing.

    A rule is certified at eps when its bound is at most eps: that is fixed-sequence testing from safe to fast, where
    "one of both risks is above eps" is rejected when both p-values are at most ``delta``.
    """
    each = [max(upper_bound(found.losses[:, k], delta, p_value) for k in range(2)) for found in outcomes[1:]]
    return reduce(lambda so_far, bound: [*so_far, max(so_far[-1], bound)], each, [0.0])


def fastest(losses: Sequence[Float64], eps: float, delta: float, p_value: PValue) -> int:
    """The last of the rules, from safe to fast, that is certified at ``eps``, as ``bounds`` would have it.

    losses: (S, 2) per rule; the first is full depth.
    """
    for i, found in enumerate(losses[1:]):
        if max(p_value(found[:, k], eps) for k in range(2)) > delta:
            return i
    return len(losses) - 1


def measured(rule: Rule, found: Outcome, bound: float) -> ExitStep:
    """The step of the file."""
    loss_matches, loss_inliers = found.losses.mean(0).tolist()
    return ExitStep(
        rule.thresholds,
        SHARES[rule.share] if any(t <= 1.0 for t in rule.thresholds) else -1.0,
        WIDTHS[rule.width],
        bound,
        loss_matches,
        loss_inliers,
        float(found.depth.mean()),
        float(found.work.mean()),
    )


def _loss_and_work(traces: Traces, rule: Rule) -> tuple[float, float]:
    found = outcome(traces, rule)
    return float(found.losses.mean(0).max()), float(found.work.mean())


def _best_level(level: np.ndarray, gain: Float64) -> int:
    """Lowest level (in units of 1 / GRID) from which ending brings the most; out of reach when it brings nothing."""
    order = np.argsort(-level, kind="stable")
    total = np.cumsum(gain[order])
    last_of_level = np.append(np.diff(level[order]) != 0, True) & (level[order] >= 0)
    total = np.where(last_of_level, total, -np.inf)
    best = int(total.argmax())
    return int(level[order][best]) if total[best] > 0 else round(OUT_OF_REACH * GRID)
