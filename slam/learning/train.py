"""Training of the matcher: LightGlue's recipe, small. Resumable; the schedule follows the clock."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from slam.errors import ConfigError
from slam.learning.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slam.learning.confidence import train_confidence
from slam.learning.losses import LayerAnswer, Truth, agreement_loss, assignment_loss, ground_truth
from slam.learning.measure import measured
from slam.learning.mixture import Mixture
from slam.learning.options import Progress, TrainOptions, TrainReport
from slam.learning.prepare import feature_config, prepare_features
from slam.learning.start import first_network, without_confidence
from slam.learning.team import Team
from slam.matching.lightglue import KINDS
from slam.matching.weights import save_weights

AVERAGING = 0.999  # of the weights, per step
SAVE_EVERY_S = 60.0
LOG_EVERY = 25
LAYERS_PER_STEP = 3  # layers that are looked at in a step: the last one and others at random
AGREE_FROM = 0.2  # share of the training from which earlier layers also learn to say what the last one says
AGREEMENT = 2.0  # weight of that
STAGES = ("all", "matching", "confidence")


def train_matcher(options: TrainOptions, on_progress: Callable[[Progress], None] = lambda _: None) -> TrainReport:
    """Train a matcher and write ``matcher.pt`` with its log into ``options.out``.

    Under ``torchrun`` every process calls this, with the same options; the first one writes the files.
    Raises ConfigError for options that contradict each other and when resuming with other sizes, SourceError when
    photographs or recordings cannot be read, WeightsError when ``options.weights`` is no matcher.
    """
    _check(options)
    torch.set_num_threads(1)
    team = Team.joined()
    prepare_features(options, team, on_progress)
    trainer = Trainer(options, team)
    if options.stage != "confidence":
        trainer.run(on_progress)
    report = trainer.finish(on_progress)
    team.leave()
    return report


def _check(options: TrainOptions) -> None:
    for name, value, known in (("stage", options.stage, STAGES), ("kind", options.kind, KINDS)):
        if value not in known:
            raise ConfigError(f"{name}: unknown {name} '{value}'; known: {', '.join(known)}")
    if options.width % 4:
        raise ConfigError(f"width: must be a multiple of four, got {options.width}")


class Trainer:
    """One training run: network, optimiser, and the clock that the learning rate follows."""

    def __init__(self, options: TrainOptions, team: Team | None = None) -> None:
        self._options = options
        self._team = team or Team.joined()
        self._rng = np.random.default_rng([options.seed, self._team.rank])
        torch.manual_seed(options.seed)
        cache, features = options.out / "cache", feature_config(options)
        self._data = Mixture(cache / "train", options.recordings, features, options.batch)
        self._held_out = Mixture(cache / "val", (), features, options.batch)
        self._network = first_network(options, self._data.scenes).to(self._team.device)
        self._team.agree(self._network)
        self._average = first_network(options, self._data.scenes).to(self._team.device)
        self._average.load_state_dict(self._network.state_dict())
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=1e-9, weight_decay=1e-4, betas=(0.9, 0.98))
        self._done = Checkpoint(steps=0, pairs=0, seconds=0.0)
        if options.resume:
            self._resume()

    def run(self, on_progress: Callable[[Progress], None]) -> None:
        """Train until the time or the steps are used up."""
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self._done.seconds
        while self._share() < 1.0:
            seconds, pairs = self._step(seconds_before + time.monotonic() - started)
            self._done = Checkpoint(self._done.steps + 1, self._done.pairs + pairs, seconds)
            if self._done.steps % LOG_EVERY == 0 and self._team.leads:
                on_progress(self._measured("matching"))
            if time.monotonic() - saved > SAVE_EVERY_S:
                saved = time.monotonic()
                self._save()
        self._save()

    def finish(self, on_progress: Callable[[Progress], None]) -> TrainReport:
        """Train the confidences on the averaged weights unless told otherwise, write the weights file, and report."""
        if self._options.stage == "matching":
            self._average = without_confidence(self._average)
        else:
            train_confidence(self._average, self._data, self._rng, self._confidence_batches(), self._team)
        progress = self._measured(self._options.stage if self._options.stage != "all" else "confidence")
        on_progress(progress)
        path, done = self._options.out / "matcher.pt", self._done
        meta = {name: getattr(self._options, name) for name in ("features", "seed", "kind", "stage")}
        if self._team.leads:
            save_weights(path, self._average, {**meta, "steps": done.steps, "pairs": done.pairs}, half=True)
        self._team.wait()
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

    def _confidence_batches(self) -> int:
        if self._options.stage == "confidence":
            return self._options.steps or 400
        return min(max(self._done.steps // 20, 8), 400)

    def _share(self) -> float:
        """How much of the matching stage is over, 0 to 1."""
        matching = 0.9 if self._options.stage == "all" else 1.0
        by_time = self._done.seconds / (matching * 60 * self._options.minutes)
        by_steps = self._done.steps / self._options.steps if self._options.steps else 0.0
        return max(by_time, by_steps)

    def _step(self, seconds: float) -> tuple[float, int]:
        """One step; the time and the pairs that the team counts."""
        batch, split = self._data.batch(self._rng)
        batch = self._team.here(batch)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        loss = self._loss(batch, split, ground_truth(batch))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        seconds, pairs = self._team.average(self._network, (seconds, len(batch["xy_a"])))
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._follow()
        return seconds, round(pairs * self._team.size)

    def _loss(self, batch: dict[str, Tensor], split: int, truth: Truth) -> Tensor:
        last = self._network.shape.layers - 1
        others = np.random.default_rng([self._options.seed, self._done.steps]).permutation(last)[: LAYERS_PER_STEP - 1]
        prior = self._network.log_prior(batch["xy"], batch["sigma"], split)
        with torch.autocast(self._team.device.type, torch.bfloat16):
            states = self._network.states(batch["xy"], batch["descriptors"], split, prior)
            said = [LayerAnswer.of(self._network.head(i), states[i], split, prior) for i in (last, *others)]
        right = torch.stack([torch.stack(assignment_loss(answer, truth)).sum() for answer in said]).mean() / 2
        if self._share() < AGREE_FROM:
            return right
        return right + AGREEMENT * torch.stack([agreement_loss(answer, said[0]) for answer in said[1:]]).mean()

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
        loss, recall, precision = measured(self._average, self._team.here(batch), split)
        rate = self._done.pairs / max(self._done.seconds, 1e-9)
        progress = Progress(stage, self._done.steps, min(1.0, self._share()), rate, loss, recall, precision)
        if self._team.leads:
            with self._log.open("a") as stream:
                stream.write(json.dumps({**asdict(progress), "seconds": round(self._done.seconds, 1)}) + "\n")
        return progress

    def _save(self) -> None:
        self._data.rescan()
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
