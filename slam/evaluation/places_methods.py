"""The ways to describe a place that are compared: ours, the same untrained, means of descriptors, small pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from slam.config import FeatureConfig
from slam.features import Extractor, make_extractor
from slam.places.untrained import untrained_vocabulary
from slam.places.vlad import PlaceDescriber, unit
from slam.types import Features, Float32, Uint8

SMALL = (32, 24)  # px of a thumbnail
CLASSICAL = ("sift", "orb")

Describe = Callable[[Uint8, Features], Float32]  # a picture (H, W) and its features give (dim,) of unit length


@dataclass(frozen=True)
class PlaceMethod:
    """A name for the table, whose features it wants, and how it describes."""

    name: str
    features: str  # "" for none
    describe: Describe


def place_methods(features: str, extractor_weights: str = "", vocabulary: str = "") -> list[PlaceMethod]:
    """Everything that is compared. Raises WeightsError for a vocabulary that does not belong to the features.

    The shipped one is left out for features that have none.
    """
    trained = PlaceDescriber.for_features(features, extractor_weights, vocabulary)
    methods = [PlaceMethod(f"{features}, trained VLAD", features, _by_features(trained))] if trained else []
    for name in dict.fromkeys((features, *CLASSICAL)):
        methods.append(PlaceMethod(f"{name}, untrained VLAD", name, _untrained(name)))
    methods.append(PlaceMethod(f"{features}, mean of descriptors", features, lambda _, found: mean_descriptor(found)))
    methods.append(PlaceMethod(f"thumbnail {SMALL[0]}x{SMALL[1]}", "", lambda image, _: thumbnail(image)))
    return methods


def extractors(methods: list[PlaceMethod], keypoints: int, own_weights: str = "") -> dict[str, Extractor]:
    """Name -> extractor of all features that the methods want; ``own_weights`` are those of the first one."""
    names = list(dict.fromkeys(method.features for method in methods if method.features))
    configs = [FeatureConfig(name, keypoints, weights=own_weights if name == names[0] else "") for name in names]
    return {name: make_extractor(config) for name, config in zip(names, configs)}


def thumbnail(image: Uint8) -> Float32:
    """(W * H,) the picture made small, less its mean, of unit length; the cosine of two is their correlation."""
    small = cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return unit(small - small.mean())


def mean_descriptor(features: Features) -> Float32:
    """(D,) of unit length; zero for a frame without features."""
    if not len(features):
        return np.zeros(features.descriptors.shape[1], np.float32)
    return unit(features.descriptors.mean(0))


def _untrained(name: str) -> Describe:
    dim = make_extractor(FeatureConfig(name, 16)).descriptor_dim
    return _by_features(PlaceDescriber(untrained_vocabulary(name, dim)))


def _by_features(describer: PlaceDescriber) -> Describe:
    return lambda _, features: describer.describe(features)
