"""``slam calibrate-exit``: exit rules whose loss against full depth is bounded with confidence (Learn-then-Test).

Exact: a run without exits, layer by layer, tells the outcome of every exit rule, for each of a few pruning widths.
Measured: the rules that are chosen then run for real through the matcher on the certifying sequences, and these runs
decide. Promised: the mean loss over sequences drawn like these, for each eps, keypoint count and group by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from slam.config import MatcherConfig
from slam.learning.calibrate_options import CalibrateOptions, Case, check_options
from slam.learning.calibrate_path import Outcome, bounds, designed, measured, outcome
from slam.learning.calibrate_trace import Traces
from slam.learning.calibrate_work import calibratable, extracted, held_out, policy_runs, traces_of
from slam.matching import packaged_weights
from slam.matching.calibration import ExitLevel, ExitPath, ExitTable, exit_file, sha256_of, write_exit_table
from slam.matching.calibration_risk import TESTS, PValue, sequences_needed, upper_bound
from slam.matching.early_exit import ExitPolicy
from slam.running.pool import Mapped, shared_by
from slam.types import Int64

DESIGN_SHARE = 1 / 4  # of the sequences

Progress = Callable[[int, int], None]  # sequences done, total


def calibrate(options: CalibrateOptions, on_progress: Progress = lambda *_: None) -> ExitTable:
    """Calibrate and write the exit file.

    Raises ConfigError for options that make no sense, WeightsError for weights that cannot end early, SourceError for
    data that cannot be read.
    """
    check_options(options)
    weights = options.weights or packaged_weights(options.features)
    layers = calibratable(weights).shape.layers
    with shared_by(options.processes) as mapped:
        extracted(options, mapped)
        counter = Counter(options, on_progress)
        paths = [calibrated_path(options, case, layers, mapped, counter) for case in options.cases]
    table = ExitTable(
        features=options.features,
        layers=layers,
        filter_threshold=MatcherConfig().filter_threshold,
        weights_sha256=sha256_of(weights),
        test=options.test,
        delta=options.delta,
        seed=options.seed,
        paths=tuple(paths),
    )
    write_exit_table(options.out or exit_file(weights), table)
    return table


class Counter:
    """Adds up the sequences of all cases."""

    def __init__(self, options: CalibrateOptions, on_progress: Progress) -> None:
        self._total = sum(len(held_out(options, *case)) for case in options.cases)
        self._done, self._on_progress = 0, on_progress

    def __call__(self, sequences: int) -> None:
        self._done += sequences
        self._on_progress(self._done, self._total)


def calibrated_path(
    options: CalibrateOptions, case: Case, layers: int, mapped: Mapped, on_piece: Callable[[int], None]
) -> ExitPath:
    """Design on one part of the sequences, certify on the others, and check by real runs."""
    traces, p_value = traces_of(options, case, mapped, on_piece), TESTS[options.test]
    design, certify = parts(traces, options.seed)
    certifying = traces.of(certify)
    rules = designed(traces.of(design))
    outcomes = [outcome(certifying, rule) for rule in rules]
    limits = bounds(outcomes, options.delta, p_value)
    steps = tuple(measured(rule, found, limit) for rule, found, limit in zip(rules, outcomes, limits))
    path = ExitPath(*case, len(certify), len(design), held_out(options, *case).sha256(), steps, ())
    tried: dict[int, Outcome] = {}
    while missing := {path.index_at(eps) for eps in options.eps} - {0, *tried}:
        for i in sorted(missing):
            tried[i] = policy_runs(options, case, ExitPolicy.of_step(steps[i], layers), certifying, mapped)
        path = confirmed(path, tried, options.delta, p_value)
    levels = [checked_level(path, eps, tried, certifying.kind, options) for eps in options.eps]
    return replace(path, levels=tuple(levels))


def parts(traces: Traces, seed: int) -> tuple[Int64, Int64]:
    """Sequences that design and sequences that certify, each ascending."""
    shuffled = np.random.default_rng(seed).permutation(np.unique(traces.sequence))
    cut = max(1, round(DESIGN_SHARE * len(shuffled)))
    return np.sort(shuffled[:cut]), np.sort(shuffled[cut:])


def checked_level(
    path: ExitPath, eps: float, tried: dict[int, Outcome], kinds: list[str], options: CalibrateOptions
) -> ExitLevel:
    """The step for one eps with what its real runs gave; full depth needs none, it loses nothing by definition."""
    index = path.index_at(eps)
    if not index:
        return ExitLevel(eps, 0, _why_full_depth(path, eps, options), 0.0, 0.0, path.steps[0].mean_exit, {})
    found = tried[index]
    loss_matches, loss_inliers = found.losses.mean(0).tolist()
    return ExitLevel(eps, index, "", loss_matches, loss_inliers, float(found.depth.mean()), strata(found, kinds))


def confirmed(path: ExitPath, tried: dict[int, Outcome], delta: float, p_value: PValue) -> ExitPath:
    """The path with the bounds of real runs where these are worse, as rounding may make them; never better ones."""
    real = {i: max(upper_bound(found.losses[:, k], delta, p_value) for k in range(2)) for i, found in tried.items()}
    worst = itertools.accumulate((max(step.bound, real.get(i, 0.0)) for i, step in enumerate(path.steps)), max)
    return replace(path, steps=tuple(replace(step, bound=bound) for step, bound in zip(path.steps, worst)))


def strata(found: Outcome, kinds: list[str]) -> dict[str, list[float]]:
    """Per kind of pair: pairs, mean loss of matches, mean loss of inliers, mean exit."""
    rows = {}
    for kind in sorted(set(kinds)):
        member = np.array([each == kind for each in kinds])
        rows[kind] = [
            float(member.sum()),
            *found.pair_losses[member].mean(0).tolist(),
            float(found.depth[member].mean()),
        ]
    return rows


def _why_full_depth(path: ExitPath, eps: float, options: CalibrateOptions) -> str:
    least = sequences_needed(eps, options.delta)
    if path.sequences < least:
        return f"not certifiable with {path.sequences} sequences, at least {least} are needed; full depth is used"
    return f"no faster rule is certified with {path.sequences} sequences; full depth is used"
