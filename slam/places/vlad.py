"""One vector for a frame: residuals of its local descriptors to fixed random centres (Jégou et al., CVPR 2010)."""

from __future__ import annotations

import numpy as np

from slam.types import Features, Float32

CENTRES, KEPT = 16, 64  # centres, and leading entries of a descriptor that are used


class PlaceDescriber:
    """Describes frames of any features."""

    dim = CENTRES * KEPT

    @classmethod
    def for_features(cls, name: str) -> PlaceDescriber:
        return cls()

    def describe(self, features: Features) -> Float32:
        """(dim,) of unit length, zero for a frame without features."""
        descriptors = features.descriptors
        centres = np.random.default_rng(0).normal(size=(CENTRES, descriptors.shape[1])).astype(np.float32)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        residuals = np.zeros((CENTRES, KEPT), np.float32)
        nearest = (descriptors @ centres.T).argmax(1) if len(descriptors) else np.zeros(0, np.int64)
        np.add.at(residuals, nearest, descriptors[:, :KEPT] - centres[nearest, :KEPT])
        residuals /= np.linalg.norm(residuals, axis=1, keepdims=True) + 1e-9
        return residuals.ravel() / (np.linalg.norm(residuals) + 1e-9)
