"""What a training batch is made of: planes or recordings, real or virtual views, overlapping or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from slam.config import FeatureConfig
from slam.learning.depth_pairs import RecordingPairs
from slam.learning.pairs import Pair, SceneShards, stacked
from slam.learning.virtual import virtual
from slam.matching.lightglue import normalized
from slam.matching.prior import normalized_sigma

UNRELATED = 0.1  # share of pairs without overlap
VIRTUAL = 0.4  # share of pairs whose first side is predicted, as in tracking
UNSEEN_DROPPED = 0.5  # share of those without the points that fall outside
RECORDED = 0.35  # share of pairs from recordings, when there are any
SIZES = ((256, 256), (192, 256), (384, 320), (512, 512))  # most points of a and b
SIZE_SHARES = (0.5, 0.15, 0.25, 0.1)
REFERENCE_POINTS = 256 + 256


class Mixture:
    """Batches of pairs from a cache of scenes, and from recordings with depth if there are any."""

    def __init__(self, folder: Path, recordings: Sequence[Path], features: FeatureConfig, pairs: int) -> None:
        self.scenes = SceneShards(folder)
        self._recordings = [RecordingPairs(path, features, folder.parent) for path in recordings]
        self._pairs = pairs
        self.descriptor_dim = self.scenes.descriptors(views=1).shape[1]

    def rescan(self) -> None:
        """Take new shards in."""
        self.scenes.rescan()

    def batch(self, rng: np.random.Generator) -> tuple[dict[str, Tensor], int]:
        """Tensors of a batch (see ``to_tensors``) and the number of points of a."""
        most_a, most_b = SIZES[rng.choice(len(SIZES), p=SIZE_SHARES)]
        count = max(2, round(self._pairs * REFERENCE_POINTS / (most_a + most_b)))
        return to_tensors(stacked([self._pair(rng) for _ in range(count)], rng, most_a, most_b))

    def _pair(self, rng: np.random.Generator) -> Pair:
        while True:
            pair = self._drawn(rng)
            if min(len(pair.xy_a), len(pair.xy_b)) >= 96:
                return pair

    def _drawn(self, rng: np.random.Generator) -> Pair:
        pair = self._unrelated(rng) if rng.random() < UNRELATED else self._overlapping(rng)
        if rng.random() < VIRTUAL:
            return virtual(pair, rng, drop_unseen=rng.random() < UNSEEN_DROPPED)
        return pair

    def _overlapping(self, rng: np.random.Generator) -> Pair:
        if self._recordings and rng.random() < RECORDED:
            return self._recordings[rng.integers(len(self._recordings))].pair(rng)
        return self.scenes.pair(rng)

    def _unrelated(self, rng: np.random.Generator) -> Pair:
        """Views of two scenes, or of two places of a recording, where the same furniture may stand in both."""
        if self._recordings and rng.random() < RECORDED:
            return self._recordings[rng.integers(len(self._recordings))].apart(rng)
        return self.scenes.pair(rng, overlapping=False)


def to_tensors(arrays: dict[str, np.ndarray]) -> tuple[dict[str, Tensor], int]:
    """Arrays of ``stacked`` as tensors; ``xy`` and ``descriptors`` of both sides joined, ``sigma``; all normalised."""
    batch = {name: torch.from_numpy(values) for name, values in arrays.items()}
    sides = [normalized(batch[f"xy_{side}"], batch[f"size_{side}"]) for side in "ab"]
    batch["xy"] = torch.cat(sides, 1)
    batch["sigma"] = normalized_sigma(batch["sigma_a"], batch["size_b"])
    batch["descriptors"] = torch.cat([batch["descriptors_a"], batch["descriptors_b"]], 1)
    return batch, sides[0].shape[1]
