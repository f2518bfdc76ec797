"""Training of the matcher: LightGlue's recipe, small, on one core. Resumable; the schedule follows the clock."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from slam.config import FeatureConfig
from slam.errors import ConfigError
from slam.learning.cache import SCENES_PER_SHARD, build_shard, photographs
from slam.learning.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slam.learning.confidence import train_confidence
from slam.learning.losses import Truth, assignment_loss, ground_truth
from slam.learning.measure import measured
from slam.learning.mixture import Mixture
from slam.learning.options import Progress, TrainOptions, TrainReport
from slam.learning.start import fresh_network
from slam.matching.lightglue import NetworkShape
from slam.matching.weights import save_weights

AVERAGING = 0.999  # of the weights, per step
SAVE_EVERY_S = 60.0
LOG_EVERY = 25
LAYERS_PER_STEP = 3  # layers that are looked at in a step: the last one and others at random


def train_matcher(options: TrainOptions, on_progress: Callable[[Progress], None] = lambda _: None) -> TrainReport:
    """Train a matcher and write ``matcher.pt`` with its log into ``options.out``.

    Raises ConfigError when resuming with other sizes, SourceError when photographs or recordings cannot be read.
    """
    torch.set_num_threads(1)
    prepare_features(options, on_progress)
    trainer = Trainer(options)
    trainer.run(on_progress)
    return trainer.finish(on_progress)


def prepare_features(options: TrainOptions, on_progress: Callable[[Progress], None]) -> None:
    """Fill the cache up to ``options.scenes``; shards that are there already stay."""
    missing = [(path, scenes) for path, scenes in shard_plan(options) if not path.exists()]
    if not missing:
        return
    photos = photographs(options.images, options.out / "images")
    features = FeatureConfig(name=options.features, max_keypoints=options.keypoints)
    for i, (path, scenes) in enumerate(missing):
        build_shard(path, photos[path.parent.name], features, _shard_seed(options.seed, path), scenes)
        on_progress(Progress("features", i + 1, (i + 1) / len(missing), 0.0, math.nan, math.nan, math.nan))


def shard_plan(options: TrainOptions) -> list[tuple[Path, int]]:
    """The shards of the cache and the scenes in each; the held-out one first."""
    cache, total = options.out / "cache", options.scenes
    plan = [(cache / "val" / "shard_0000.npy", max(2, min(total // 20, 100)))]
    for i, start in enumerate(range(0, total, SCENES_PER_SHARD)):
        plan.append((cache / "train" / f"shard_{i:04d}.npy", min(SCENES_PER_SHARD, total - start)))
    return plan


class Trainer:
    """One training run: network, optimiser, and the clock that the learning rate follows."""

    def __init__(self, options: TrainOptions) -> None:
        self._options = options
        self._rng = np.random.default_rng(options.seed)
        torch.manual_seed(options.seed)
        self._data = Mixture(options.out / "cache" / "train", options.recordings, options.features, options.batch)
        self._held_out = Mixture(options.out / "cache" / "val", (), options.features, options.batch)
        shape = NetworkShape(options.width, options.heads, options.layers, self._data.descriptor_dim)
        self._network = fresh_network(shape, self._data.scenes.descriptors(views=64))
        self._average = fresh_network(shape, self._data.scenes.descriptors(views=64))
        self._average.load_state_dict(self._network.state_dict())
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=1e-9, weight_decay=1e-4, betas=(0.9, 0.98))
        self._done = Checkpoint(steps=0, pairs=0, seconds=0.0)
        if options.resume:
            self._resume()

    def run(self, on_progress: Callable[[Progress], None]) -> None:
        """Train until the time or the steps are used up."""
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self._done.seconds
        while self._share() < 1.0:
            size = self._step()
            now = time.monotonic()
            self._done = replace(
                self._done,
                steps=self._done.steps + 1,
                pairs=self._done.pairs + size,
                seconds=seconds_before + now - started,
            )
            if self._done.steps % LOG_EVERY == 0:
                on_progress(self._measured("matching"))
            if now - saved > SAVE_EVERY_S:
                saved = now
                self._save()
        self._save()

    def finish(self, on_progress: Callable[[Progress], None]) -> TrainReport:
        """Train the confidences on the averaged weights, write the weights file, and report."""
        train_confidence(self._average, self._data, self._rng, batches=min(max(self._done.steps // 20, 8), 400))
        progress = self._measured("confidence")
        on_progress(progress)
        path = self._options.out / "matcher.pt"
        done = self._done
        meta = {
            "features": self._options.features,
            "steps": done.steps,
            "pairs": done.pairs,
            "seed": self._options.seed,
        }
        save_weights(path, self._average, meta, half=True)
        return TrainReport(
            path,
            self._log,
            done.steps,
            done.pairs,
            done.seconds / 60,
            progress.loss,
            progress.recall,
            progress.precision,
        )

    @property
    def _log(self) -> Path:
        return self._options.out / "log.jsonl"

    def _share(self) -> float:
        """How much of the matching stage is over, 0 to 1."""
        by_time = self._done.seconds / (0.9 * 60 * self._options.minutes)
        by_steps = self._done.steps / self._options.steps if self._options.steps else 0.0
        return max(by_time, by_steps)

    def _step(self) -> int:
        batch, split = self._data.batch(self._rng)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        truth = ground_truth(batch)
        loss = self._loss(batch, split, truth)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._follow()
        return len(batch["xy_a"])

    def _loss(self, batch: dict[str, Tensor], split: int, truth: Truth) -> Tensor:
        last = self._options.layers - 1
        others = self._rng.permutation(last)[: LAYERS_PER_STEP - 1]
        with torch.autocast("cpu", torch.bfloat16):
            states = self._network.states(batch["xy"], batch["descriptors"], split)
            parts = [assignment_loss(self._network.head(i), states[i], split, truth) for i in (last, *others)]
        return torch.stack([positive + negative for positive, negative in parts]).mean() / 2

    def _learning_rate(self) -> float:
        warm = min(1.0, (self._done.steps + 1) / 200)
        return (
            self._options.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, self._share()))))
        )

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(AVERAGING, (1 + self._done.steps) / (10 + self._done.steps))
        for mean, value in zip(self._average.parameters(), self._network.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)

    def _measured(self, stage: str) -> Progress:
        """Loss, recall and precision of the averaged weights' last layer on a batch of held-out pairs; logged."""
        batch, split = self._held_out.batch(np.random.default_rng(self._done.steps // LOG_EVERY % 16))
        loss, recall, precision = measured(self._average, batch, split)
        rate = self._done.pairs / max(self._done.seconds, 1e-9)
        progress = Progress(stage, self._done.steps, min(1.0, self._share()), rate, loss, recall, precision)
        with self._log.open("a") as stream:
            stream.write(json.dumps({**asdict(progress), "seconds": round(self._done.seconds, 1)}) + "\n")
        return progress

    def _save(self) -> None:
        self._data.rescan()
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


def _shard_seed(seed: int, path: Path) -> int:
    return seed * 100_000 + int(path.stem.rsplit("_", 1)[1]) + (50_000 if path.parent.name == "val" else 0)
