"""Which keyframes look most like a given frame: a matrix of their vectors, multiplied as a whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from slam.types import Float32, Int64

GROWTH = 256  # rows added at least; beyond, the capacity grows by half
DIGITS = 6  # decimals of a similarity: what a product's order of summation leaves alone


class PlaceIndex:
    """Vectors of unit length by keyframe id; the similarity of two is their cosine.

    Exact, by one product of a matrix and a vector. Approximate search would be one more dependency for nothing.
    """

    def __init__(self, dim: int) -> None:
        self._vectors: Float32 = np.zeros((0, dim), np.float32)  # rows beyond len(self) are spare
        self._ids: Int64 = np.zeros(0, np.int64)
        self._rows: dict[int, int] = {}  # keyframe_id -> row

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, keyframe_id: int) -> bool:
        return keyframe_id in self._rows

    def add(self, keyframe_id: int, vector: Float32) -> None:
        """Remember a keyframe by its vector (dim,), or give it another one; by a zero vector nobody is remembered."""
        if not vector.any():
            self.remove(keyframe_id)
            return
        row = self._rows.setdefault(keyframe_id, len(self._rows))
        self._reserve(row + 1)
        self._vectors[row], self._ids[row] = vector, keyframe_id

    def remove(self, keyframe_id: int) -> None:
        """Forget a keyframe; one that is not there is forgotten already."""
        row = self._rows.pop(keyframe_id, -1)
        if row < 0:
            return
        last = len(self._rows)
        if row != last:
            self._vectors[row], self._ids[row] = self._vectors[last], self._ids[last]
            self._rows[int(self._ids[row])] = row

    def vector(self, keyframe_id: int) -> Float32:
        """(dim,) of a keyframe that is there."""
        return self._vectors[self._rows[keyframe_id]].copy()

    def query(self, vector: Float32, count: int, excluded: Iterable[int] = ()) -> list[tuple[int, float]]:
        """(keyframe_id, similarity) of at most ``count`` keyframes, most similar first, lower ids first on ties.

        vector: (dim,) of unit length, or zero, which nothing is similar to: then the answer is empty.
        """
        if not vector.any():
            return []
        allowed = np.ones(len(self), bool)
        allowed[self._rows_of(excluded)] = False
        rows = np.flatnonzero(allowed)
        similarities = self._similarities(vector)[rows]
        order = np.lexsort((self._ids[rows], -similarities))[:count]
        return [(int(self._ids[rows[i]]), float(similarities[i])) for i in order]

    def similarities(self, vector: Float32, keyframe_ids: Iterable[int]) -> Float32:
        """(M,) of those of the keyframes that are there, in their order."""
        return self._similarities(vector)[self._rows_of(keyframe_ids)]

    def _similarities(self, vector: Float32) -> Float32:
        return np.round(self._vectors[: len(self)] @ vector, DIGITS)

    def _rows_of(self, keyframe_ids: Iterable[int]) -> Int64:
        return np.array([self._rows[k] for k in keyframe_ids if k in self._rows], np.int64)

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._ids):
            return
        extra = max(GROWTH, len(self._ids) // 2)
        self._vectors = np.concatenate([self._vectors, np.zeros((extra, self._vectors.shape[1]), np.float32)])
        self._ids = np.concatenate([self._ids, np.zeros(extra, np.int64)])
