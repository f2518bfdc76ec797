"""Pairs of views with the places that both see: what the extractor's descriptors are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from slam.features.earlybird import standardized
from slam.learning.feature_views import VIEW_SIZE, places_in
from slam.learning.photometric import disturbed
from slam.learning.shards import Shards
from slam.types import Float32, Uint8

MOST_PLACES = 192  # common places used per pair
LEAST_PLACES = 24
TRIES = 10
RECORDED = 0.25  # share of pairs from recordings, when there are any
SPREAD_PX = 0.8  # standard deviation of the bump that the network draws at a keypoint
REACH = 3  # px, half the side of the bump's patch


@dataclass(frozen=True, eq=False)
class ViewPair:
    """Two views as they are, the teacher's keypoints in each, and places that both see."""

    images: tuple[Uint8, Uint8]  # (H, W) each, before light and noise
    keypoints: tuple[Float32, Float32]  # (N, 3) each: x, y in px, strength
    places: tuple[Float32, Float32]  # (P, 2) px each: the same points of the world in a and in b


class PairSource(Protocol):
    """Where pairs of views come from."""

    def pair(self, rng: np.random.Generator) -> ViewPair: ...


class ViewShards(Shards):
    """Pairs from shards that ``slam.learning.feature_views`` wrote."""

    def pair(self, rng: np.random.Generator) -> ViewPair:
        """Two views of one scene that have something in common; after a few vain tries any two of a scene."""
        for _ in range(TRIES):
            pair = plane_view_pair(*self.two_rows(rng), rng)
            if len(pair.places[0]) >= LEAST_PLACES:
                break
        return pair


class MixedPairs:
    """Pairs of scenes, and of recordings if there are any."""

    def __init__(self, scenes: ViewShards, recordings: Sequence[PairSource]) -> None:
        self._scenes = scenes
        self._recordings = recordings

    def pair(self, rng: np.random.Generator) -> ViewPair:
        """A pair of one of the recordings, or of a scene."""
        if self._recordings and rng.random() < RECORDED:
            return self._recordings[int(rng.integers(len(self._recordings)))].pair(rng)
        return self._scenes.pair(rng)


def plane_view_pair(row_a: np.void, row_b: np.void, rng: np.random.Generator) -> ViewPair:
    """The pair of two views of one scene; the places are the teacher's keypoints of a that b sees."""
    xy_a = row_a["xy"][: row_a["count"]]
    place, seen = places_in(row_b, row_a, xy_a)
    chosen = rng.permutation(np.flatnonzero(seen))[:MOST_PLACES]
    places = (xy_a[chosen], place[chosen].astype(np.float32))
    return ViewPair((row_a["image"], row_b["image"]), (_keypoints(row_a), _keypoints(row_b)), places)


def feature_batch(source: PairSource, count: int, rng: np.random.Generator, disturb: bool = True) -> dict[str, Tensor]:
    """``count`` pairs as tensors.

    pictures (2 count, 1, H, W): all of a, then all of b; bumps (2 count, 1, H, W) in [0, 1]: what the detector is to
    draw; places_a and places_b (count, MOST_PLACES, 2) px, and known (count, MOST_PLACES) bool: which rows are used.
    """
    pairs = [_mirrored(source.pair(rng), rng) for _ in range(count)]
    images = [pair.images[side] for side in (0, 1) for pair in pairs]
    keypoints = [pair.keypoints[side] for side in (0, 1) for pair in pairs]
    seen = [standardized(disturbed(image, rng) if disturb else image) for image in images]
    known = np.array([np.arange(MOST_PLACES) < len(pair.places[0]) for pair in pairs])
    return {
        "pictures": torch.from_numpy(np.stack(seen)[:, None]),
        "bumps": torch.from_numpy(np.stack([bumps(k) for k in keypoints])[:, None]),
        "places_a": torch.from_numpy(np.stack([_padded(pair.places[0]) for pair in pairs])),
        "places_b": torch.from_numpy(np.stack([_padded(pair.places[1]) for pair in pairs])),
        "known": torch.from_numpy(known),
    }


def bumps(keypoints: Float32) -> Float32:
    """(H, W) Gaussian bumps as high as the keypoints (N, 3) are strong; the higher one counts where two meet."""
    width, height = VIEW_SIZE
    picture = np.zeros((height + 2 * REACH, width + 2 * REACH), np.float32)
    step = np.arange(-REACH, REACH + 1)
    column, row = np.round(keypoints[:, :2]).astype(np.int64).clip(0, np.array(VIEW_SIZE) - 1).T
    dx = (column - keypoints[:, 0])[:, None] + step
    dy = (row - keypoints[:, 1])[:, None] + step
    bump = np.exp(-(dx[:, None, :] ** 2 + dy[:, :, None] ** 2) / (2 * SPREAD_PX**2)) * keypoints[:, 2, None, None]
    rows = (row[:, None] + step + REACH)[:, :, None]
    columns = (column[:, None] + step + REACH)[:, None, :]
    np.maximum.at(picture, (np.broadcast_to(rows, bump.shape), np.broadcast_to(columns, bump.shape)), bump)
    return picture[REACH:-REACH, REACH:-REACH]


def _keypoints(row: np.void) -> Float32:
    count = int(row["count"])
    return np.column_stack([row["xy"][:count], row["strength"][:count]])


def _padded(places: Float32) -> Float32:
    rows = np.zeros((MOST_PLACES, 2), np.float32)
    rows[: len(places)] = places
    return rows


def _mirrored(pair: ViewPair, rng: np.random.Generator) -> ViewPair:
    """Both views flipped left to right, upside down, both or not at all: four pairs from each one kept on disk."""
    for axis in (0, 1):
        if rng.random() < 0.5:
            pair = _flipped(pair, axis)
    return pair


def _flipped(pair: ViewPair, axis: int) -> ViewPair:
    """axis 0: left to right, 1: upside down."""
    last = VIEW_SIZE[axis] - 1
    turn = np.eye(2, dtype=np.float32)
    turn[axis, axis] = -1
    shift = np.where(np.arange(2) == axis, last, 0).astype(np.float32)

    def moved(points: Float32) -> Float32:
        return np.column_stack([points[:, :2] @ turn + shift, points[:, 2:]]).astype(np.float32)

    image_a, image_b = (np.ascontiguousarray(np.flip(image, 1 - axis)) for image in pair.images)
    keypoints, places = pair.keypoints, pair.places
    return ViewPair(
        (image_a, image_b),
        (moved(keypoints[0]), moved(keypoints[1])),
        (moved(places[0]), moved(places[1])),
    )
