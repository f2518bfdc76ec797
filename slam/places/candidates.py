"""Which keyframes may show the same place as the newest one: more alike than its neighbours, and twice in a row."""

from __future__ import annotations

from collections.abc import Callable

from slam.places.index import PlaceIndex
from slam.types import Float32


class LoopCandidates:
    """Remembers what the last keyframe proposed."""

    def __init__(self, index: PlaceIndex) -> None:
        self._index = index
        self._last: list[set[int]] = []  # the neighbourhoods proposed by the keyframe before

    def propose(
        self, keyframe_id: int, vector: Float32, neighbours: list[int], neighbours_of: Callable[[int], list[int]]
    ) -> list[int]:
        """Ids of at most three keyframes, most alike first."""
        excluded = {*neighbours, keyframe_id, *range(keyframe_id - 8, keyframe_id)}
        own = [float(self._index.vectors[k] @ vector) for k in neighbours[:8] if k in self._index.vectors]
        bound = min(own, default=1.0) if neighbours else 0.0
        alike = [k for k, similarity in self._index.query(vector, 5, excluded) if similarity > bound]
        groups = [{k, *neighbours_of(k)} for k in alike]
        proposed = [k for k, group in zip(alike, groups) if any(group & before for before in self._last)]
        self._last = groups
        return proposed[:3]

    def relocalization_candidates(self, vector: Float32, count: int) -> list[int]:
        """Ids of the keyframes most alike."""
        return [k for k, _ in self._index.query(vector, count)]
