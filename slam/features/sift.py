"""SIFT (Lowe 2004) through OpenCV, as RootSIFT (Arandjelovic and Zisserman 2012)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from slam.features.spread import spread_out
from slam.types import Features, Float32, Int64, Uint8

CONTRAST_THRESHOLD = 0.007  # OpenCV's is 0.04; dim walls get candidates too, the spread decides
HALVED_FROM_PX = 200_000  # pixels in an image; smaller ones need the finest octave for enough keypoints


class SiftExtractor:
    """At most ``max_keypoints`` SIFT keypoints, spread over the picture, with RootSIFT descriptors (N, 128).

    OpenCV always doubles the picture first. Large pictures are halved before, so that the scale space starts at their
    own size (first octave 0): a quarter of the time, and as good a fit, because the finest blobs repeat least.
    """

    name = "sift"
    descriptor_dim = 128

    def __init__(self, max_keypoints: int = 512) -> None:
        self._max_keypoints = max_keypoints
        # Without the precise upscale OpenCV's keypoints lie a quarter pixel off.
        self._sift = cv2.SIFT.create(contrastThreshold=CONTRAST_THRESHOLD, enable_precise_upscale=True)

    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture."""
        height, width = image.shape
        seen = halved(image) if image.size >= HALVED_FROM_PX else image
        keypoints = self._chosen(seen)
        xy, scores = positions_and_scores(keypoints)
        if not keypoints:
            return Features(xy, scores, np.zeros((0, self.descriptor_dim), np.float32), (width, height))
        _, raw = self._sift.compute(seen, keypoints)
        scale = np.array([width / seen.shape[1], height / seen.shape[0]], np.float32)
        return Features((xy + 0.5) * scale - 0.5, scores, root_sift(np.asarray(raw, np.float32)), (width, height))

    def _chosen(self, image: Uint8) -> list[cv2.KeyPoint]:
        found = self._sift.detect(image, None)
        xy, scores = positions_and_scores(found)
        first = one_per_position(xy, scores)
        kept = first[spread_out(xy[first], scores[first], self._max_keypoints, (image.shape[1], image.shape[0]))]
        return [found[i] for i in kept]


def halved(image: Uint8) -> Uint8:
    """The picture at half its size, every pixel the mean of four."""
    half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def positions_and_scores(keypoints: Sequence[cv2.KeyPoint]) -> tuple[Float32, Float32]:
    """(N, 2) px and (N,) responses of OpenCV's keypoints."""
    values = np.array([(*k.pt, k.response) for k in keypoints], np.float32).reshape(-1, 3)
    return values[:, :2], values[:, 2]


def one_per_position(xy: Float32, scores: Float32) -> Int64:
    """Indices (K,) of the strongest keypoint at every position: OpenCV repeats a point per orientation."""
    order = np.lexsort((-scores, xy[:, 1], xy[:, 0]))
    is_new = np.r_[True, (np.diff(xy[order], axis=0) != 0).any(axis=1)][: len(order)]
    return np.sort(order[is_new])


def root_sift(raw: Float32) -> Float32:
    """RootSIFT: L1 norm, then square root, which leaves unit L2 length. (N, 128) to (N, 128)."""
    total = np.maximum(raw.sum(axis=1, keepdims=True), 1e-12)
    return np.sqrt(raw / total)
