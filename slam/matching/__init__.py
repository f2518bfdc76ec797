"""Matchers, and which matcher weights belong to which features. Matchers are imported when asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from slam.config import MatcherConfig
from slam.errors import ConfigError, WeightsError
from slam.types import Matches, MatchView


class Matcher(Protocol):
    """Finds which points of two views are the same."""

    @property
    def num_layers(self) -> int:
        """Layers there are, 0 for a matcher without layers."""
        ...

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0) -> Matches:
        """One-to-one correspondences, ``index_a`` ascending; at most ``max_layers`` layers are run, 0 as configured."""
        ...

    def match_many(self, pairs: Sequence[tuple[MatchView, MatchView]], *, max_layers: int = 0) -> list[Matches]:
        """The answers of ``match`` for every pair, the same to the bit."""
        ...


MATCHERS = {
    "lightglue": "slam.matching.adaptive:LightGlueMatcher",
    "nearest": "slam.matching.nearest:NearestMatcher",
}
WEIGHTS = {  # features -> matcher weights in slam/weights
    "earlybird": "earlybird-matcher.pt",
    "sift": "sift-earlybird.pt",
}


def make_matcher(config: MatcherConfig, feature_name: str) -> Matcher:
    """The matcher that ``config.name`` asks for, with weights for the features.

    Raises ConfigError for an unknown name, WeightsError when weights are missing or wrong.
    """
    if config.name not in MATCHERS:
        raise ConfigError(f"matcher.name: unknown matcher '{config.name}'{_suggestion(config.name)}")
    module, _, cls = MATCHERS[config.name].partition(":")
    return getattr(importlib.import_module(module), cls).from_config(config, feature_name)


def packaged_weights(feature_name: str) -> Path:
    """The file of matcher weights that comes with the features. Raises WeightsError when there is none."""
    if feature_name not in WEIGHTS:
        raise WeightsError(
            f"matcher weights: none come with features '{feature_name}'; set matcher.weights to a file, "
            "train some with 'slam train matcher', or use --matcher nearest"
        )
    return Path(__file__).parents[1] / "weights" / WEIGHTS[feature_name]


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, MATCHERS, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(MATCHERS)}"
