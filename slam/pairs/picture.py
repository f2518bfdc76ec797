"""A picture of a pair and what an extractor finds in it, in pixels of the picture as it lies in its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from slam.errors import SourceError
from slam.features import Extractor
from slam.sources.images import read_image
from slam.types import Features, Uint8

LEAST_SIDE_PX = 16  # what every extractor can look at


@dataclass(frozen=True, eq=False)
class Picture:
    """One image file."""

    name: str
    grey: Uint8  # (H, W)
    color: Uint8 | None = None  # (H, W, 3) RGB


def read_picture(path: Path, as_stored: bool = False) -> Picture:
    """A picture; see ``read_image`` for ``as_stored``. Raises SourceError for one that cannot be read or is tiny."""
    grey, color = read_image(path, as_stored)
    if min(grey.shape) < LEAST_SIDE_PX:
        height, width = grey.shape
        raise SourceError(f"{path}: is {width} x {height} px, too small to look at; give at least 16 x 16")
    return Picture(path.name, grey, color)


def described(extractor: Extractor, grey: Uint8, resize_px: int = 0) -> Features:
    """Features of a (H, W) picture, looked for after shrinking its long side to ``resize_px`` (0: as it is).

    Their positions are those of the picture as given: the centre of a pixel stays the centre of what it shows.
    """
    height, width = grey.shape
    small = shrunk(grey, resize_px)
    found = extractor.extract(small)
    if small is grey:
        return found
    scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
    xy = (found.xy + np.float32(0.5)) * scale - np.float32(0.5)
    return Features(xy, found.scores, found.descriptors, (width, height))


def shrunk(grey: Uint8, resize_px: int) -> Uint8:
    """The picture with a long side of ``resize_px``, unless that would enlarge it; 0 leaves it."""
    longest = max(grey.shape)
    if not resize_px or longest <= resize_px:
        return grey
    height, width = (max(round(side * resize_px / longest), LEAST_SIDE_PX) for side in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
