"""Extractors of keypoints and descriptors, and the FEATURES table. Heavy ones are imported when asked for."""

from __future__ import annotations

import difflib
import hashlib
import importlib
from pathlib import Path
from typing import Protocol

from slam.config import FeatureConfig
from slam.errors import ConfigError, WeightsError
from slam.types import Features, Uint8


class Extractor(Protocol):
    """Finds keypoints in a picture and describes them."""

    name: str
    descriptor_dim: int

    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture, at most as many as the extractor was made for."""
        ...


CLASSICAL = {
    "sift": "slam.features.sift:SiftExtractor",
    "orb": "slam.features.orb:OrbExtractor",
}
LEARNED = {  # a row of slam.features.weights.WEIGHTS carries the same name
    "xfeat": "slam.features.xfeat:XFeatExtractor",
    "aliked-t16": "slam.features.aliked:AlikedT16Extractor",
    "aliked-n16": "slam.features.aliked:AlikedN16Extractor",
    "superpoint": "slam.features.superpoint:SuperPointExtractor",
}
OWN = {  # their weights come with the package
    "earlybird": "slam.features.earlybird:EarlybirdExtractor",
}
FEATURES = OWN | CLASSICAL | LEARNED
OWN_WEIGHTS = {"earlybird": "earlybird-features.pt"}  # in slam/weights


def make_extractor(config: FeatureConfig, max_keypoints: int | None = None) -> Extractor:
    """The extractor that ``config.name`` asks for, with ``config.max_keypoints`` unless told another number.

    Raises ConfigError for an unknown name or a runtime that is not there, WeightsError when a network's weights are
    missing or wrong.
    """
    if config.name not in FEATURES:
        raise ConfigError(f"features.name: unknown extractor '{config.name}'{_suggestion(config.name)}")
    count = config.max_keypoints if max_keypoints is None else max_keypoints
    if count < 1:
        raise ConfigError(f"features.max_keypoints: must be at least 1, got {count}")
    module, _, cls = FEATURES[config.name].partition(":")
    make = getattr(importlib.import_module(module), cls)
    if config.name in CLASSICAL:
        return make(count)
    if config.name in OWN:
        return make(count, weights_path(config), config.runtime)
    return make(count, weights_path(config))


def weights_sha256(config: FeatureConfig) -> str:
    """Hexadecimal digest of the file of weights that make_extractor would load; "" for an extractor without weights.

    Raises WeightsError when there is no such file.
    """
    if config.name in CLASSICAL:
        return ""
    path = weights_path(config)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"weights {path}: cannot be read ({error.strerror}); check the path") from error


def weights_path(config: FeatureConfig) -> Path:
    """The file of weights of an extractor that has some. Raises WeightsError when it was never downloaded."""
    if config.weights:
        return Path(config.weights)
    if config.name in OWN:
        return Path(__file__).parents[1] / "weights" / OWN_WEIGHTS[config.name]
    from slam.features.weights import cached_weights

    return cached_weights(config.name)


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, FEATURES, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(FEATURES)}"
