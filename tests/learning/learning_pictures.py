"""Textured pictures for training tests."""

import cv2
import numpy as np

from slam.config import FeatureConfig

FEATURES = FeatureConfig(name="sift", max_keypoints=160)


def textured(seed, size=(300, 220)):
    """(H, W) uint8: soft light and boxes of all sizes."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.uniform(40, 210, (9, 12)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    for _ in range(220):
        box = cv2.boxPoints(
            (tuple(rng.uniform((0, 0), size)), tuple(np.exp(rng.uniform(1, 3.2, 2))), rng.uniform(0, 90))
        )
        cv2.fillConvexPoly(image, box.astype(np.int32), float(rng.uniform(0, 255)))
    return cv2.GaussianBlur(image, (0, 0), 0.7).clip(0, 255).astype(np.uint8)
