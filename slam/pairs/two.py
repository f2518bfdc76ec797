"""Two pictures matched, with every figure that a person wants to see."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from slam.camera import Camera
from slam.config import SlamConfig
from slam.features import make_extractor
from slam.matching import Matcher, make_matcher
from slam.matching.tracing import Trace, TracingMatcher, traced
from slam.pairs.picture import Picture, described, read_picture
from slam.pairs.verify import check_model, inliers
from slam.types import Bool, Features

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class PairMatch:
    """What was found between two pictures."""

    a: Picture
    b: Picture
    features_a: Features
    features_b: Features
    trace: Trace
    num_layers: int
    exit_note: str  # which exit rule, "" for a matcher without layers
    inlier: Bool | None  # (K,) None where nothing was verified
    model: str  # verified by, "" for nothing
    ms: dict[str, float]  # stage -> milliseconds; the second of two calls, with nothing else going on

    def rows(self) -> list[tuple[str, str]]:
        """Names and values for the terminal."""
        matches, total = self.trace.matches, len(self.features_a) + len(self.features_b)
        rows = [
            ("keypoints", f"{len(self.features_a)} and {len(self.features_b)}"),
            ("matches", str(len(matches))),
        ]
        if self.num_layers:
            rows += [
                ("exit layer", f"{matches.exit_layer} of {self.num_layers}{_emptied(self.trace)}"),
                ("exit rule", self.exit_note),
                ("pruned", f"{100 * matches.pruned:.1f} % of {total} points"),
            ]
        if self.inlier is not None:
            rows.append((f"inliers ({self.model})", f"{self.inlier.sum()}{_share(self.inlier)}"))
        rows += [(f"ms {stage}", f"{value:.1f}") for stage, value in self.ms.items()]
        return rows


def match_two(
    path_a: Path,
    path_b: Path,
    config: SlamConfig,
    resize_px: int = 0,
    verify: str = "",
    camera: Camera | None = None,
) -> PairMatch:
    """Match two image files. ``verify`` names the model whose inliers are counted, "" none; ``camera`` took both.

    Raises SourceError for an image, ConfigError or WeightsError for what the configuration asks for.
    """
    if verify:
        check_model(verify, camera)
    a, b = read_picture(path_a), read_picture(path_b)
    extractor, matcher = make_extractor(config.features), tracing_matcher(config)
    ms: dict[str, float] = {}
    features_a = _timed(ms, "features of A", described, extractor, a.grey, resize_px)
    features_b = _timed(ms, "features of B", described, extractor, b.grey, resize_px)
    _timed(ms, "matching", matcher.match, features_a.view(), features_b.view())
    trace = traced(matcher, features_a.view(), features_b.view())
    inlier = None
    if verify:
        at = trace.matches
        inlier = inliers(verify, features_a.xy[at.index_a], features_b.xy[at.index_b], camera)
    note = getattr(matcher, "exit_note", "")
    return PairMatch(a, b, features_a, features_b, trace, matcher.num_layers, note, inlier, verify, ms)


def tracing_matcher(config: SlamConfig) -> Matcher:
    """The matcher that the configuration asks for, able to tell its story where it has layers."""
    if config.matcher.name == "lightglue":
        return TracingMatcher.from_config(config.matcher, config.features.name)
    return make_matcher(config.matcher, config.features.name)


def with_keypoints(config: SlamConfig, keypoints: int | None) -> SlamConfig:
    """The configuration with so many keypoints per picture; None leaves it."""
    if keypoints is None:
        return config
    return replace(config, features=replace(config.features, max_keypoints=keypoints))


def _timed(ms: dict[str, float], stage: str, make: Callable[..., Made], *arguments: Any) -> Made:
    make(*arguments)
    start = time.perf_counter()
    made = make(*arguments)
    ms[stage] = 1e3 * (time.perf_counter() - start)
    return made


def _share(inlier: Bool) -> str:
    return f", {100 * np.mean(inlier):.1f} % of the matches" if len(inlier) else ""


def _emptied(trace: Trace) -> str:
    return ", no point was left" if trace.matches.emptied else ""
