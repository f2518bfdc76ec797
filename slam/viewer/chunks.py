"""Landmarks in pieces of equal length, so that a view far away is sent only those that changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.types import Float32, Uint8

CHUNK = 2048  # rows
MOVED_SHARE = 1e-3  # of the scene's radius: about a pixel when the whole map is in view


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rows ``CHUNK * number`` and on."""

    number: int
    points_world: Float32  # (C, 3), C <= CHUNK
    colors: Uint8  # (C, 3) RGB


class SentChunks:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self._sent: dict[int, Chunk] = {}

    def changed(self, points_world: Float32, colors: Uint8, radius: float) -> list[Chunk]:
        """The pieces that differ from what was sent, which count as sent now; empty ones for rows that are gone."""
        count = -(-len(points_world) // CHUNK)
        changed = []
        for number in range(max(count, len(self._sent))):
            rows = slice(CHUNK * number, CHUNK * (number + 1))
            chunk = Chunk(number, points_world[rows], colors[rows])
            if not self._is_sent(chunk, MOVED_SHARE * radius):
                self._sent[number] = chunk
                changed.append(chunk)
        return changed

    def _is_sent(self, chunk: Chunk, tolerance: float) -> bool:
        sent = self._sent.get(chunk.number)
        if sent is None or len(sent.points_world) != len(chunk.points_world):
            return False
        moved = np.abs(sent.points_world - chunk.points_world).max(initial=0.0)
        return bool(moved <= tolerance) and np.array_equal(sent.colors, chunk.colors)
