"""Training of the extractor: corners ranked by what views and a teacher show, descriptors by contrast. Resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

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
from slam.learning.team import Team

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
    start: Path | None = None  # checkpoint of another training, whose averaged weights this one begins with
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

    Under ``torchrun`` every process calls this, with the same options; the first one writes the files.
    Raises ConfigError when there is nothing to resume, WeightsError without the teacher's weights, SourceError when
    photographs cannot be read.
    """
    torch.set_num_threads(1)
    team = Team.joined()
    if team.leads:
        prepare_views(options, on_progress)
        recorded_views(options)
    team.wait()
    trainer = FeatureTrainer(options, team)
    trainer.run(on_progress)
    report = trainer.finish(on_progress)
    team.leave()
    return report


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

    def __init__(self, options: FeatureTrainOptions, team: Team | None = None) -> None:
        self._options = options
        self._team = team or Team.joined()
        self._rng = np.random.default_rng([options.seed, self._team.rank])
        torch.manual_seed(options.seed)
        self._scenes = ViewShards(options.out / "views" / "train")
        self._data = MixedPairs(self._scenes, recorded_views(options))
        self._held_out = ViewShards(options.out / "views" / "val")
        self._network = channels_last(first_extractor(options.start).to(self._team.device))
        self._team.agree(self._network)
        self._average = CompactNetwork().to(self._team.device)
        self._average.load_state_dict(self._network.state_dict())
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=1e-9, weight_decay=1e-4)
        self._done = Checkpoint(steps=0, pairs=0, seconds=0.0)
        if options.resume:
            self._resume()

    def run(self, on_progress: Callable[[FeatureProgress], None]) -> None:
        """Train until the time or the steps are used up."""
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self._done.seconds
        while self._share() < 1.0:
            seconds = self._step(seconds_before + time.monotonic() - started)
            pairs = self._done.pairs + self._options.batch * self._team.size
            self._done = replace(self._done, steps=self._done.steps + 1, pairs=pairs, seconds=seconds)
            if self._done.steps % LOG_EVERY == 0 and self._team.leads:
                on_progress(self._measured())
            if time.monotonic() - saved > SAVE_EVERY_S:
                saved = time.monotonic()
                self._save()
        self._save()

    def finish(self, on_progress: Callable[[FeatureProgress], None]) -> FeatureTrainReport:
        """Write the averaged weights, batch norms folded, and report."""
        progress = self._measured()
        on_progress(progress)
        path, done = self._options.out / "features.pt", self._done
        meta = {"teacher": self._options.teacher, "steps": done.steps, "pairs": done.pairs, "seed": self._options.seed}
        if self._team.leads:
            save_weights(path, folded(self._average.cpu()), meta)
        self._team.wait()
        return FeatureTrainReport(path, self._log, done.steps, done.pairs, done.seconds / 60, progress.figures)

    @property
    def _log(self) -> Path:
        return self._options.out / "log.jsonl"

    def _share(self) -> float:
        """How much of the training is over, 0 to 1."""
        by_time = self._done.seconds / (60 * self._options.minutes)
        by_steps = self._done.steps / self._options.steps if self._options.steps else 0.0
        return max(by_time, by_steps)

    def _step(self, seconds: float) -> float:
        """One step; the time that the team counts."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        batch = feature_batch(self._data, self._options.batch, self._rng)
        self._network.train()
        detection, description = feature_losses(self._network, self._team.here(batch))
        self._optimizer.zero_grad(set_to_none=True)
        (detection + description).backward()
        (seconds,) = self._team.average(self._network, (seconds,))
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self._follow()
        return seconds

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
        figures = measured_features(self._average, self._team.here(batch))
        rate = self._done.pairs / max(self._done.seconds, 1e-9)
        progress = FeatureProgress("training", self._done.steps, min(1.0, self._share()), rate, figures)
        if self._team.leads:
            with self._log.open("a") as stream:
                line = {"step": progress.step, "pairs_per_s": round(rate, 1), "seconds": round(self._done.seconds, 1)}
                stream.write(json.dumps(line | figures) + "\n")
        return progress

    def _save(self) -> None:
        self._scenes.rescan()
        path = self._options.out / "checkpoint.pt"
        if self._team.leads:
            save_checkpoint(path, self._done, self._network, self._average, self._optimizer, self._rng)

    def _resume(self) -> None:
        path = self._options.out / "checkpoint.pt"
        if not path.is_file():
            raise ConfigError(
                f"resume: no checkpoint {path}; start without resume, or give the folder of the first run"
            )
        self._done = load_checkpoint(path, self._network, self._average, self._optimizer, self._rng)
        if not self._team.leads:
            self._rng = np.random.default_rng([self._options.seed, self._team.rank, self._done.steps])


def recorded_views(options: FeatureTrainOptions) -> list[RecordedViews]:
    """The recordings' views; the teacher is only made when there are recordings. Raises SourceError, WeightsError."""
    if not options.recordings:
        return []
    teacher = make_teacher(options)
    return [RecordedViews(path, teacher, options.out / "views") for path in options.recordings]


def first_extractor(start: Path | None) -> CompactNetwork:
    """A fresh network, or the averaged one of a checkpoint as far as it fits. Raises ConfigError without the file."""
    network = CompactNetwork()
    if start is None:
        return network
    if not start.is_file():
        raise ConfigError(f"start: no checkpoint {start}; give the checkpoint.pt of a training's folder")
    own = network.state_dict()
    given = torch.load(start, map_location="cpu", weights_only=True)["average"]
    own.update({name: value for name, value in given.items() if name in own and value.shape == own[name].shape})
    network.load_state_dict(own)
    return network
