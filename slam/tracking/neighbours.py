"""Pairs of points that lie near each other, and the best pair of each point."""

from __future__ import annotations

import numpy as np

from slam.types import Bool, Float32, Float64, Int64


def pairs_along(a: Float64 | Float32, b: Float32, radius: float) -> tuple[Int64, Int64]:
    """Indices (K,) into a (M,) and b (N,) of the pairs of values that differ by less than the radius."""
    order = np.argsort(b, kind="stable")
    sorted_b, a = b[order].astype(np.float64), a.astype(np.float64)
    first = np.searchsorted(sorted_b, a - radius, "right")
    counts = np.searchsorted(sorted_b, a + radius, "left") - first
    index_a = np.repeat(np.arange(len(a)), counts)
    position = np.arange(len(index_a)) - np.repeat(np.cumsum(counts) - counts, counts)  # within the pairs of one a
    return index_a, order[np.repeat(first, counts) + position]


def is_best(owner: Int64, similarity: Float32) -> Bool:
    """(K,) whether a pair is the most similar of its owner, the first of equal ones."""
    order = np.lexsort((-similarity, owner))
    is_first = np.empty(len(owner), bool)
    is_first[order] = np.diff(owner[order], prepend=-1) > 0
    return is_first
