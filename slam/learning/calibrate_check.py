"""Does the promise hold? Random splits of held-out sequences into calibration and test, against the published rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import MatcherConfig
from slam.learning.calibrate import Counter, Progress, parts
from slam.learning.calibrate_options import CalibrateOptions, Case, check_options
from slam.learning.calibrate_path import Outcome, designed, fastest, outcome
from slam.learning.calibrate_work import calibratable, extracted, policy_runs, traces_of
from slam.matching import packaged_weights
from slam.matching.calibration_risk import TESTS
from slam.matching.early_exit import ExitPolicy
from slam.running.pool import Mapped, shared_by
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
    layers = calibratable(options.weights or packaged_weights(options.features)).shape.layers
    with shared_by(options.processes) as mapped:
        extracted(options, mapped)
        counter = Counter(options, on_progress)
        return [row for case in options.cases for row in _checked(options, case, layers, count, mapped, counter)]


def _checked(
    options: CalibrateOptions, case: Case, layers: int, count: int, mapped: Mapped, on_piece: Callable[[int], None]
) -> Iterator[CheckRow]:
    """The rows of one keypoint count and group."""
    traces, config = traces_of(options, case, mapped, on_piece), MatcherConfig()
    design, rest = parts(traces, options.seed)
    others = traces.of(rest)
    published = ExitPolicy.published(config.depth_confidence, config.width_confidence, layers)
    hard_coded = policy_runs(options, case, published, others, mapped)
    outcomes = [outcome(others, rule) for rule in designed(traces.of(design))]
    depths = [_per_sequence(found, others.sequence) for found in (*outcomes, hard_coded)]
    splits = [_halves(len(rest), split) for split in range(count)]
    for (name, test), eps in itertools.product(TESTS.items(), options.eps):
        losses = [found.losses for found in outcomes]
        picks = [fastest([each[calibrate] for each in losses], eps, options.delta, test) for calibrate, _ in splits]
        yield _row(case, name, eps, outcomes, depths, splits, picks)
    for eps in options.eps:
        yield _row(case, "published", eps, [hard_coded], depths[-1:], splits, [0] * count)


def _halves(total: int, seed: int) -> tuple[Int64, Int64]:
    shuffled = np.random.default_rng(seed).permutation(total)
    return shuffled[: total // 2], shuffled[total // 2 :]


def _per_sequence(found: Outcome, sequence: Int64) -> Float64:
    """(S,) mean layers run per sequence."""
    _, member = np.unique(sequence, return_inverse=True)
    return np.bincount(member, found.depth) / np.bincount(member)


def _row(
    case: Case,
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
    return CheckRow(*case, rule, eps, kept, loss_matches, loss_inliers, float(depth), full)
