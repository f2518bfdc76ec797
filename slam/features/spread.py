"""Which keypoints to keep when there are too many: strong ones, but from everywhere in the picture."""

from __future__ import annotations

import math

import numpy as np

from slam.types import Float32, Int64

POINTS_PER_CELL = 32  # keypoints a grid cell would hold, were they even; finer cells keep points that do not repeat


def spread_out(xy: Float32, scores: Float32, count: int, image_size: tuple[int, int]) -> Int64:
    """Indices of at most ``count`` keypoints, chosen cell by cell: the best of every grid cell, then the second best.

    xy: (N, 2) px; scores: (N,), higher is stronger; image_size: (width, height) px.
    Ties go to the lower index, so the choice depends on the input only. Returns (K,) indices, strongest first.
    """
    if len(xy) <= count:
        return by_strength(scores)
    side = math.sqrt(image_size[0] * image_size[1] * POINTS_PER_CELL / count)
    column, row = (xy / side).astype(np.int64).T
    cell = row * (math.ceil(image_size[0] / side) + 1) + column
    order = np.lexsort((-scores, cell))
    rank = np.empty(len(xy), np.int64)
    rank[order] = _position_in_run(cell[order])
    chosen = np.lexsort((-scores, rank))[:count]
    return chosen[by_strength(scores[chosen])]


def by_strength(scores: Float32) -> Int64:
    """Indices from the strongest to the weakest, (N,); equal ones keep their order."""
    return np.argsort(-scores, kind="stable")


def _position_in_run(values: Int64) -> Int64:
    """0, 1, 2, ... within every run of equal values, (N,)."""
    index = np.arange(len(values))
    starts = np.r_[True, values[1:] != values[:-1]]
    return index - np.maximum.accumulate(np.where(starts, index, 0))
