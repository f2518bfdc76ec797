"""The places of keyframes, searched one by one."""

from __future__ import annotations

from collections.abc import Collection

from slam.types import Float32


class PlaceIndex:
    """Vectors by keyframe id."""

    def __init__(self, dim: int) -> None:
        self.vectors: dict[int, Float32] = {}

    def add(self, keyframe_id: int, vector: Float32) -> None:
        self.vectors[keyframe_id] = vector

    def remove(self, keyframe_id: int) -> None:
        self.vectors.pop(keyframe_id, None)

    def query(self, vector: Float32, count: int, excluded: Collection[int] = ()) -> list[tuple[int, float]]:
        """The most similar keyframes, most similar first, and how similar they are."""
        found = [(k, float(v @ vector)) for k, v in self.vectors.items() if k not in excluded]
        return sorted(found, key=lambda each: (-each[1], each[0]))[:count]
