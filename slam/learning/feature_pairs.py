"""Pairs of views with their corners and where each is in the other view: what the extractor is trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from slam.features.corners import CornerMeasure
from slam.features.earlybird import found_corners, standardized
from slam.geometry import inside
from slam.learning.feature_views import VIEW_SIZE, nearest_px, places_in
from slam.learning.photometric import disturbed
from slam.learning.shards import Shards
from slam.types import Bool, Float32, Float64, Uint8

Carry = Callable[[Float32], tuple[Float64, Bool]]  # pixels (M, 2) -> their places in the other view, which it sees

MOST_CORNERS = 384  # used per view
LEAST_PLACES = 24
TRIES = 10
RECORDED = 0.25  # share of pairs from recordings, when there are any
TAUGHT_PX = 2.0  # a corner is one of the teacher's keypoints when it is this close to one
TURNED = 0.3  # share of pairs whose second view is turned and enlarged once more
TURN_DEG = 60.0
ENLARGED = 1.5


@dataclass(frozen=True, eq=False)
class ViewPair:
    """Two views as they are, the teacher's keypoints in each, and the ways from each to the other."""

    images: tuple[Uint8, Uint8]  # (H, W) each, before light and noise
    keypoints: tuple[Float32, Float32]  # (N, 3) each: x, y in px, strength
    carry: tuple[Carry, Carry]  # from a to b, from b to a


@dataclass(frozen=True, eq=False)
class Corners:
    """The corners of one view after light and noise."""

    picture: Float32  # (H, W) standardised
    xy: Float32  # (N, 2) px
    strength: Float32  # (N,)
    taught: Float32  # (N,) strength of the teacher's keypoint there, 0 where it has none


class PairSource(Protocol):
    """Where pairs of views come from."""

    def pair(self, rng: np.random.Generator) -> ViewPair: ...


class ViewShards(Shards):
    """Pairs from shards that ``slam.learning.feature_views`` wrote."""

    def pair(self, rng: np.random.Generator) -> ViewPair:
        """Two views of one scene that have something in common; after a few vain tries any two of a scene."""
        for _ in range(TRIES):
            pair = plane_view_pair(*self.two_rows(rng))
            if common(pair) >= LEAST_PLACES:
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


def plane_view_pair(row_a: np.void, row_b: np.void) -> ViewPair:
    """The pair of two views of one scene."""
    return ViewPair(
        (row_a["image"], row_b["image"]),
        (_keypoints(row_a), _keypoints(row_b)),
        (lambda xy: places_in(row_b, row_a, xy), lambda xy: places_in(row_a, row_b, xy)),
    )


def common(pair: ViewPair) -> int:
    """How many of the teacher's keypoints in a are seen in b."""
    return int(pair.carry[0](pair.keypoints[0][:, :2])[1].sum())


def feature_batch(source: PairSource, count: int, rng: np.random.Generator, disturb: bool = True) -> dict[str, Tensor]:
    """``count`` pairs as tensors; first all of a, then all of b, N = MOST_CORNERS.

    pictures (2 count, 1, H, W); xy (2 count, N, 2) px, strength (2 count, N) of the corners; real (2 count, N), which
    rows hold one; taught (2 count, N); places (2 count, N, 2) px, where each is in the other view; seen (2 count, N),
    whether that sees it.
    """
    rows = []
    for _ in range(count):
        pair = source.pair(rng)
        turns = random_turns(rng)
        views = [corners(pair, side, turns[side], rng, disturb) for side in (0, 1)]
        rows.append([_row(view, *carried(pair, side, turns, view.xy)) for side, view in enumerate(views)])
    ordered = [pair_rows[side] for side in (0, 1) for pair_rows in rows]
    return {name: torch.from_numpy(np.stack([row[name] for row in ordered])) for name in ordered[0]}


def random_turns(rng: np.random.Generator) -> tuple[Float64, Float64]:
    """What happens to a's and to b's pixels, two (3, 3): both are mirrored alike or not, b at times turned, too."""
    mirror = np.eye(3)
    for axis in (0, 1):
        if rng.random() < 0.5:
            mirror[axis, axis], mirror[axis, 2] = -1, VIEW_SIZE[axis] - 1
    if rng.random() >= TURNED:
        return mirror, mirror
    zoom = float(np.exp(rng.uniform(-1, 1) * np.log(ENLARGED)))
    middle = (np.array(VIEW_SIZE) - 1) / 2
    turn = np.vstack([cv2.getRotationMatrix2D(middle.tolist(), rng.uniform(-TURN_DEG, TURN_DEG), zoom), [0, 0, 1]])
    return mirror, turn @ mirror


def corners(pair: ViewPair, side: int, turn: Float64, rng: np.random.Generator, disturb: bool = True) -> Corners:
    """The corners of one side after its turn, light and noise; those outside of the original picture are left out."""
    turned = cv2.warpAffine(pair.images[side], turn[:2], VIEW_SIZE, borderMode=cv2.BORDER_REFLECT_101)
    image = np.asarray(turned, np.uint8)
    image = disturbed(image, rng) if disturb else image
    picture, scale = standardized(image)
    xy, strength = found_corners(image, scale, CornerMeasure())
    there = inside(_through(_back(turn), xy).astype(np.float64), VIEW_SIZE)
    kept = np.flatnonzero(there)[np.argsort(-strength[there], kind="stable")[:MOST_CORNERS]]
    keypoints = pair.keypoints[side]
    if not len(keypoints):
        return Corners(picture, xy[kept], strength[kept], np.zeros(len(kept), np.float32))
    distance, nearest = nearest_px(xy[kept], _through(turn, keypoints[:, :2]))
    taught = np.where(distance < TAUGHT_PX, keypoints[nearest, 2], 0).astype(np.float32)
    return Corners(picture, xy[kept], strength[kept], taught)


def carried(pair: ViewPair, side: int, turns: tuple[Float64, Float64], xy: Float32) -> tuple[Float32, Bool]:
    """Where corners xy (N, 2) of a turned side are in the turned other one (N, 2), and which of them it sees (N,)."""
    untouched, seen = pair.carry[side](_through(_back(turns[side]), xy))
    place = _through(turns[1 - side], np.where(seen[:, None], untouched, -1e4))
    return place, seen & inside(place.astype(np.float64), VIEW_SIZE, margin_px=4.0)


def _row(view: Corners, place: Float32, seen: Bool) -> dict[str, np.ndarray]:
    n = len(view.xy)
    row = {
        "pictures": view.picture[None],
        "xy": np.zeros((MOST_CORNERS, 2), np.float32),
        "strength": np.zeros(MOST_CORNERS, np.float32),
        "real": np.arange(MOST_CORNERS) < n,
        "taught": np.zeros(MOST_CORNERS, np.float32),
        "places": np.zeros((MOST_CORNERS, 2), np.float32),
        "seen": np.zeros(MOST_CORNERS, bool),
    }
    for name, values in (("xy", view.xy), ("strength", view.strength), ("taught", view.taught), ("places", place)):
        row[name][:n] = values
    row["seen"][:n] = seen
    return row


def _keypoints(row: np.void) -> Float32:
    count = int(row["count"])
    return np.column_stack([row["xy"][:count], row["strength"][:count]])


def _back(turn: Float64) -> Float64:
    return np.asarray(np.linalg.inv(turn), np.float64)


def _through(turn: Float64, xy: Float32 | Float64) -> Float32:
    return np.asarray(xy @ turn[:2, :2].T + turn[:2, 2], np.float32)
