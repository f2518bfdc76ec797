"""Which keyframes see each landmark: the association the other way round, so that nobody has to ask every keyframe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from slam.types import Int64


class Observers:
    """A row of keyframe ids per landmark, of which the first ``counts`` are valid. The Map keeps it in step."""

    def __init__(self) -> None:
        self.counts: Int64 = np.zeros(0, np.int64)  # (L,) keyframes that see the landmark
        self._ids = np.zeros((0, 8), np.int32)  # (L, W), -1 beyond the counts; W grows when a row is full

    def reserve(self, rows: int) -> None:
        """Room for landmarks up to this row."""
        extra = rows - len(self.counts)
        if extra > 0:
            self.counts = np.concatenate([self.counts, np.zeros(extra, np.int64)])
            self._ids = np.concatenate([self._ids, np.full((extra, self._ids.shape[1]), -1, np.int32)])

    def add(self, landmark_ids: Int64, keyframe_id: int) -> None:
        """The keyframe sees these landmarks (M,), one of them more than once perhaps."""
        for ids in _without_repeats(landmark_ids):
            at = self.counts[ids]
            self._widen(int(at.max()) + 1)
            self._ids[ids, at] = keyframe_id
            self.counts[ids] += 1

    def remove(self, landmark_ids: Int64, keyframe_id: int) -> None:
        """The keyframe sees these landmarks (M,) no more; it did before."""
        for ids in _without_repeats(landmark_ids):
            column = (self._ids[ids] == keyframe_id).argmax(1)
            self.counts[ids] -= 1
            last = self.counts[ids]
            self._ids[ids, column] = self._ids[ids, last]
            self._ids[ids, last] = -1

    def clear(self, landmark_ids: Int64) -> None:
        """Nobody sees these landmarks (M,) any more."""
        self.counts[landmark_ids] = 0
        self._ids[landmark_ids] = -1

    def of(self, landmark_ids: Int64) -> Int64:
        """(K,) keyframe ids that see these landmarks (M,), once for each landmark they see."""
        rows = self._ids[landmark_ids, : int(self.counts[landmark_ids].max(initial=0))]
        return rows[rows >= 0].astype(np.int64)

    def first(self, landmark_ids: Int64) -> Int64:
        """(M,) the least id among the keyframes that see each landmark, -1 for none."""
        rows = self._ids[landmark_ids]
        least = np.where(rows >= 0, rows, np.iinfo(np.int32).max).min(1).astype(np.int64)
        return np.where(self.counts[landmark_ids] > 0, least, -1)

    def _widen(self, columns: int) -> None:
        missing = columns - self._ids.shape[1]
        if missing > 0:
            more = np.full((len(self._ids), max(missing, self._ids.shape[1])), -1, np.int32)
            self._ids = np.concatenate([self._ids, more], axis=1)


def _without_repeats(landmark_ids: Int64) -> Iterator[Int64]:
    """The ids in rounds in which none repeats; mostly there is one."""
    left = landmark_ids
    while len(left):
        ids, first = np.unique(left, return_index=True)
        yield ids
        left = np.delete(left, first)
