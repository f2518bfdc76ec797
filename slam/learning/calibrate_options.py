"""What to calibrate, and on what."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from slam.errors import ConfigError
from slam.matching.calibration import GROUPS
from slam.matching.calibration_risk import TESTS

Case = tuple[int, str]  # keypoints per view, group of pairs


@dataclass(frozen=True)
class CalibrateOptions:
    """The settings of ``slam calibrate-exit``."""

    images: Path | None = None  # photographs (folder or tar), or a folder of shards
    recordings: tuple[Path, ...] = ()  # TUM layout with depth and ground truth
    features: str = "earlybird"
    extractor_weights: str = ""  # "" for those that come with the features
    weights: Path | None = None  # of the matcher, None for those that come with the features
    keypoints: tuple[int, ...] = (512,)
    eps: tuple[float, ...] = (0.01, 0.02, 0.05)
    delta: float = 0.05
    test: str = "hb"
    scenes: int = 600  # synthetic ones to make of held-out photographs
    pairs: int = 4  # per sequence
    seed: int = 0
    processes: int = 1  # that share the work
    cache: Path = Path("training/calibration")  # features of scenes and recordings
    out: Path | None = None  # None for beside the weights

    @property
    def cases(self) -> list[Case]:
        """What gets a path of its own: every keypoint count with every group of pairs."""
        return list(itertools.product(self.keypoints, GROUPS))


def check_options(options: CalibrateOptions) -> None:
    """Raises ConfigError for options that make no sense."""
    if options.images is None and not options.recordings:
        raise ConfigError("calibrate-exit: nothing to calibrate on; give photographs or shards, or --recording FOLDER")
    if options.test not in TESTS:
        raise ConfigError(f"calibrate-exit: --test must be one of {', '.join(TESTS)}, got '{options.test}'")
    for name, values in {"--eps": options.eps, "--delta": (options.delta,)}.items():
        if not values or not all(0.0 < value < 1.0 for value in values):
            raise ConfigError(f"calibrate-exit: {name} must lie between 0 and 1, got {values}")
    least = min((*options.keypoints, options.pairs, options.scenes, options.processes), default=0)
    if least < 1 or not options.keypoints:
        raise ConfigError("calibrate-exit: --keypoints, --pairs, --scenes and --processes must be at least 1")
