"""Views of scenes on disk, one shard a file: what training pairs are drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class Shards:
    """The rows of all ``shard_*.npy`` of a folder, each with a ``scene``; new files join at ``rescan``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[Path, np.ndarray] = {}
        self._scenes: dict[Path, np.ndarray] = {}  # of every row: reading them from the shard touches all of it
        self.rescan()

    def rescan(self) -> int:
        """The number of shards there are now."""
        for path in sorted(self._folder.glob("shard_*.npy")):
            if path not in self._rows:
                self._rows[path] = np.load(path, mmap_mode="r")
                self._scenes[path] = self._rows[path]["scene"].copy()
        return len(self._rows)

    def two_rows(self, rng: np.random.Generator, same_scene: bool = True) -> tuple[np.void, np.void]:
        """Two different rows of one shard, of one scene or of two."""
        path = list(self._rows)[rng.integers(len(self._rows))]
        rows, scenes = self._rows[path], self._scenes[path]
        a = int(rng.integers(len(rows)))
        others = np.flatnonzero((scenes == scenes[a]) if same_scene else (scenes != scenes[a]))
        return rows[a], rows[int(rng.choice(others[others != a]))]

    def first(self, count: int) -> np.ndarray:
        """The first rows of the first shard."""
        return next(iter(self._rows.values()))[:count]
