"""What a place vocabulary learns from: frames as sets of descriptors, and which two of them show one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.camera import Camera
from slam.features import Extractor
from slam.learning.cache import VIEWS_PER_SCENE
from slam.learning.depth_pairs import overlap, posed_pair, posed_rows
from slam.sources import open_source
from slam.types import Float32, Int64

SAME_PLACE = 0.3  # share of points of either frame that the other one must see
PART_CHANCE, PART_LEAST, PART_POINTS = 0.6, 0.5, 60  # how often a view is cut, its least side, its least points
KEPT = (0.6, 1.0)  # share of the points that are left: an extractor does not find all again


@dataclass(frozen=True, eq=False)
class PlaceViews:
    """Descriptors of many frames, and pairs of frames that show the same place."""

    descriptors: list[Float32]  # (N_i, D) each, float16 to save memory
    pairs: Int64  # (P, 2) positions

    def __len__(self) -> int:
        return len(self.descriptors)


def joined(parts: Sequence[PlaceViews]) -> PlaceViews:
    """All of them as one."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    pairs = [part.pairs + start for part, start in zip(parts, starts)]
    return PlaceViews([d for part in parts for d in part.descriptors], np.concatenate(pairs))


def scene_views(shards: Sequence[Path], rng: np.random.Generator) -> PlaceViews:
    """The views of the scenes in shards of ``slam.learning.cache``, each a part of what the camera saw.

    A frame that comes back to a place shows only some of it again, which views of a synthetic scene do too little: so
    most are cut to a window at random.
    """
    rows = itertools.chain.from_iterable(np.load(path, mmap_mode="r") for path in shards)
    descriptors = [row["descriptors"][: row["count"]][part_of(row, rng)] for row in rows]
    return PlaceViews(descriptors, _within_scenes(len(descriptors)))


def whole_scene_views(shard: Path) -> PlaceViews:
    """The views of a shard as they are."""
    descriptors = [row["descriptors"][: row["count"]].copy() for row in np.load(shard, mmap_mode="r")]
    return PlaceViews(descriptors, _within_scenes(len(descriptors)))


def part_of(row: np.void, rng: np.random.Generator) -> Int64:
    """Which keypoints (K,) of a view are left of it."""
    count = int(row["count"])
    index = np.arange(count)
    if rng.random() < PART_CHANCE:
        side = rng.uniform(PART_LEAST, 1.0, 2)
        corner = rng.uniform(0.0, 1.0 - side)
        place = row["xy"][:count] / row["size"]
        seen = np.flatnonzero(((place >= corner) & (place <= corner + side)).all(1))
        index = seen if len(seen) >= PART_POINTS else index
    return rng.permutation(index)[: int(rng.uniform(*KEPT) * len(index))]


def recorded_views(recording: Path, extractor: Extractor, keypoints: int) -> PlaceViews:
    """The frames of an RGB-D recording in TUM layout with ground truth. Raises SourceError without."""
    source = open_source("tum", recording)
    rows = posed_rows(source, extractor, keypoints)
    pairs = [(i, j) for i, j in itertools.combinations(range(len(rows)), 2) if _same_place(rows, i, j, source.rig.left)]
    return PlaceViews([row["descriptors"][: row["count"]] for row in rows], np.array(pairs, np.int64).reshape(-1, 2))


def _same_place(rows: np.ndarray, i: int, j: int, camera: Camera) -> bool:
    return all(overlap(posed_pair(rows[a], rows[b], camera)) > SAME_PLACE for a, b in ((i, j), (j, i)))


def _within_scenes(views: int) -> Int64:
    return np.array(list(_scene_pairs(views)), np.int64).reshape(-1, 2)


def _scene_pairs(views: int) -> Iterator[tuple[int, int]]:
    for first in range(0, views, VIEWS_PER_SCENE):
        yield from itertools.combinations(range(first, first + VIEWS_PER_SCENE), 2)
