"""What proposals of places are worth: recall of the first few, and precision against recall of the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.evaluation.places_truth import Truth
from slam.places.index import PlaceIndex
from slam.types import Bool, Float32, Float64, Int64

MOST = 5  # proposals looked at
FIGURES = ("R@1 %", "R@5 %", "seen %", "area %", "R at P100 %")


@dataclass(frozen=True, eq=False)
class Proposals:
    """Of Q frames that had anything to be compared with."""

    queries: Int64  # (Q,) positions
    proposed: Int64  # (Q, MOST) positions, best first, -1 for none
    similarity: Float64  # (Q,) of the best, -1 where there is none
    has_match: Bool  # (Q,) whether one of those compared shows the same place


def earlier(stamps_ns: Int64, recording: Int64, apart_s: float) -> Bool:
    """(N, N) which frames (column) a frame (row) is compared with: older ones of its recording, and all of others."""
    is_older = stamps_ns[None] <= stamps_ns[:, None] - round(apart_s * 1e9)
    return is_older | (recording[:, None] != recording[None])


def proposals(vectors: Float32, truth: Truth, compared: Bool) -> Proposals:
    """What vectors (N, dim) propose for each other, each asked for those it is compared with (N, N)."""
    index = filled(vectors)
    queries = np.flatnonzero(compared.any(1))
    proposed, similarity = np.full((len(queries), MOST), -1), np.full(len(queries), -1.0)
    for row, query in enumerate(queries):
        found = index.query(vectors[query], MOST, np.flatnonzero(~compared[query]).tolist())
        proposed[row, : len(found)] = [position for position, _ in found]
        similarity[row] = found[0][1] if found else -1.0
    return Proposals(queries, proposed, similarity, np.any((truth.right & compared)[queries], axis=1))


def filled(vectors: Float32) -> PlaceIndex:
    """An index of vectors (N, dim) by position."""
    index = PlaceIndex(vectors.shape[1])
    for position, vector in enumerate(vectors):
        index.add(position, vector)
    return index


def place_figures(found: Proposals, truth: Truth) -> dict[str, float]:
    """In percent, NaN where no frame has a match: recalls at 1 and 5 and how much the best proposal sees, of those that
    have one; precision against recall of the best proposals of all frames.

    A threshold on the similarity of the best proposal accepts or refuses it. Recall is the accepted right ones among
    the frames with a match; proposals that are neither right nor wrong are left out. Area: as average precision.
    """
    is_there = found.proposed >= 0
    right, wrong = (matrix[found.queries[:, None], found.proposed] & is_there for matrix in (truth.right, truth.wrong))
    possible = int(found.has_match.sum())
    if not possible:
        return dict.fromkeys(FIGURES, float("nan"))
    seen = np.where(is_there, truth.least[found.queries[:, None], found.proposed], 0.0)
    order = np.argsort(-found.similarity, kind="stable")
    hits, misses = np.cumsum(right[order, 0]), np.cumsum(wrong[order, 0])
    precision = hits / np.maximum(hits + misses, 1)
    values = (
        float(right[found.has_match, 0].mean()),
        float(right[found.has_match].any(1).mean()),
        float(seen[found.has_match, 0].mean()),
        float(precision[right[order, 0]].sum()) / possible,
        float(hits[misses == 0].max(initial=0)) / possible,
    )
    return {name: 100 * value for name, value in zip(FIGURES, values)}
