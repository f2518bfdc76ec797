"""ORB (Rublee et al., ICCV 2011) through OpenCV, its bits unpacked so that a dot product compares two descriptors."""

from __future__ import annotations

import cv2
import numpy as np

from slam.features.sift import one_per_position, positions_and_scores
from slam.features.spread import spread_out
from slam.types import Features, Float32, Uint8

BITS = 256
CANDIDATES_PER_KEYPOINT = 4  # found for every one that is kept, so that the spread has a choice
FAST_THRESHOLD = 7  # grey values; OpenCV's 20 leaves dim walls empty


class OrbExtractor:
    """At most ``max_keypoints`` ORB keypoints, spread over the picture, with (N, 256) descriptors."""

    name = "orb"
    descriptor_dim = BITS

    def __init__(self, max_keypoints: int = 512) -> None:
        self._max_keypoints = max_keypoints
        candidates = CANDIDATES_PER_KEYPOINT * max_keypoints
        self._orb = cv2.ORB.create(nfeatures=candidates, fastThreshold=FAST_THRESHOLD)

    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture."""
        size = (image.shape[1], image.shape[0])
        found = self._orb.detect(image, None)
        xy, scores = positions_and_scores(found)
        first = one_per_position(xy, scores)
        kept = first[spread_out(xy[first], scores[first], self._max_keypoints, size)]
        keypoints, bits = self._orb.compute(image, [found[i] for i in kept])
        if bits is None:
            bits = np.zeros((0, BITS // 8), np.uint8)
        xy, scores = positions_and_scores(keypoints)
        return Features(xy, scores, unit_bits(np.asarray(bits, np.uint8)), size)


def unit_bits(packed: Uint8) -> Float32:
    """(N, 32) bytes to (N, 256) values +-1/16 of unit length: a dot product is 1 - 2 * hamming / 256."""
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    return signs / np.float32(np.sqrt(BITS))
