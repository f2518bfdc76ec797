"""Does the promise hold? Random splits of held-out sequences into calibration and test, against the published rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import MatcherConfig
from slam.learning.calibrate import (
    CalibrateOptions,
    Progress,
    calibratable,
    cases,
    check_options,
    held_out,
    parts,
    policy_runs,
)
from slam.learning.calibrate_path import Outcome, bounds, designed, outcome
from slam.learning.calibrate_trace import trace_all
from slam.matching import packaged_weights
from slam.matching.calibration_risk import TESTS, PValue
from slam.matching.early_exit import ExitPolicy
from slam.types import Float64, Int64

SPLITS = 100
HEADER = (
    *("keypoints", "pairs", "rule", "eps", "splits kept"),
    *("loss of matches", "loss of inliers", "mean exit", "full depth"),
)


@dataclass(frozen=True)
class CheckRow:
    """One rule at one eps, over all splits."""

    points: int
    group: str  # of pairs
    rule: str
    eps: float
    kept: float  # share of splits in which both losses on the test part are at most eps
    loss_matches: float  # means over the splits' test parts
    loss_inliers: float
    mean_exit: float
    full_depth: float  # share of splits in which nothing faster was certified

    def cells(self) -> tuple[str, ...]:
        """For a table, in the order of HEADER."""
        losses = (f"{100 * self.loss_matches:.2f} %", f"{100 * self.loss_inliers:.2f} %")
        kept, full = f"{100 * self.kept:.0f} %", f"{100 * self.full_depth:.0f} %"
        return (str(self.points), self.group, self.rule, f"{self.eps:g}", kept, *losses, f"{self.mean_exit:.2f}", full)


def check_promise(
    options: CalibrateOptions, on_progress: Progress = lambda *_: None, count: int = SPLITS
) -> list[CheckRow]:
    """Both tests and the published rule, for every keypoint count, group of pairs and eps; writes nothing.

    A quarter of the sequences shapes the path, once; the others are split in half at random, ``count`` times.
    """
    check_options(options)
    network = calibratable(options.weights or packaged_weights(options.features))
    config, rows = MatcherConfig(), []
    layers = network.shape.layers
    published = ExitPolicy.published(config.depth_confidence, config.width_confidence, layers)
    for points, group in cases(options):
        data = held_out(options, points, group)
        traces = trace_all(network, data, config.filter_threshold, on_progress)
        design, rest = parts(traces, options.seed)
        outcomes = [outcome(traces.of(rest), rule) for rule in designed(traces.of(design))]
        splits = [_halves(len(rest), split) for split in range(count)]
        hard_coded, _ = policy_runs(network, published, data, rest)
        depths = [_per_sequence(found, traces.of(rest).sequence) for found in (*outcomes, hard_coded)]
        for name, test in TESTS.items():
            limits = [_limits(outcomes, calibrate, options.delta, test) for calibrate, _ in splits]
            for eps in options.eps:
                picks = [int(np.flatnonzero(limit <= eps)[-1]) for limit in limits]
                rows.append(_row(points, group, name, eps, outcomes, depths, splits, picks))
        rows += [
            _row(points, group, "published", eps, [hard_coded], depths[-1:], splits, [0] * count) for eps in options.eps
        ]
    return rows


def _halves(total: int, seed: int) -> tuple[Int64, Int64]:
    shuffled = np.random.default_rng(seed).permutation(total)
    return shuffled[: total // 2], shuffled[total // 2 :]


def _limits(outcomes: Sequence[Outcome], calibrate: Int64, delta: float, test: PValue) -> Float64:
    """(R,) bounds of all rules from one part of the sequences."""
    part = [Outcome(found.losses[calibrate], found.pair_losses, found.depth, found.work) for found in outcomes]
    return np.array(bounds(part, delta, test))


def _per_sequence(found: Outcome, sequence: Int64) -> Float64:
    """(S,) mean layers run per sequence."""
    _, member = np.unique(sequence, return_inverse=True)
    return np.bincount(member, found.depth) / np.bincount(member)


def _row(
    points: int,
    group: str,
    rule: str,
    eps: float,
    outcomes: Sequence[Outcome],
    depths: Sequence[Float64],
    splits: Sequence[tuple[Int64, Int64]],
    picks: Sequence[int],
) -> CheckRow:
    losses = np.array([outcomes[pick].losses[test].mean(0) for (_, test), pick in zip(splits, picks)])
    loss_matches, loss_inliers = losses.mean(0).tolist()
    depth = np.mean([depths[pick][test].mean() for (_, test), pick in zip(splits, picks)])
    kept = float((losses <= eps).all(1).mean())
    full = float(np.mean([pick == 0 for pick in picks])) if len(outcomes) > 1 else 0.0
    return CheckRow(points, group, rule, eps, kept, loss_matches, loss_inliers, float(depth), full)
