"""Where a picture has corners: found by a formula, exactly to a fraction of a pixel."""

from __future__ import annotations

import cv2
import numpy as np

from slam.features.network import greatest
from slam.types import Float32, Int64, Uint8

DERIVATIVE_SIGMA_PX = 1.5
WINDOW_SIGMA_PX = 2.0
REACH_PX = 4  # of both filters
REGULAR = 1.0  # grey levels squared: keeps the measure small where the picture is flat but for noise
LEAST_MEASURE = 0.02  # below, there is nothing but noise
NMS_RADIUS = 3  # px: a 7 x 7 neighbourhood
BORDER = 2 * REACH_PX  # px at the rim where nothing is kept: an edge that meets its own mirror image is no corner
LEAST_BEND = np.float32(-1e-3)  # of the logarithm, per pixel squared: a top is no plateau
MOST_RIDGE = np.float32(0.95)  # share of the mixed derivative that would make the top a ridge without end
MOST_STEP_PX = np.float32(0.8)
_AROUND = np.array([[x, y] for y in (-1, 0, 1) for x in (-1, 0, 1)])


def _steps() -> Float32:
    return np.arange(-REACH_PX, REACH_PX + 1, dtype=np.float32)


def _gaussian(sigma_px: float) -> Float32:
    values = np.exp(-(_steps() ** 2) / (2 * sigma_px**2))
    return np.asarray(values / values.sum(), np.float32)


def _derivative(sigma_px: float) -> Float32:
    values = _steps() * _gaussian(sigma_px)
    return np.asarray(values / (values @ _steps()), np.float32)  # 1 on a slope of 1


SMOOTH, SLOPE, WINDOW = _gaussian(DERIVATIVE_SIGMA_PX), _derivative(DERIVATIVE_SIGMA_PX), _gaussian(WINDOW_SIGMA_PX)


class CornerMeasure:
    """det(A) / tr(A) of the structure tensor A (Foerstner & Guelch 1987): how well a place is fixed in all directions.

    The working memory is kept from picture to picture: fresh memory would cost more time than the arithmetic.
    """

    def __init__(self) -> None:
        self._buffers = np.empty((5, 0, 0), np.float32)

    def __call__(self, image: Uint8) -> Float32:
        """(H, W) measure in squared grey levels per pixel squared of a (H, W) picture; valid until the next call."""
        if self._buffers.shape[1:] != image.shape:
            self._buffers = np.empty((5, *image.shape), np.float32)
        dx, dy, xx, xy, yy = self._buffers
        cv2.sepFilter2D(image, cv2.CV_32F, SLOPE, SMOOTH, dst=dx)
        cv2.sepFilter2D(image, cv2.CV_32F, SMOOTH, SLOPE, dst=dy)
        for product, first, second in ((xx, dx, dx), (xy, dx, dy), (yy, dy, dy)):
            cv2.multiply(first, second, dst=product)
            cv2.sepFilter2D(product, -1, WINDOW, WINDOW, dst=product)
        cv2.multiply(xx, yy, dst=dx)
        cv2.multiply(xy, xy, dst=xy)
        np.subtract(dx, xy, out=dx)
        np.add(xx, yy, out=xx)
        np.add(xx, np.float32(REGULAR), out=xx)
        return np.divide(dx, xx, out=dx)


def corner_peaks(measure: Float32) -> Int64:
    """(K, 2) pixels that are the greatest of their neighbourhood, row by row."""
    return greatest(measure, NMS_RADIUS, LEAST_MEASURE, BORDER)


def refined(peaks: Int64, measure: Float32) -> Float32:
    """(K, 2) sub-pixel places of peaks (K, 2): the top of a quadratic function through the measure's logarithm.

    With its mixed derivative (Brown & Lowe, BMVC 2002): the peak of a corner is a ridge along its bisector.
    """
    x, y = peaks.T
    patch = measure[(y + _AROUND[:, 1:]), (x + _AROUND[:, :1])]
    v = np.log(np.maximum(patch, np.float32(LEAST_MEASURE) / 10))
    slope_x, slope_y = 0.5 * (v[5] - v[3]), 0.5 * (v[7] - v[1])
    bend_x, bend_y = (np.minimum(v[i] - 2 * v[4] + v[j], LEAST_BEND) for i, j in ((3, 5), (1, 7)))
    mixed = 0.25 * (v[0] + v[8] - v[2] - v[6])
    mixed = np.sign(mixed) * np.minimum(np.abs(mixed), MOST_RIDGE * np.sqrt(bend_x * bend_y))
    determinant = bend_x * bend_y - mixed**2
    step_x = (mixed * slope_y - bend_y * slope_x) / determinant
    step_y = (mixed * slope_x - bend_x * slope_y) / determinant
    return peaks.astype(np.float32) + np.clip(np.stack([step_x, step_y], 1), -MOST_STEP_PX, MOST_STEP_PX)
