"""What is timed: extractors and matchers by name, ours with their weights, the big ones at their published sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.config import MatcherConfig
from slam.evaluation.matching_methods import never_early
from slam.matching import Matcher, make_matcher
from slam.types import Float32, MatchView

EXTRACTORS = ("sift", "orb", "xfeat", "aliked-t16", "aliked-n16")
ADAPTIVE, FULL, NEAREST = "ours, adaptive", "ours, full depth", "nearest neighbour"
LIGHTER, LIGHTGLUE, SUPERGLUE = "LighterGlue, 6 layers", "LightGlue, 9 layers", "SuperGlue, 18 layers"
BASELINES = (NEAREST, LIGHTER, LIGHTGLUE, SUPERGLUE)
SIZES = {LIGHTER: (96, 1, 6, 64), LIGHTGLUE: (256, 4, 9, 256)}  # width, heads, layers, descriptor length as published
DESCRIPTOR_LENGTHS = {NEAREST: 64, LIGHTER: 64, LIGHTGLUE: 256, SUPERGLUE: 256}


@dataclass(frozen=True)
class Ours:
    """Our matcher: whose features, and how it is configured."""

    features: str
    matcher: MatcherConfig


def opened(name: str, ours: Ours) -> Matcher:
    """The matcher of a name. The baselines have random weights: without exit and pruning these don't change the time.

    Raises WeightsError when ours has no weights.
    """
    if name == ADAPTIVE:
        return make_matcher(ours.matcher, ours.features)
    if name == FULL:
        return make_matcher(never_early(ours.matcher), ours.features)
    if name == NEAREST:
        return make_matcher(MatcherConfig(name="nearest"), ours.features)
    if name == SUPERGLUE:
        from slam.matching.superglue import SuperGlueMatcher

        return SuperGlueMatcher.from_file(None)
    return _random_lightglue(*SIZES[name])


def random_view(xy: Float32, length: int, seed: int, image_size: tuple[int, int] = (640, 480)) -> MatchView:
    """Points (N, 2) with random unit descriptors (N, length)."""
    raw = np.random.default_rng(seed).normal(size=(len(xy), length)).astype(np.float32)
    return MatchView(xy, raw / np.linalg.norm(raw, axis=1, keepdims=True), image_size)


def random_points(count: int, seed: int, image_size: tuple[int, int] = (640, 480)) -> Float32:
    """(count, 2) px."""
    return np.random.default_rng(seed).uniform((0, 0), image_size, (count, 2)).astype(np.float32)


def matcher_file(config: MatcherConfig, features: str) -> Path:
    """The weights file of our matcher. Raises WeightsError when none belongs to the features."""
    from slam.matching import packaged_weights

    return Path(config.weights) if config.weights else packaged_weights(features)


def _random_lightglue(width: int, heads: int, layers: int, input_dim: int) -> Matcher:
    from slam.matching.adaptive import LightGlueMatcher
    from slam.matching.early_exit import ExitPolicy
    from slam.matching.lightglue import LightGlue, NetworkShape

    network = LightGlue(NetworkShape(width=width, heads=heads, layers=layers, input_dim=input_dim))
    return LightGlueMatcher(network, ExitPolicy.published(-1, -1, layers))
