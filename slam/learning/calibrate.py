"""``slam calibrate-exit``: exit rules whose loss against full depth is bounded with confidence (Learn-then-Test).

Exact: a run without exits, layer by layer, tells the outcome of every exit rule, for each of a few pruning widths.
Measured: the rules that are chosen then run for real through the matcher on the certifying sequences, and these runs
decide. Promised: the mean loss over sequences drawn like these, for each eps, keypoint count and group by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from slam.config import FeatureConfig, MatcherConfig
from slam.errors import ConfigError, WeightsError
from slam.learning.calibrate_pairs import HeldOut, LabelledPair, Origin, fingerprint, scenes_of, stretches_of
from slam.learning.calibrate_path import Outcome, bounds, designed, measured, outcome
from slam.learning.calibrate_trace import Traces, codes, lost, means_per_sequence, trace_all
from slam.matching import packaged_weights
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.calibration import GROUPS, ExitLevel, ExitPath, ExitTable, exit_file, sha256_of, write_exit_table
from slam.matching.calibration_risk import TESTS, PValue, sequences_needed, upper_bound
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import LightGlue
from slam.matching.weights import load_network
from slam.types import Int64

DESIGN_SHARE = 1 / 4  # of the sequences


@dataclass(frozen=True)
class CalibrateOptions:
    """What to calibrate, and on what."""

    images: Path | None = None  # photographs (folder or tar), or a folder of shards
    recordings: tuple[Path, ...] = ()  # TUM layout with depth and ground truth
    features: str = "earlybird"
    extractor_weights: str = ""  # "" for those that come with the features
    weights: Path | None = None  # of the matcher, None for those that come with the features
    keypoints: tuple[int, ...] = (512,)
    eps: tuple[float, ...] = (0.01, 0.02, 0.05)
    delta: float = 0.05
    test: str = "hb"
    scenes: int = 600  # synthetic ones to make of held-out photographs
    pairs: int = 4  # per sequence
    seed: int = 0
    cache: Path = Path("training/calibration")  # features of scenes and recordings
    out: Path | None = None  # None for beside the weights


Progress = Callable[[int, int], None]  # sequences done, total


def calibrate(options: CalibrateOptions, on_progress: Progress = lambda *_: None) -> ExitTable:
    """Calibrate and write the exit file.

    Raises ConfigError for options that make no sense, WeightsError for weights that cannot end early, SourceError for
    data that cannot be read.
    """
    check_options(options)
    weights = options.weights or packaged_weights(options.features)
    network = calibratable(weights)
    paths = [calibrated_path(network, *case, options, on_progress) for case in cases(options)]
    table = ExitTable(
        features=options.features,
        layers=network.shape.layers,
        filter_threshold=MatcherConfig().filter_threshold,
        weights_sha256=sha256_of(weights),
        test=options.test,
        delta=options.delta,
        seed=options.seed,
        paths=tuple(paths),
    )
    write_exit_table(options.out or exit_file(weights), table)
    return table


def check_options(options: CalibrateOptions) -> None:
    """Raises ConfigError for options that make no sense."""
    if options.images is None and not options.recordings:
        raise ConfigError("calibrate-exit: nothing to calibrate on; give photographs or shards, or --recording FOLDER")
    if options.test not in TESTS:
        raise ConfigError(f"calibrate-exit: --test must be one of {', '.join(TESTS)}, got '{options.test}'")
    for name, values in {"--eps": options.eps, "--delta": (options.delta,)}.items():
        if not values or not all(0.0 < value < 1.0 for value in values):
            raise ConfigError(f"calibrate-exit: {name} must lie between 0 and 1, got {values}")
    least = min((*options.keypoints, options.pairs, options.scenes), default=0)
    if least < 1 or not options.keypoints:
        raise ConfigError("calibrate-exit: --keypoints, --pairs and --scenes must be at least 1")


def calibratable(weights: Path) -> LightGlue:
    """The network of a weights file. Raises WeightsError when it cannot end early."""
    network = load_network(weights)
    shape = network.shape
    if (
        not set(shape.confidence_layers) & set(shape.assignment_layers)
        or shape.layers - 1 not in shape.assignment_layers
    ):
        raise WeightsError(
            f"weights {weights}: no layer but the last can end the matching; there is no exit to calibrate"
        )
    torch.set_num_threads(1)
    return network.requires_grad_(False)


def cases(options: CalibrateOptions) -> list[tuple[int, str]]:
    """What gets a path of its own: every keypoint count with every group of pairs."""
    return list(itertools.product(options.keypoints, GROUPS))


def held_out(options: CalibrateOptions, points: int, group: str) -> HeldOut:
    """The sequences to calibrate on: pairs of one group with at most ``points`` keypoints per view."""
    features = FeatureConfig(name=options.features, max_keypoints=points, weights=options.extractor_weights)
    origins: list[Origin] = []
    cache = options.cache / fingerprint(features)
    if options.images is not None:
        origins += scenes_of(options.images, features, options.scenes, cache, options.seed)
    origins += stretches_of(options.recordings, features, cache)
    return HeldOut(origins, points, group, options.pairs, options.seed)


def calibrated_path(
    network: LightGlue, points: int, group: str, options: CalibrateOptions, on_progress: Progress
) -> ExitPath:
    """Design on one part of the sequences, certify on the others, and check by real runs."""
    data = held_out(options, points, group)
    threshold = MatcherConfig().filter_threshold
    traces = trace_all(network, data, threshold, on_progress)
    design, certify = parts(traces, options.seed)
    rules = designed(traces.of(design))
    outcomes = [outcome(traces.of(certify), rule) for rule in rules]
    limits = bounds(outcomes, options.delta, TESTS[options.test])
    steps = tuple(measured(rule, found, limit) for rule, found, limit in zip(rules, outcomes, limits))
    path = ExitPath(points, group, len(certify), len(design), data.sha256(), steps, ())
    tried: dict[int, tuple[Outcome, list[str]]] = {}
    while missing := {path.index_at(eps) for eps in options.eps} - {0, *tried}:
        for i in sorted(missing):
            policy = ExitPolicy.of_step(steps[i], network.shape.layers)
            tried[i] = policy_runs(network, policy, data, certify)
        path = confirmed(path, {i: found for i, (found, _) in tried.items()}, options.delta, TESTS[options.test])
    levels = [checked_level(path, eps, tried, options) for eps in options.eps]
    return replace(path, levels=tuple(levels))


def parts(traces: Traces, seed: int) -> tuple[Int64, Int64]:
    """Sequences that design and sequences that certify, each ascending."""
    shuffled = np.random.default_rng(seed).permutation(np.unique(traces.sequence))
    cut = max(1, round(DESIGN_SHARE * len(shuffled)))
    return np.sort(shuffled[:cut]), np.sort(shuffled[cut:])


def checked_level(
    path: ExitPath, eps: float, tried: dict[int, tuple[Outcome, list[str]]], options: CalibrateOptions
) -> ExitLevel:
    """The step for one eps with what its real runs gave; full depth needs none, it loses nothing by definition."""
    index = path.index_at(eps)
    if not index:
        return ExitLevel(eps, 0, _why_full_depth(path, eps, options), 0.0, 0.0, path.steps[0].mean_exit, {})
    found, kinds = tried[index]
    loss_matches, loss_inliers = found.losses.mean(0).tolist()
    return ExitLevel(eps, index, "", loss_matches, loss_inliers, float(found.depth.mean()), strata(found, kinds))


def confirmed(path: ExitPath, tried: dict[int, Outcome], delta: float, p_value: PValue) -> ExitPath:
    """The path with the bounds of real runs where these are worse, as rounding may make them; never better ones."""
    real = {i: max(upper_bound(found.losses[:, k], delta, p_value) for k in range(2)) for i, found in tried.items()}
    worst = itertools.accumulate((max(step.bound, real.get(i, 0.0)) for i, step in enumerate(path.steps)), max)
    return replace(path, steps=tuple(replace(step, bound=bound) for step, bound in zip(path.steps, worst)))


def policy_runs(network: LightGlue, policy: ExitPolicy, data: HeldOut, sequences: Int64) -> tuple[Outcome, list[str]]:
    """What the matcher really does with a policy, against its own full depth; and the kinds of the pairs."""
    threshold = MatcherConfig().filter_threshold
    fast = LightGlueMatcher(network, policy, threshold)
    full = LightGlueMatcher(network, ExitPolicy.off(network.shape.layers), threshold)
    rows = [
        (int(sequence), labelled.kind, *_one_run(fast, full, labelled))
        for sequence in sequences
        for labelled in data.pairs(int(sequence))
    ]
    of, kinds, losses, depth = zip(*rows, strict=True)
    means = means_per_sequence(np.array(losses), np.array(of))
    unknown = np.full(len(rows), np.nan)  # a matcher does not tell how many points were left on the way
    return Outcome(means, np.array(losses), np.array(depth, float), unknown), list(kinds)


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


def _one_run(fast: LightGlueMatcher, full: LightGlueMatcher, labelled: LabelledPair) -> tuple[tuple[float, float], int]:
    a, b = labelled.views
    early, whole = fast.match(a, b), full.match(a, b)
    right = codes(whole)[labelled.inliers(whole.index_a, whole.index_b)]
    return lost(codes(early), codes(whole), right), early.exit_layer


def _why_full_depth(path: ExitPath, eps: float, options: CalibrateOptions) -> str:
    least = sequences_needed(eps, options.delta)
    if path.sequences < least:
        return f"not certifiable with {path.sequences} sequences, at least {least} are needed; full depth is used"
    return f"no faster rule is certified with {path.sequences} sequences; full depth is used"
