"""A vocabulary for features that none was trained for: random directions, the same in every run."""

from __future__ import annotations

import numpy as np

from slam.places.vocabulary import Vocabulary
from slam.types import Float32

CENTRES, POINT_DIM, DIM = 16, 32, 256
SHARPNESS = 20.0  # of the shares: a point belongs nearly whole to the centre it is nearest


def untrained_vocabulary(features: str, descriptor_dim: int) -> Vocabulary:
    """Centres and projections drawn at random: distances survive that (Johnson & Lindenstrauss 1984)."""
    rng = np.random.default_rng(descriptor_dim)
    centres = _unit_rows(rng, CENTRES, descriptor_dim)
    points = _unit_rows(rng, POINT_DIM, descriptor_dim).T
    return Vocabulary(
        features,
        "",
        np.float32(SHARPNESS) * centres.T,
        np.zeros(CENTRES, np.float32),
        points,
        centres @ points,
        np.zeros(CENTRES * POINT_DIM, np.float32),
        _unit_rows(rng, DIM, CENTRES * POINT_DIM).T,
    )


def _unit_rows(rng: np.random.Generator, rows: int, columns: int) -> Float32:
    vectors = rng.normal(size=(rows, columns)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
