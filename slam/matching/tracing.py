"""Matching that remembers: after which layer every match stood, and after which one every point left."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from slam.matching import Matcher
from slam.matching.adaptive import LightGlueMatcher, Matching
from slam.types import Bool, Int64, Matches, MatchView


@dataclass(frozen=True, eq=False)
class Trace:
    """The matches of a pair, and how they came about. Layers count from 1."""

    matches: Matches
    found_after: Int64  # (K,) layer from which on the match was never given up; 0 for a matcher without layers
    left_a: Int64  # (M,) layer after which the point was dropped; 0 for one that stayed
    left_b: Int64  # (N,)


@dataclass(eq=False)
class _Notes:
    left: tuple[Int64, Int64]
    answers: list[tuple[int, Int64]] = field(default_factory=list)  # layer, keys of the matches it would have given


class TracingMatcher(LightGlueMatcher):
    """The same matcher, decision for decision; ``traced`` runs more heads than ``match`` and takes longer."""

    _notes: _Notes | None = None

    def traced(self, a: MatchView, b: MatchView) -> Trace:
        """What ``match`` answers, and its story. Raises WeightsError as ``match`` does."""
        self._notes = notes = _Notes((np.zeros(len(a.xy), np.int64), np.zeros(len(b.xy), np.int64)))
        try:
            matches = self.match(a, b)
        finally:
            self._notes = None
        return Trace(matches, _standing_since(matches, notes, len(b.xy)), *notes.left)

    def _stepped(self, layer: int, matching: Matching) -> Matches | Matching:
        step = super()._stepped(layer, matching)
        if self._notes is not None and layer in self._ends_at:
            answer = step if isinstance(step, Matches) else self._assigned(layer, matching)
            self._notes.answers.append((layer + 1, _keys(answer, len(self._notes.left[1]))))
        return step

    def _pruned(self, layer: int, matching: Matching, stays: Bool) -> Matches | Matching:
        if self._notes is not None:
            sides = np.split(stays, [len(matching.of_a)])
            for left, points, kept in zip(self._notes.left, (matching.of_a, matching.of_b), sides, strict=True):
                left[points[~kept]] = layer + 1
        return super()._pruned(layer, matching, stays)


def traced(matcher: Matcher, a: MatchView, b: MatchView) -> Trace:
    """The story of a pair; of a matcher without layers, that there is none."""
    if isinstance(matcher, TracingMatcher):
        return matcher.traced(a, b)
    matches = matcher.match(a, b)
    return Trace(
        matches, np.zeros(len(matches), np.int64), np.zeros(len(a.xy), np.int64), np.zeros(len(b.xy), np.int64)
    )


def _keys(matches: Matches, points_b: int) -> Int64:
    """One number (K,) per match."""
    return matches.index_a * points_b + matches.index_b


def _standing_since(matches: Matches, notes: _Notes, points_b: int) -> Int64:
    """(K,) the first layer of the unbroken row of layers, up to the last one run, that give a match."""
    keys, since = _keys(matches, points_b), np.full(len(matches), matches.exit_layer)
    stands = np.ones(len(matches), bool)
    for layer, given in reversed(notes.answers):
        stands &= np.isin(keys, given)
        since[stands] = layer
    return since
