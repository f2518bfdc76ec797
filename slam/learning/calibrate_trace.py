"""What the network would answer after every layer of a pair, and what each of these answers would lose.

Pruning is done on the way, exits are not: an exit changes nothing before it, so one run per pruning width tells the
outcome of every exit rule exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slam.errors import WeightsError
from slam.learning.calibrate_pairs import HeldOut, LabelledPair
from slam.matching.adaptive import mutual_best, sigma, tokens
from slam.matching.early_exit import LEAST_SHARE, ExitPolicy, published_thresholds, staying, unsure_allowed
from slam.matching.lightglue import LightGlue
from slam.types import Bool, Float32, Float64, Int64, Matches, MatchView

SHARES = (0.7, 0.8, 0.9, 0.95, 0.98)  # depth_confidence: alpha
WIDTHS = (-1.0, 0.99, 0.95)  # width_confidence
NO_EXIT = -1.0  # confidence of a layer that cannot end the matching


@dataclass(frozen=True, eq=False)
class Answer:
    """After one layer."""

    matches: Int64  # (K,) index_a * MOST + index_b, ascending
    sure: Float32  # (A,) per share: the threshold up to which the rule of this layer is met
    depth: int  # layers run
    work: float  # layers run, each counted by the share of points that are left in it


@dataclass(frozen=True, eq=False)
class Traces:
    """Of P pairs, W widths, L layers and A shares."""

    sequence: Int64  # (P,)
    kind: list[str]  # (P,)
    sure: Float32  # (P, W, L - 1, A)
    losses: Float64  # (P, W, L, 2) of matches and of inliers, when the matching ends after the layer
    depth: Int64  # (P, W, L)
    work: Float64  # (P, W, L)

    def of(self, sequences: Int64) -> Traces:
        """Those of some sequences."""
        kept = np.flatnonzero(np.isin(self.sequence, sequences))
        kind = [self.kind[i] for i in kept]
        return Traces(self.sequence[kept], kind, self.sure[kept], self.losses[kept], self.depth[kept], self.work[kept])


MOST = 1 << 20  # keypoints in a view


def trace_all(
    network: LightGlue, data: HeldOut, filter_threshold: float, on_progress: Callable[[int, int], None]
) -> Traces:
    """Traces of all pairs of all sequences. Raises WeightsError when the descriptors are of other features."""
    rows = []
    for sequence in range(len(data)):
        rows += [
            (sequence, labelled.kind, *traced(network, labelled, filter_threshold)) for labelled in data.pairs(sequence)
        ]
        on_progress(sequence + 1, len(data))
    sequences, kinds, sure, losses, depth, work = zip(*rows, strict=True)
    return Traces(np.array(sequences), list(kinds), np.stack(sure), np.stack(losses), np.stack(depth), np.stack(work))


def traced(
    network: LightGlue, labelled: LabelledPair, filter_threshold: float
) -> tuple[Float32, Float64, Int64, Float64]:
    """One row of Traces: sure, losses, depth, work."""
    a, b = labelled.views
    if a.descriptors.shape[1] != network.shape.input_dim:
        raise WeightsError(
            f"matcher weights: made for descriptors of length {network.shape.input_dim}, the pairs have "
            f"{a.descriptors.shape[1]}; set --weights and --features to what belongs together"
        )
    runs = [answers(network, a, b, width, filter_threshold) for width in WIDTHS]
    full = runs[WIDTHS.index(-1.0)][-1].matches
    right = full[labelled.inliers(full // MOST, full % MOST)]
    return (
        np.array([[answer.sure for answer in run[:-1]] for run in runs], np.float32),
        np.array([[lost(answer.matches, full, right) for answer in run] for run in runs]),
        np.array([[answer.depth for answer in run] for run in runs]),
        np.array([[answer.work for answer in run] for run in runs]),
    )


@torch.inference_mode()
def answers(network: LightGlue, a: MatchView, b: MatchView, width: float, filter_threshold: float) -> list[Answer]:
    """The answer after every layer when points are pruned with ``width`` and the matching never ends early."""
    shape = network.shape
    policy = ExitPolicy(-1.0, width, published_thresholds(shape.layers), shape.layers)
    xy, descriptors = tokens(a, b)
    x, encoding = network.begin(xy, descriptors)
    split, total, work = len(a.xy), x.shape[1], 0.0
    prior, index = network.log_prior(xy, sigma(a), split), torch.arange(x.shape[1])
    found: list[Answer] = []
    for layer, block in enumerate(network.transformers):
        x, work = block(x, encoding, split, prior), work + len(index) / total
        ends, knows = layer in shape.assignment_layers, layer in shape.confidence_layers
        confidence = network.confidence(layer)(x)[0] if knows else None
        matches = np.zeros(0, np.int64)
        if ends:
            rows, columns, _ = mutual_best(network.head(layer)(x, split, prior)[0][0], filter_threshold)
            matches = (index[rows] * MOST + index[split + columns] - len(a.xy)).numpy()
        may_end = ends and len(matches) >= LEAST_SHARE * total / 2
        found.append(Answer(matches, sureness(confidence if may_end else None, total), layer + 1, work))
        if not policy.may_prune or not ends or layer + 1 == shape.layers:
            continue
        keep = staying(network.head(layer).matchable(x)[0], confidence, layer, policy).nonzero()[:, 0]
        prior = None if prior is None else prior[:, keep[keep < split]][:, :, keep[keep >= split] - split]
        x, encoding, index, split = x[:, keep], encoding[:, :, :, keep], index[keep], int((keep < split).sum())
        if split in (0, len(index)):
            nothing = Answer(np.zeros(0, np.int64), np.full(len(SHARES), NO_EXIT, np.float32), layer + 1, work)
            return found + [nothing] * (shape.layers - len(found))
    return found


def sureness(confidence: Tensor | None, points: int) -> Float32:
    """(A,) per share the largest threshold with which the matching would end here, infinite when any would do.

    As many of ``points`` as the share allows may be below the threshold; points that left are not.
    """
    if confidence is None:
        return np.full(len(SHARES), NO_EXIT, np.float32)
    ascending = np.append(np.sort(confidence.numpy()), np.inf)
    allowed = [unsure_allowed(points, share) for share in SHARES]
    return np.array([ascending[min(n, len(ascending) - 1)] if n >= 0 else NO_EXIT for n in allowed], np.float32)


def lost(found: Int64, full: Int64, right: Int64) -> tuple[float, float]:
    """1 - IoU of the matches with full depth, and the share of full-depth inliers that are missing; both in [0, 1]."""
    both = len(np.intersect1d(found, full, assume_unique=True))
    union = len(found) + len(full) - both
    kept = len(np.intersect1d(found, right, assume_unique=True))
    return (1.0 - both / union if union else 0.0), (1.0 - kept / len(right) if len(right) else 0.0)


def codes(matches: Matches) -> Int64:
    """(K,) index_a * MOST + index_b."""
    return matches.index_a * MOST + matches.index_b


def means_per_sequence(values: Float64, sequence: Int64) -> Float64:
    """(S, ...) means of values (P, ...) over the pairs of every sequence, in the order of the sequences' numbers."""
    _, member = np.unique(sequence, return_inverse=True)
    sums = np.zeros((member.max() + 1, *values.shape[1:]))
    np.add.at(sums, member, values)
    return sums / np.bincount(member).reshape(-1, *[1] * (values.ndim - 1))


def at_exit(traces: Traces, width: int, exits: Int64) -> tuple[Float64, Int64, Float64]:
    """Losses (P, 2), layers run (P,) and work (P,) when every pair ends after its layer of ``exits`` (P,)."""
    pair = np.arange(len(exits))
    return traces.losses[pair, width, exits], traces.depth[pair, width, exits], traces.work[pair, width, exits]


def exits_of(sure: Float32, thresholds: Sequence[float]) -> Int64:
    """(P,) layer, from 0, after which pairs with sureness (P, L - 1) end; the last one when no rule is met."""
    met: Bool = (sure >= np.asarray(thresholds, np.float32)) & (np.asarray(thresholds) <= 1.0)
    ends = np.concatenate([met, np.ones((len(met), 1), bool)], axis=1)
    return ends.argmax(1)
