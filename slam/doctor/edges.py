"""How wide edges are, by direction: a lens out of focus widens all alike, a movement only those across its way.

The width comes from blurring once more and comparing slopes (Zhuo & Sim, "Defocus map estimation from a single image",
Pattern Recognition 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.types import Float32, Float64, Uint8

FIRST_PX, SECOND_PX = 1.0, 2.0  # sigma of both blurs: the first calms noise
SLOPE_VARIANCE = 1 / 3  # px^2, of the difference over two pixels
STRONG = 12.0  # grey levels per pixel after the first blur: noise does not reach it
MOST_EDGES = 3_000
WIDEST_PX = 20.0
SHARP_SHARE = 25  # percent: scenes have soft edges too, the sharper ones show the lens
LEAST_EDGES = 40


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The edges of one picture."""

    variance_px2: Float64  # (K,) of the blur that a step would need to look so; a thin line looks narrower than none
    direction_rad: Float64  # (K,) of the slope, 0 to pi, 0 along x

    def variance(self, direction_rad: float | None = None) -> float:
        """Median of the edges whose slope lies within 25 degrees of a direction, px^2; NaN for too few of them."""
        found = self.variance_px2
        if direction_rad is not None:
            off = np.abs((self.direction_rad - direction_rad + np.pi / 2) % np.pi - np.pi / 2)
            found = found[off < np.deg2rad(25)]
        return float(np.median(found)) if len(found) >= LEAST_EDGES else float("nan")


def edges_of(image: Uint8) -> Edges:
    """Edges of a (H, W) grey picture, at most MOST_EDGES spread over it."""
    first: Float32 = np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), FIRST_PX), np.float32)
    more_px = float(np.sqrt(SECOND_PX**2 - FIRST_PX**2))
    second: Float32 = np.asarray(cv2.GaussianBlur(first, (0, 0), more_px), np.float32)
    dx, dy = _slopes(first)
    slope = np.hypot(dx, dy)
    y, x = np.nonzero(_crests(slope, dx, dy))
    if len(x) > MOST_EDGES:
        chosen = np.argpartition(-slope[y, x], MOST_EDGES)[:MOST_EDGES]
        y, x = y[chosen], x[chosen]
    ratio = slope[y, x] / np.maximum(np.hypot(*_slopes(second))[y, x], 1e-6)
    square = np.maximum(ratio.astype(np.float64) ** 2, 1 + 1e-6)
    variance = (SECOND_PX**2 - square * FIRST_PX**2) / (square - 1) - SLOPE_VARIANCE
    return Edges(np.minimum(variance, WIDEST_PX**2), np.arctan2(dy[y, x], dx[y, x]).astype(np.float64) % np.pi)


def _slopes(image: Float32) -> tuple[Float32, Float32]:
    kernel, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    dx = np.asarray(cv2.sepFilter2D(image, cv2.CV_32F, kernel, one), np.float32)
    return dx, np.asarray(cv2.sepFilter2D(image, cv2.CV_32F, one, kernel), np.float32)


def _crests(slope: Float32, dx: Float32, dy: Float32) -> np.ndarray:
    """(H, W) where the slope is strong and steeper than a pixel before and after along its own direction."""
    strong = slope > STRONG
    strong[:4] = strong[-4:] = strong[:, :4] = strong[:, -4:] = False
    y, x = np.nonzero(strong)
    step_x = np.rint(dx[y, x] / slope[y, x]).astype(int)
    step_y = np.rint(dy[y, x] / slope[y, x]).astype(int)
    here = slope[y, x]
    crest = (here >= slope[y + step_y, x + step_x]) & (here > slope[y - step_y, x - step_x])
    found = np.zeros_like(strong)
    found[y[crest], x[crest]] = True
    return found
