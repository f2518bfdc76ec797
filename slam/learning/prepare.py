"""The cache of features that a matcher's training reads, and what is still missing in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from slam.config import FeatureConfig
from slam.learning.cache import SCENES_PER_SHARD, build_shard, photographs
from slam.learning.depth_pairs import RecordingPairs
from slam.learning.options import Progress, TrainOptions
from slam.learning.team import Team


def feature_config(options: TrainOptions) -> FeatureConfig:
    """The extractor that the training is for."""
    return FeatureConfig(name=options.features, max_keypoints=options.keypoints, weights=options.feature_weights)


def prepare_features(options: TrainOptions, team: Team, on_progress: Callable[[Progress], None]) -> None:
    """Fill the cache up to ``options.scenes`` and with all recordings, each member its part; what is there stays."""
    missing = [(path, scenes) for path, scenes in shard_plan(options) if not path.exists()][team.rank :: team.size]
    photos = photographs(options.images, options.out / "images") if missing else {}
    for i, (path, scenes) in enumerate(missing):
        build_shard(path, photos[path.parent.name], feature_config(options), _shard_seed(options.seed, path), scenes)
        on_progress(Progress("features", i + 1, (i + 1) / len(missing), 0.0, math.nan, math.nan, math.nan))
    for recording in options.recordings[team.rank :: team.size]:
        RecordingPairs(recording, feature_config(options), options.out / "cache")
    team.wait()


def shard_plan(options: TrainOptions) -> list[tuple[Path, int]]:
    """The shards of the cache and the scenes in each; the held-out one first."""
    cache, total = options.out / "cache", options.scenes
    plan = [(cache / "val" / "shard_0000.npy", max(2, min(total // 20, 100)))]
    for i, start in enumerate(range(0, total, SCENES_PER_SHARD)):
        plan.append((cache / "train" / f"shard_{i:04d}.npy", min(SCENES_PER_SHARD, total - start)))
    return plan


def _shard_seed(seed: int, path: Path) -> int:
    return seed * 100_000 + int(path.stem.rsplit("_", 1)[1]) + (50_000 if path.parent.name == "val" else 0)
