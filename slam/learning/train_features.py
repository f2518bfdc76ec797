"""Training of the extractor: a teacher's keypoints distilled, descriptors by contrast. Resumable; follows the clock."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from slam.config import FeatureConfig
from slam.errors import ConfigError
from slam.features import Extractor, make_extractor
from slam.features.earlybird import CompactNetwork, channels_last, folded
from slam.features.network import save_weights
from slam.learning.cache import photographs
from slam.learning.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slam.learning.feature_losses import feature_losses, measured_features
from slam.learning.feature_pairs import MixedPairs, ViewShards, feature_batch
from slam.learning.feature_recordings import RecordedViews
from slam.learning.feature_views import MOST_KEYPOINTS, SCENES_PER_SHARD, build_view_shard

AVERAGING = 0.998  # of the weights, per step
SAVE_EVERY_S = 60.0
LOG_EVERY = 50


@dataclass(frozen=True)
class FeatureTrainOptions:
    """What to train the extractor on, and for how long."""

    images: Path  # folder or tar of photographs, with manifest.csv (file, split) or without
    out: Path  # folder for the views, checkpoint, log and weights
    recordings: tuple[Path, ...] = ()  # RGB-D recordings in TUM layout with ground truth, rendered or real
    teacher: str = "aliked-n16"  # whose keypoints to learn
    teacher_weights: str = ""  # file, "" for the downloaded one
    scenes: int = 3000  # synthetic, of four views each
    minutes: float = 40.0  # of training, the rendering of views not counted
    steps: int = 0  # ends the training earlier when not 0
    batch: int = 12  # pairs per step
    learning_rate: float = 4e-3
    seed: int = 0
    resume: bool = False


@dataclass(frozen=True)
class FeatureProgress:
    """Where the training stands."""

    stage: str  # "views" or "training"
    step: int
    share: float  # of the stage, 0 to 1
    pairs_per_s: float
    figures: dict[str, float]  # of held-out pairs, see ``measured_features``


@dataclass(frozen=True)
class FeatureTrainReport:
    """What a training made."""

    weights: Path
    log: Path
    steps: int
    pairs: int
    minutes: float
    figures: dict[str, float]


def train_features(
    options: FeatureTrainOptions, on_progress: Callable[[FeatureProgress], None] = lambda _: None
) -> FeatureTrainReport:
    """Train an extractor and write ``features.pt`` with its log into ``options.out``.

    Raises ConfigError when there is nothing to resume, WeightsError without the teacher's weights, SourceError when
    photographs cannot be read.
    """
    torch.set_num_threads(1)
    prepare_views(options, on_progress)
    trainer = FeatureTrainer(options)
    trainer.run(on_progress)
    return trainer.finish(on_progress)


def prepare_views(options: FeatureTrainOptions, on_progress: Callable[[FeatureProgress], None]) -> None:
    """Render views and find the teacher's keypoints, up to ``options.scenes``; shards that are there already stay."""
    missing = [(path, scenes) for path, scenes in view_plan(options) if not path.exists()]
    if not missing:
        return
    photos = photographs(options.images, options.out / "images")
    teacher = make_teacher(options)
    for i, (path, scenes) in enumerate(missing):
        split, number = path.parent.name, int(path.stem.rsplit("_", 1)[1])
        seed = options.seed * 100_000 + number + (50_000 if split == "val" else 0)
        build_view_shard(path, photos[split], teacher, seed, scenes)
        on_progress(FeatureProgress("views", i + 1, (i + 1) / len(missing), 0.0, {}))


def make_teacher(options: FeatureTrainOptions) -> Extractor:
    """The extractor whose keypoints are learnt. Raises ConfigError or WeightsError.

    SuperPoint may not teach: its licence claims what is derived from its weights.
    """
    if options.teacher == "superpoint":
        raise ConfigError("teacher: superpoint's licence is non-commercial and reaches its pupils; use aliked-n16")
    config = FeatureConfig(name=options.teacher, weights=options.teacher_weights, max_keypoints=MOST_KEYPOINTS)
    return make_extractor(config)


