"""The long parts of a calibration in pieces, done by several processes: features, traces and real runs.

Nothing depends on who does which piece: every piece is drawn by its own sequences' numbers, on one thread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from slam.config import FeatureConfig, MatcherConfig
from slam.errors import WeightsError
from slam.learning.cache import photographs
from slam.learning.calibrate_options import CalibrateOptions, Case
from slam.learning.calibrate_pairs import HeldOut, Origin, fingerprint, scenes_of, stretches_of
from slam.learning.calibrate_path import Outcome
from slam.learning.calibrate_trace import Traces, codes, lost, means_per_sequence, trace
from slam.matching import packaged_weights
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import LightGlue
from slam.matching.runtime import Runtime, make_runtime
from slam.matching.weights import load_network
from slam.running.pool import Mapped
from slam.types import Float64, Int64

PIECE = 64  # sequences

Run = tuple[Float64, Int64]  # (P, 2) losses and (P,) layers run


def held_out(options: CalibrateOptions, points: int, group: str) -> HeldOut:
    """The sequences to calibrate on: pairs of one group with at most ``points`` keypoints per view."""
    features, cache = _features(options, points)
    origins: list[Origin] = []
    if options.images is not None:
        origins += scenes_of(options.images, features, options.scenes, cache, options.seed)
    origins += stretches_of(options.recordings, features, cache)
    return HeldOut(origins, points, group, options.pairs, options.seed)


def extracted(options: CalibrateOptions, mapped: Mapped) -> None:
    """Fill the cache of features for every keypoint count: which points are found depends on how many are wanted."""
    if options.images is not None and options.images.is_file():
        photographs(options.images, options.cache / "images")  # unpacked once, not by every process
    recordings = [(path,) for path in options.recordings]
    parts = [(count, part) for count in options.keypoints for part in ((), *recordings)]
    list(mapped(functools.partial(_extract, options), *zip(*parts)))


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


def traces_of(options: CalibrateOptions, case: Case, mapped: Mapped, on_piece: Callable[[int], None]) -> Traces:
    """All pairs of a case. ``on_piece`` hears how many sequences were done."""
    pieces, parts = pieces_of(len(held_out(options, *case))), []
    for piece, found in zip(pieces, mapped(functools.partial(_trace, options, case), pieces)):
        parts.append(found)
        on_piece(len(piece))
    return Traces.joined(parts)


def policy_runs(options: CalibrateOptions, case: Case, policy: ExitPolicy, traces: Traces, mapped: Mapped) -> Outcome:
    """What the matcher really does with a policy on the pairs of these traces, against its full depth in them."""
    sequences = np.unique(traces.sequence)
    parts = [traces.of(sequences[piece]) for piece in pieces_of(len(sequences))]
    runs: list[Run] = list(mapped(functools.partial(_run, options, case, policy), parts))
    losses, depth = (np.concatenate(column) for column in zip(*runs, strict=True))
    unknown = np.full(len(depth), np.nan)  # a matcher does not tell how many points were left on the way
    return Outcome(means_per_sequence(losses, traces.sequence), losses, depth.astype(float), unknown)


def pieces_of(total: int) -> list[Int64]:
    """0 to ``total``, PIECE at a time."""
    return np.split(np.arange(total), range(PIECE, total, PIECE))


def _features(options: CalibrateOptions, points: int) -> tuple[FeatureConfig, Path]:
    """The extractor's settings and the folder of what it found."""
    features = FeatureConfig(name=options.features, max_keypoints=points, weights=options.extractor_weights)
    return features, options.cache / fingerprint(features)


def _extract(options: CalibrateOptions, points: int, recordings: Sequence[Path]) -> None:
    """Those of some recordings, or without any those of the photographs."""
    features, cache = _features(options, points)
    if recordings:
        stretches_of(recordings, features, cache)
    elif options.images is not None:
        scenes_of(options.images, features, options.scenes, cache, options.seed)


def _trace(options: CalibrateOptions, case: Case, sequences: Int64) -> Traces:
    network, runtime = _network(options)
    return trace(
        runtime, network.shape, _held_out(options, *case), sequences.tolist(), MatcherConfig().filter_threshold
    )


def _run(options: CalibrateOptions, case: Case, policy: ExitPolicy, traces: Traces) -> Run:
    network, runtime = _network(options)
    matcher = LightGlueMatcher(network, policy, MatcherConfig().filter_threshold, runtime)
    data = _held_out(options, *case)
    pairs = (labelled for sequence in np.unique(traces.sequence) for labelled in data.pairs(int(sequence)))
    losses, depth = [], []
    for labelled, full, right in zip(pairs, traces.full, traces.right, strict=True):
        found = matcher.match(*labelled.views)
        losses.append(lost(codes(found), full, right))
        depth.append(found.exit_layer)
    return np.array(losses), np.array(depth, np.int64)


_held_out = functools.lru_cache(maxsize=1)(held_out)


@functools.lru_cache(maxsize=1)
def _network(options: CalibrateOptions) -> tuple[LightGlue, Runtime]:
    """In the runtime that tracking uses by default, so that the traces are those of its arithmetic."""
    network = calibratable(options.weights or packaged_weights(options.features))
    return network, make_runtime(MatcherConfig().runtime, network)
