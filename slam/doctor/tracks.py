"""Points followed from frame to frame, once, for all checks that need to know how the picture moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from slam.types import Bool, Float32, Float64, Uint8

POINTS = 300  # per frame, at most
QUALITY = 0.005  # of the best corner's measure
APART = 1 / 50  # of the picture's width
WINDOW = (21, 21)  # px
LEVELS = 4
BACK_PX = 0.5  # a point that does not come back to where it started was lost
CHAINED = 150  # points that are followed over many frames
LEAST = 12  # points; fewer say nothing
LEAST_EIGENVALUE = 1e-4  # of the window's structure: below, a point slides


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The same points in two frames."""

    a: int  # position in the capture
    b: int
    xy_a: Float32  # (K, 2) px as captured
    xy_b: Float32  # (K, 2)

    @property
    def flow_px(self) -> Float64:
        """(2,) median movement."""
        return np.median(self.xy_b - self.xy_a, axis=0).astype(np.float64)


def corners(image: Uint8, count: int = POINTS) -> Float32:
    """(K, 2) px of points that can be followed (Shi & Tomasi 1994)."""
    found = cv2.goodFeaturesToTrack(image, count, QUALITY, APART * image.shape[1])
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found[:, 0], np.float32)


def followed(image_a: Uint8, image_b: Uint8, xy_a: Float32, guess_b: Float32 | None = None) -> tuple[Float32, Float32]:
    """Where points are in the second picture, those that come back when followed backwards: (K, 2) px in a and b.

    Lucas & Kanade's tracker in pyramids (Bouguet 2001).
    """
    if len(xy_a) == 0:
        return xy_a, xy_a
    guess_a = None if guess_b is None else xy_a
    xy_b, there = _flow(image_a, image_b, xy_a, xy_a if guess_b is None else guess_b)
    back, here = _flow(image_b, image_a, xy_b, xy_b if guess_a is None else guess_a)
    height, width = image_b.shape
    inside = (xy_b >= 0).all(1) & (xy_b[:, 0] <= width - 1) & (xy_b[:, 1] <= height - 1)
    good = there & here & inside & (np.linalg.norm(back - xy_a, axis=1) < BACK_PX)
    return xy_a[good], xy_b[good]


def _flow(image_a: Uint8, image_b: Uint8, xy_a: Float32, guess_b: Float32) -> tuple[Float32, Bool]:
    xy_b, found, _ = cv2.calcOpticalFlowPyrLK(
        image_a, image_b, xy_a, guess_b.copy(), winSize=WINDOW, maxLevel=LEVELS, minEigThreshold=LEAST_EIGENVALUE,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    return np.asarray(xy_b, np.float32), np.asarray(found)[:, 0] > 0


def neighbours(images: Sequence[Uint8]) -> list[Pair]:
    """Every frame with the next one, those left out in which too little can be followed."""
    pairs = []
    for i in range(len(images) - 1):
        xy_a, xy_b = followed(images[i], images[i + 1], corners(images[i]))
        if len(xy_a) >= LEAST:
            pairs.append(Pair(i, i + 1, xy_a, xy_b))
    return pairs


def moved_px(pairs: Sequence[Pair]) -> float:
    """Length of the way that the picture moved in all."""
    return float(sum(np.linalg.norm(pair.flow_px) for pair in pairs))


def chains(images: Sequence[Uint8], way_px: float, most: int, longest: int = 30) -> list[Pair]:
    """Up to ``most`` pairs of frames between which the picture moved by ``way_px``, spread over all frames.

    Points are followed through the frames between, so that they do not jump.
    """
    pairs: list[Pair] = []
    starts = np.unique(np.linspace(0, max(len(images) - 2, 0), most).astype(int))
    for start in starts.tolist():
        first = at = corners(images[start], CHAINED)
        for i in range(start + 1, min(start + longest + 1, len(images))):
            good, at = _carried(images[i - 1], images[i], at)
            first = first[good]
            if len(first) < LEAST:
                break
            if np.median(np.linalg.norm(at - first, axis=1)) > way_px:
                pairs.append(Pair(start, i, first, at))
                break
    return pairs


def _carried(image_a: Uint8, image_b: Uint8, xy_a: Float32) -> tuple[np.ndarray, Float32]:
    """Indices of the points that could be followed, and where they are now."""
    kept_a, xy_b = followed(image_a, image_b, xy_a)
    index = {tuple(xy): i for i, xy in enumerate(xy_a.tolist())}
    return np.array([index[tuple(xy)] for xy in kept_a.tolist()], np.int64), xy_b
