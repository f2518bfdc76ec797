"""One vector per frame, aggregated from its local descriptors: a VLAD with soft assignment, brought to 256 numbers.

Vectors of locally aggregated descriptors: Jégou et al., CVPR 2010; each centre's part made as long as the others
against bursts: Arandjelović & Zisserman, CVPR 2013; projection and whitening: Jégou & Chum, ECCV 2012; shares in the
centres by a softmax: Arandjelović et al. (NetVLAD), CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.errors import WeightsError
from slam.features import OWN_WEIGHTS
from slam.matching.calibration import sha256_of
from slam.places.vocabulary import Vocabulary, read_vocabulary
from slam.types import Features, Float32

WEIGHTS = Path(__file__).parents[1] / "weights"
VOCABULARIES = {"earlybird": "earlybird-places.npz"}  # features -> file in slam/weights
DIM = 256  # of every vector
TINY = 1e-12


class PlaceDescriber:
    """Turns the features of a frame into a vector of unit length; the cosine of two says how alike they look."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self._vocabulary.dim

    @classmethod
    def for_features(cls, name: str, extractor_weights: str = "", vocabulary: str = "") -> PlaceDescriber | None:
        """The describer for an extractor, None for one that no vocabulary was made for.

        extractor_weights: file of other weights than those that come with the extractor.
        vocabulary: file of another vocabulary than the one that comes with the program.
        Raises WeightsError for a vocabulary that is damaged or belongs to another extractor or other weights.
        """
        if not vocabulary and name not in VOCABULARIES:
            return None
        path = Path(vocabulary) if vocabulary else WEIGHTS / VOCABULARIES[name]
        found = read_vocabulary(path)
        if found.features != name:
            raise WeightsError(f"place vocabulary {path}: was made for '{found.features}' features, not for '{name}'")
        if found.extractor_sha256 != weights_sha256(name, extractor_weights):
            raise WeightsError(
                f"place vocabulary {path}: was made for other weights of the extractor (their sha256 differs); "
                "run 'slam train places' and set places.vocabulary"
            )
        return cls(found)

    def describe(self, features: Features) -> Float32:
        """(dim,) of unit length; zero for a frame without features, which looks like nothing."""
        if not len(features):
            return np.zeros(self.dim, np.float32)
        words = self._vocabulary
        aggregate: Float32 = aggregated(features.descriptors, words).ravel() - words.mean
        return unit(aggregate @ words.project)


def aggregated(descriptors: Float32, words: Vocabulary) -> Float32:
    """(K, F) residuals of descriptors (N, D) to each centre, weighted by their shares, every row of length one."""
    shares = softmax(descriptors @ words.assign + words.bias)
    sums: Float32 = shares.T @ (descriptors @ words.points)
    return unit(sums - shares.sum(0)[:, None] * words.centers)


def softmax(logits: Float32) -> Float32:
    """Shares (N, K) that sum up to one in each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def unit(vectors: Float32) -> Float32:
    """The same directions (..., D) at length one; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(TINY))


def weights_sha256(name: str, extractor_weights: str = "") -> str:
    """Of the extractor's weights, "" for one that has none."""
    if extractor_weights:
        return sha256_of(Path(extractor_weights))
    return sha256_of(WEIGHTS / OWN_WEIGHTS[name]) if name in OWN_WEIGHTS else ""