def view_plan(options: FeatureTrainOptions) -> list[tuple[Path, int]]:
    """The shards of views and the scenes in each; the held-out one first."""
    folder, total = options.out / "views", options.scenes
    plan = [(folder / "val" / "shard_0000.npy", max(2, min(total // 20, 40)))]
    for i, start in enumerate(range(0, total, SCENES_PER_SHARD)):
        plan.append((folder / "train" / f"shard_{i:04d}.npy", min(SCENES_PER_SHARD, total - start)))
    return plan


class FeatureTrainer:
    """One training run: network, its running average, optimiser, and the clock that the learning rate follows."""

    def __init__(self, options: FeatureTrainOptions) -> None:
        self._options = options
        self._rng = np.random.default_rng(options.seed)
        torch.manual_seed(options.seed)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._scenes = ViewShards(options.out / "views" / "train")
        self._data = MixedPairs(self._scenes, recorded_views(options))
        self._held_out = ViewShards(options.out / "views" / "val")
        self._network = channels_last(fresh_extractor().to(self._device))
        self._average = fresh_extractor().to(self._device)
        self._average.load_state_dict(self._network.state_dict())
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=1e-9, weight_decay=1e-4)
        self._done = Checkpoint(steps=0, pairs=0, seconds=0.0)
        if options.resume:
            self._resume()

    def run(self, on_progress: Callable[[FeatureProgress], None]) -> None:
        """Train until the time or the steps are used up."""
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self._done.seconds
        while self._share() < 1.0:
            self._step()
            now = time.monotonic()
            self._done = replace(
                self._done,
                steps=self._done.steps + 1,
                pairs=self._done.pairs + self._options.batch,
                seconds=seconds_before + now - started,
            )
            if self._done.steps % LOG_EVERY == 0:
                on_progress(self._measured())
            if now - saved > SAVE_EVERY_S:
                saved = now
                self._save()
        self._save()

    def finish(self, on_progress: Callable[[FeatureProgress], None]) -> FeatureTrainReport:
        """Write the averaged weights, batch norms folded, and report."""
        progress = self._measured()
        on_progress(progress)
        path, done = self._options.out / "features.pt", self._done
        meta = {"teacher": self._options.teacher, "steps": done.steps, "pairs": done.pairs, "seed": self._options.seed}
        save_weights(path, folded(self._average.cpu()), meta)
        return FeatureTrainReport(path, self._log, done.steps, done.pairs, done.seconds / 60, progress.figures)

    @property
    def _log(self) -> Path:
        return self._options.out / "log.jsonl"

    def _share(self) -> float:
        """How much of the training is over, 0 to 1."""
        by_time = self._done.seconds / (60 * self._options.minutes)
        by_steps = self._done.steps / self._options.steps if self._options.steps else 0.0
        return max(by_time, by_steps)

    def _step(self) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        batch = feature_batch(self._data, self._options.batch, self._rng)
        batch = {name: value.to(self._device) for name, value in batch.items()}
        self._network.train()
        detection, description = feature_losses(self._network, batch)
        self._optimizer.zero_grad(set_to_none=True)
        (detection + description).backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self._follow()

    def _learning_rate(self) -> float:
        warm = min(1.0, (self._done.steps + 1) / 200)
        return self._options.learning_rate * warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * self._share())))

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(AVERAGING, (1 + self._done.steps) / (10 + self._done.steps))
        values = self._network.state_dict()
        for name, mean in self._average.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(values[name], 1 - keep)

    def _measured(self) -> FeatureProgress:
        """Figures of the averaged weights on a batch of held-out pairs, always of the same few; logged."""
        batch = feature_batch(self._held_out, 16, np.random.default_rng(self._done.steps // LOG_EVERY % 4))
        figures = measured_features(self._average, {name: value.to(self._device) for name, value in batch.items()})
        rate = self._done.pairs / max(self._done.seconds, 1e-9)
        progress = FeatureProgress("training", self._done.steps, min(1.0, self._share()), rate, figures)
        with self._log.open("a") as stream:
            line = {"step": progress.step, "pairs_per_s": round(rate, 1), "seconds": round(self._done.seconds, 1)}
            stream.write(json.dumps(line | figures) + "\n")
        return progress

    def _save(self) -> None:
        self._scenes.rescan()
        save_checkpoint(
            self._options.out / "checkpoint.pt", self._done, self._network, self._average, self._optimizer, self._rng
        )

    def _resume(self) -> None:
        path = self._options.out / "checkpoint.pt"
        if not path.is_file():
            raise ConfigError(
                f"resume: no checkpoint {path}; start without resume, or give the folder of the first run"
            )
        self._done = load_checkpoint(path, self._network, self._average, self._optimizer, self._rng)


def recorded_views(options: FeatureTrainOptions) -> list[RecordedViews]:
    """The recordings' views; the teacher is only made when there are recordings. Raises SourceError, WeightsError."""
    if not options.recordings:
        return []
    teacher = make_teacher(options)
    return [RecordedViews(path, teacher, options.out / "views") for path in options.recordings]


def fresh_extractor() -> CompactNetwork:
    """A network that finds keypoints nowhere at first, because they are rare."""
    network = CompactNetwork()
    bias = network.detect[1].bias
    torch.nn.init.constant_(cast(Tensor, bias), -4.0)
    return network
