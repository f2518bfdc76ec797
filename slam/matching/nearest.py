"""Nearest neighbours in descriptor space: mutual, and clearly nearer than the second (Lowe 2004, section 7.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slam.config import MatcherConfig
from slam.types import Float32, Matches, MatchView

LEAST_SQUARE = 1e-6  # of a distance: below it is rounding


class NearestMatcher:
    """The baseline: no layers, no positions."""

    num_layers = 0

    def __init__(self, ratio: float = 0.85) -> None:
        self._ratio = ratio

    @classmethod
    def from_config(cls, config: MatcherConfig, feature_name: str) -> NearestMatcher:
        """With the ratio of ``config``; any features will do."""
        return cls(config.ratio)

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0) -> Matches:
        """Correspondences of two views with unit descriptors of the same length; ``max_layers`` has no meaning here.

        The confidence is 1 - best distance / second best distance, so 1 - ratio is the least one.
        """
        if not len(a.xy) or not len(b.xy):
            return Matches.none()
        similarity = a.descriptors @ b.descriptors.T
        best_b, best_a = similarity.argmax(1), similarity.argmax(0)
        index_a = np.flatnonzero(best_a[best_b] == np.arange(len(best_b)))
        ratio = distance_ratio(similarity[index_a])
        kept = ratio <= self._ratio
        return Matches(index_a[kept], best_b[index_a[kept]], (1.0 - ratio[kept]).astype(np.float32))

    def match_many(self, pairs: Sequence[tuple[MatchView, MatchView]], *, max_layers: int = 0) -> list[Matches]:
        """The answers of ``match`` for every pair."""
        return [self.match(a, b) for a, b in pairs]


def distance_ratio(similarity: Float32) -> Float32:
    """(K,) distance to the nearest over that to the second nearest, of cosines (K, N); 0 with a single candidate."""
    if similarity.shape[1] < 2:
        return np.zeros(len(similarity), np.float32)
    two = np.partition(similarity, -2, axis=1)[:, -2:]
    distance = np.sqrt(np.maximum(2.0 - 2.0 * two, LEAST_SQUARE))
    return distance[:, 1] / distance[:, 0]
