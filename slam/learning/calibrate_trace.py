"""What the network would answer after every layer of a pair, and what each of these answers would lose.

Pruning is done on the way, exits are not: an exit changes nothing before it, so one run per pruning width tells the
outcome of every exit rule exactly, in the arithmetic of the runtime that made it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from slam.errors import WeightsError
from slam.learning.calibrate_pairs import HeldOut, LabelledPair
from slam.matching.adaptive import mutual_best
from slam.matching.calibration import PLAIN, PREDICTED
from slam.matching.early_exit import LEAST_SHARE, ExitPolicy, published_thresholds, staying, unsure_allowed
from slam.matching.lightglue import NetworkShape
from slam.matching.runtime import Runtime
from slam.types import Bool, Float32, Float64, Int64, Matches, MatchView

SHARES = (0.7, 0.8, 0.9, 0.95, 0.98)  # depth_confidence: alpha
WIDTHS = (-1.0, 0.99)  # width_confidence; a lower one was never worth its loss
# Losses allow either to prune or to leave early. Where the map predicts, leaving early is worth far more: the same
# promise of 5 % was 2.3 layers on 7-Scenes without pruning and 5.7 with it (weights of lean64, first training).
WIDTHS_OF = {PREDICTED: WIDTHS[:1], PLAIN: WIDTHS}
NO_EXIT = -1.0  # confidence of a layer that cannot end the matching
MOST = 1 << 20  # keypoints in a view


@dataclass(frozen=True, eq=False)
class Answer:
    """After one layer."""

    matches: Int64  # (K,) index_a * MOST + index_b, ascending
    sure: Float32  # (A,) per share: the threshold up to which the rule of this layer is met
    depth: int  # layers run
    work: float  # layers run, each counted by the share of points that are left in it


@dataclass(frozen=True, eq=False)
class Traces:
    """Of P pairs, W widths (the first ones of WIDTHS), L layers and A shares."""

    sequence: Int64  # (P,)
    kind: list[str]  # (P,)
    sure: Float32  # (P, W, L - 1, A)
    losses: Float64  # (P, W, L, 2) of matches and of inliers, when the matching ends after the layer
    depth: Int64  # (P, W, L)
    work: Float64  # (P, W, L)
    full: list[Int64]  # (P,) of (K,): the codes of the matches of full depth on all points
    right: list[Int64]  # (P,) of (K,): those of them that are true

    def of(self, sequences: Int64) -> Traces:
        """Those of some sequences."""
        index = np.flatnonzero(np.isin(self.sequence, sequences))
        rows: dict[str, Any] = {name: _rows(values, index) for name, values in vars(self).items()}
        return Traces(**rows)

    @staticmethod
    def joined(parts: Sequence[Traces]) -> Traces:
        """One after the other."""
        columns: dict[str, Any] = {name: [vars(part)[name] for part in parts] for name in vars(parts[0])}
        return Traces(**{name: _joined(values) for name, values in columns.items()})


@dataclass(frozen=True, eq=False)
class Left:
    """What is left of a pair before a layer, or after it."""

    state: Any  # the runtime's
    index: Int64  # (M + N,) the points that are left; those of b count on from a's
    split: int  # how many of them are a's
    work: float  # as in Answer


def trace(
    runtime: Runtime, shape: NetworkShape, data: HeldOut, sequences: Iterable[int], filter_threshold: float
) -> Traces:
    """Traces of all pairs of some sequences. Raises WeightsError when the descriptors are of other features."""
    widths = WIDTHS_OF[data.group]
    rows = [
        (sequence, labelled.kind, *traced(runtime, shape, labelled, widths, filter_threshold))
        for sequence in sequences
        for labelled in data.pairs(sequence)
    ]
    of, kinds, sure, losses, depth, work, full, right = zip(*rows, strict=True) if rows else ((),) * 8
    layers, count = shape.layers, len(widths)
    return Traces(
        np.array(of, np.int64),
        list(kinds),
        np.array(sure, np.float32).reshape(-1, count, layers - 1, len(SHARES)),
        np.array(losses, float).reshape(-1, count, layers, 2),
        np.array(depth, np.int64).reshape(-1, count, layers),
        np.array(work, float).reshape(-1, count, layers),
        list(full),
        list(right),
    )


def traced(
    runtime: Runtime, shape: NetworkShape, labelled: LabelledPair, widths: Sequence[float], filter_threshold: float
) -> tuple[Float32, Float64, Int64, Float64, Int64, Int64]:
    """One row of Traces: sure, losses, depth, work, full, right."""
    a, b = labelled.views
    if a.descriptors.shape[1] != shape.input_dim:
        raise WeightsError(
            f"matcher weights: made for descriptors of length {shape.input_dim}, the pairs have "
            f"{a.descriptors.shape[1]}; set --weights and --features to what belongs together"
        )
    tracing = Tracing(runtime, shape, a, b, filter_threshold)
    runs = [tracing.answers(width) for width in widths]
    full = runs[widths.index(-1.0)][-1].matches
    right = full[labelled.inliers(full // MOST, full % MOST)]
    return (
        np.array([[answer.sure for answer in run[:-1]] for run in runs], np.float32),
        np.array([[lost(answer.matches, full, right) for answer in run] for run in runs]),
        np.array([[answer.depth for answer in run] for run in runs]),
        np.array([[answer.work for answer in run] for run in runs]),
        full,
        right,
    )


class Tracing:
    """One pair on its way through the layers, with several pruning widths: what they have in common is done once."""

    def __init__(
        self, runtime: Runtime, shape: NetworkShape, a: MatchView, b: MatchView, filter_threshold: float
    ) -> None:
        self._runtime, self._shape, self._filter_threshold = runtime, shape, filter_threshold
        self._points_a, self._total = len(a.xy), len(a.xy) + len(b.xy)
        self._begun = Left(runtime.begin([(a, b)])[0], np.arange(self._total), self._points_a, 0.0)
        self._whole: dict[int, tuple[Left, Answer, Tensor | None]] = {}  # after layers that all points were in

    def answers(self, width: float) -> list[Answer]:
        """The answer after every layer when points are pruned with ``width`` and the matching never ends early."""
        layers, left, found = self._shape.layers, self._begun, list[Answer]()
        policy = ExitPolicy(-1.0, width, published_thresholds(layers), layers)
        for layer in range(layers):
            left, answer, confidence = self._after(layer, left)
            found.append(answer)
            if layer + 1 < layers and policy.may_prune and layer in self._shape.assignment_layers:
                left = self._kept(left, layer, confidence, policy)
            if left.split in (0, len(left.index)):
                nothing = np.zeros(0, np.int64), np.full(len(SHARES), NO_EXIT, np.float32)
                return found + [Answer(*nothing, layer + 1, left.work)] * (layers - len(found))
        return found

    def _after(self, layer: int, left: Left) -> tuple[Left, Answer, Tensor | None]:
        if len(left.index) < self._total:
            return self._run(layer, left)
        if layer not in self._whole:
            self._whole[layer] = self._run(layer, left)
        return self._whole[layer]

    def _run(self, layer: int, left: Left) -> tuple[Left, Answer, Tensor | None]:
        state = self._runtime.layer(layer, [left.state])[0]
        left = replace(left, state=state, work=left.work + len(left.index) / self._total)
        confidence = self._runtime.confidence(layer, state) if layer in self._shape.confidence_layers else None
        matches = self._matches(layer, left) if layer in self._shape.assignment_layers else np.zeros(0, np.int64)
        may_end = len(matches) >= LEAST_SHARE * self._total / 2 and layer in self._shape.assignment_layers
        sure = sureness(confidence if may_end else None, self._total)
        return left, Answer(matches, sure, layer + 1, left.work), confidence

    def _matches(self, layer: int, left: Left) -> Int64:
        rows, columns, _ = mutual_best(self._runtime.log_p(layer, left.state), self._filter_threshold)
        return left.index[rows.numpy()] * MOST + left.index[left.split + columns.numpy()] - self._points_a

    def _kept(self, left: Left, layer: int, confidence: Tensor | None, policy: ExitPolicy) -> Left:
        """Without the points that leave; the state is not touched when a side has none any more."""
        stays = staying(self._runtime.matchable(layer, left.state), confidence, layer, policy).numpy()
        if stays.all():
            return left
        a, b = (np.flatnonzero(side) for side in np.split(stays, [left.split]))
        index = left.index[stays]
        if not len(a) or not len(b):
            return replace(left, index=index, split=len(a))
        return replace(left, state=self._runtime.kept(left.state, a, b), index=index, split=len(a))


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


def _rows(values: Any, index: Int64) -> Any:
    return [values[i] for i in index] if isinstance(values, list) else values[index]


def _joined(columns: Sequence[Any]) -> Any:
    if isinstance(columns[0], list):
        return list(itertools.chain.from_iterable(columns))
    return np.concatenate(columns)
