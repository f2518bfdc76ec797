"""What a training is told, what it tells while it runs, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainOptions:
    """What to train on, what to train, and for how long."""

    images: Path  # folder or tar of photographs, with manifest.csv (file, split) or without
    out: Path  # folder for the cache of features, checkpoint, log and weights
    recordings: tuple[Path, ...] = ()  # RGB-D recordings in TUM layout with ground truth, rendered or real
    features: str = "earlybird"  # a row of slam.features.FEATURES
    feature_weights: str = ""  # of the extractor, "" for those that belong to its name
    keypoints: int = 512  # extracted per view
    scenes: int = 4000  # synthetic, of four views each, in the cache
    minutes: float = 80.0  # of training, the cache not counted; the last tenth goes to the confidences
    steps: int = 0  # ends the training earlier when not 0
    stage: str = "all"  # "matching", "confidence" or both
    weights: Path | None = None  # a matcher to start from; the confidence stage alone needs one
    kind: str = "lean"  # of the layers: "lean" or "lightglue"
    width: int = 64
    heads: int = 1  # of lightglue's layers
    layers: int = 6
    batch: int = 8  # pairs of 256 points in every process; fewer when there are more points
    learning_rate: float = 2e-3  # at most: it warms up and follows half a cosine
    seed: int = 0
    resume: bool = False


@dataclass(frozen=True)
class Progress:
    """Where the training stands."""

    stage: str  # "features", "matching" or "confidence"
    step: int
    share: float  # of the whole training, 0 to 1
    pairs_per_s: float  # of all processes together
    loss: float  # of the last layer
    recall: float  # of true matches, last layer
    precision: float  # of the last layer's matches, among points with a known answer


@dataclass(frozen=True)
class TrainReport:
    """What a training made."""

    weights: Path
    log: Path
    steps: int
    pairs: int
    minutes: float
    loss: float
    recall: float
    precision: float

    @property
    def pairs_per_s(self) -> float:
        """Over the whole matching stage, of all processes together."""
        return self.pairs / max(60 * self.minutes, 1e-9)
