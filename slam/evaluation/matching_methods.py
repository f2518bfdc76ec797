"""The ways to match that are compared: an extractor with a matcher each, built when their weights are there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from slam.config import FeatureConfig, MatcherConfig
from slam.errors import WeightsError
from slam.features import Extractor, make_extractor
from slam.features.weights import cached_weights
from slam.matching import Matcher, make_matcher

RATIO = 0.85  # nearest neighbour: best distance over second best, everywhere alike
WEIGHTS_FILES = {  # name -> file below a folder of weights; elsewhere the cache of `slam download weights`
    "xfeat": "xfeat_rebuilt/xfeat_rebuilt.pt",
    "aliked-t16": "aliked/aliked-t16.pth",
    "aliked-n16": "aliked/aliked-n16.pth",
    "xfeat-lighterglue": "lighterglue_L3_rebuilt/xfeat-lighterglue_L3_rebuilt.pt",
}


@dataclass(frozen=True)
class Recipe:
    """A name for the table and what to build."""

    name: str
    features: str
    matcher: MatcherConfig = field(default_factory=MatcherConfig)
    matcher_weights: str = ""  # a row of WEIGHTS_FILES, "" for what the configuration says

    def extractor(self, keypoints: int, folder: Path | None) -> Extractor:
        """For so many keypoints. Raises WeightsError when its weights are nowhere, ConfigError for an unknown name."""
        return opened_extractor(self.features, keypoints, folder)

    def opened_matcher(self, folder: Path | None) -> Matcher:
        """Raises WeightsError when its weights are nowhere."""
        config = self.matcher
        if self.matcher_weights:
            config = replace(config, weights=str(weights_path(self.matcher_weights, folder)))
        return make_matcher(config, self.features)


def recipes(features: str, config: MatcherConfig | None = None) -> list[Recipe]:
    """Everything that is compared; ``features`` are ours, matched as ``config`` says (the defaults without it)."""
    ours = config or MatcherConfig()
    nearest = MatcherConfig(name="nearest", ratio=1.0)
    ratio = replace(nearest, ratio=RATIO)
    lighter = never_early(MatcherConfig(max_layers=3))
    every = [
        Recipe(adaptive_name(features), features, ours),
        Recipe(f"{features} + lightglue, published exit", features, replace(ours, exit="published")),
        Recipe(full_name(features), features, never_early(ours)),
        Recipe(f"{features} + nearest", features, nearest),
        Recipe(f"{features} + nearest, ratio {RATIO}", features, ratio),
        Recipe(f"sift + nearest, ratio {RATIO}", "sift", ratio),
        Recipe("xfeat + nearest", "xfeat", nearest),
        Recipe("xfeat + LighterGlue, 3 layers", "xfeat", lighter, "xfeat-lighterglue"),
    ]
    return list({recipe.name: recipe for recipe in every}.values())


def never_early(config: MatcherConfig) -> MatcherConfig:
    """All layers on all points."""
    return replace(config, exit="off", depth_confidence=-1.0, width_confidence=-1.0)


def adaptive_name(features: str) -> str:
    return f"{features} + lightglue, adaptive"


def full_name(features: str) -> str:
    return f"{features} + lightglue, full depth"


def opened_extractor(features: str, keypoints: int, folder: Path | None) -> Extractor:
    """An extractor with weights from ``folder`` or the cache. Raises WeightsError or ConfigError."""
    weights = str(weights_path(features, folder)) if features in WEIGHTS_FILES else ""
    return make_extractor(FeatureConfig(name=features, max_keypoints=keypoints, weights=weights))


def weights_path(name: str, folder: Path | None) -> Path:
    """The file of a row of WEIGHTS_FILES in ``folder``, else in the cache. Raises WeightsError without one."""
    if folder is not None and (folder / WEIGHTS_FILES[name]).is_file():
        return folder / WEIGHTS_FILES[name]
    return cached_weights(name)


def split_by_weights(every: list[Recipe], folder: Path | None) -> tuple[list[Recipe], dict[str, str]]:
    """The recipes that can be cooked here, and name -> reason of those that cannot."""
    ready, missing = [], {}
    for recipe in every:
        try:
            recipe.extractor(16, folder)
            recipe.opened_matcher(folder)
        except WeightsError as error:
            missing[recipe.name] = str(error)
        else:
            ready.append(recipe)
    return ready, missing
