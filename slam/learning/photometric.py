"""What light, lens, shutter and compression do to a picture, at random."""

from __future__ import annotations

import cv2
import numpy as np

from slam.types import Uint8


def disturbed(image: Uint8, rng: np.random.Generator) -> Uint8:
    """A (H, W) grey picture of the same scene on another day: each change happens to some pictures only."""
    if rng.random() < 0.6:
        image = toned(image, gamma=np.exp(rng.normal(0, 0.3)), gain=np.exp(rng.normal(0, 0.2)), bias=rng.normal(0, 12))
    if rng.random() < 0.25:
        image = blurred(image, rng.uniform(0.4, 1.5))
    if rng.random() < 0.2:
        image = motion_blurred(image, int(rng.integers(2, 6)) * 2 + 1, rng.uniform(0, np.pi))
    if rng.random() < 0.15:
        image = shaded(image, rng)
    if rng.random() < 0.5:
        image = noisy(image, rng.uniform(1, 9), rng)
    if rng.random() < 0.3:
        image = compressed(image, int(rng.integers(25, 90)))
    return image


def toned(image: Uint8, gamma: float, gain: float, bias: float) -> Uint8:
    """Gamma, then contrast about mid-grey, then brightness in grey levels."""
    levels = np.arange(256) / 255.0
    curve = (levels**gamma - 0.5) * 255.0 * gain + 127.5 + bias
    return np.clip(curve, 0, 255).astype(np.uint8)[image]


def blurred(image: Uint8, sigma_px: float) -> Uint8:
    """Out of focus."""
    return cv2.GaussianBlur(image, (0, 0), sigma_px).astype(np.uint8, copy=False)


def motion_blurred(image: Uint8, length_px: int, angle_rad: float) -> Uint8:
    """Smeared along a line of odd length."""
    kernel = np.zeros((length_px, length_px), np.float32)
    half = length_px // 2
    reach = np.round(half * np.array([np.cos(angle_rad), np.sin(angle_rad)])).astype(int)
    cv2.line(kernel, (int(half - reach[0]), int(half - reach[1])), (int(half + reach[0]), int(half + reach[1])), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def shaded(image: Uint8, rng: np.random.Generator) -> Uint8:
    """A soft shadow or light across the picture."""
    height, width = image.shape
    coarse = rng.uniform(0.5, 1.3, (3, 3)).astype(np.float32)
    gain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def noisy(image: Uint8, sigma: float, rng: np.random.Generator) -> Uint8:
    """Sensor noise of ``sigma`` grey levels."""
    return np.clip(image + np.float32(sigma) * rng.standard_normal(image.shape, np.float32), 0, 255).astype(np.uint8)


def compressed(image: Uint8, quality: int) -> Uint8:
    """Through JPEG and back."""
    packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
