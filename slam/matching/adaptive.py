"""Matching with LightGlue's network, layer by layer, until the answer is clear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from slam.config import MatcherConfig
from slam.errors import WeightsError
from slam.matching import packaged_weights
from slam.matching.calibration import group_of
from slam.matching.early_exit import ExitChoice, ExitPolicy, chosen_exit, is_sure, shows_enough, staying
from slam.matching.lightglue import LightGlue
from slam.matching.pace import Countdown, Pace
from slam.matching.runtime import Runtime, make_runtime
from slam.matching.runtime_torch import TorchRuntime
from slam.matching.runtime_torch import sigma as sigma  # the calibration looks at states layer by layer with these
from slam.matching.runtime_torch import tokens as tokens
from slam.matching.weights import load_network, what_is_missing
from slam.types import Bool, Int64, Matches, MatchView


@dataclass(frozen=True, eq=False)
class Matching:
    """A pair on its way through the layers."""

    state: Any  # the runtime's
    of_a: Int64  # (M,) the points that are left
    of_b: Int64  # (N,)
    total: int  # points there were
    policy: ExitPolicy
    last: int  # layer that ends the matching at the latest, from 0

    @property
    def pruned(self) -> float:
        return 1.0 - self.points / self.total

    @property
    def points(self) -> int:
        """How many are left in both views."""
        return len(self.of_a) + len(self.of_b)


class LightGlueMatcher:
    """Matches two views on one thread, float32, deterministically."""

    def __init__(
        self,
        network: LightGlue,
        exits: ExitPolicy | ExitChoice,
        filter_threshold: float = 0.1,
        runtime: Runtime | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._network = network.eval().requires_grad_(False)
        self._exits = exits
        self._filter_threshold = filter_threshold
        self._runtime = runtime or TorchRuntime(network)
        self._pace = pace or Pace()
        self._ends_at = frozenset(network.shape.assignment_layers)
        self._knows_at = frozenset(network.shape.confidence_layers)

    @classmethod
    def from_config(cls, config: MatcherConfig, feature_name: str) -> LightGlueMatcher:
        """With the weights of ``config``, or those that come with the features. Raises WeightsError, ConfigError."""
        weights = Path(config.weights) if config.weights else packaged_weights(feature_name)
        network = load_network(weights)
        exits = chosen_exit(config, weights, network.shape.layers)
        return cls(network, exits, config.filter_threshold, make_runtime(config.runtime, network))

    @property
    def num_layers(self) -> int:
        return self._network.shape.layers

    @property
    def missing(self) -> str:
        """What the weights lack, in words; "" when they are complete."""
        return what_is_missing(self._network.shape)

    @property
    def runtime(self) -> str:
        """Which runtime does the arithmetic."""
        return self._runtime.name

    @property
    def exit_note(self) -> str:
        """Which exit rule is used, and why not the one asked for."""
        return self._exits.note

    def with_exits(self, exits: ExitPolicy | ExitChoice) -> LightGlueMatcher:
        """A matcher of the same network with another exit rule: full depth for an audit, or what the audit chose."""
        return LightGlueMatcher(self._network, exits, self._filter_threshold, self._runtime, self._pace)

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0, budget_ms: float = math.inf) -> Matches:
        """Correspondences of two views; at most ``max_layers`` layers are run (0: as configured).

        Where the weights have no assignment head after that layer, the next layer that has one ends the matching.
        With a budget it ends, ``hurried``, at the first layer with a head after which the time left does not suffice
        for the next one; only then does the answer depend on the clock.
        Raises WeightsError when the descriptors have another length than the network's.
        """
        countdown = Countdown(self._pace, budget_ms) if budget_ms < math.inf else None
        return self._matched([(a, b)], max_layers, countdown)[0]

    def match_many(self, pairs: Sequence[tuple[MatchView, MatchView]], *, max_layers: int = 0) -> list[Matches]:
        """The matches of every pair, bit for bit those of ``match``: each leaves and is pruned by itself.

        The layers take all pairs that are still on their way together. Raises WeightsError as ``match`` does.
        """
        return self._matched(pairs, max_layers)

    def _matched(
        self, pairs: Sequence[tuple[MatchView, MatchView]], max_layers: int, countdown: Countdown | None = None
    ) -> list[Matches]:
        for pair in pairs:
            self._check_length(*pair)
        found = [Matches.none()] * len(pairs)
        with torch.inference_mode():
            running = self._begun(pairs, max_layers)
            if countdown is not None:
                countdown.begun()
            for layer in range(self.num_layers):
                states = self._runtime.layer(layer, [m.state for m in running.values()]) if running else []
                for i, state in zip(list(running), states, strict=True):
                    step = self._after(layer, replace(running[i], state=state), countdown)
                    if isinstance(step, Matches):
                        found[i] = step
                        del running[i]
                    else:
                        running[i] = step
        return found

    def _begun(self, pairs: Sequence[tuple[MatchView, MatchView]], max_layers: int) -> dict[int, Matching]:
        """The pairs that have points on both sides, by position."""
        chosen = {i: pair for i, pair in enumerate(pairs) if len(pair[0].xy) and len(pair[1].xy)}
        states = self._runtime.begin(list(chosen.values()))
        running = {}
        for (i, (a, b)), state in zip(chosen.items(), states, strict=True):
            m, n = len(a.xy), len(b.xy)
            policy = self._exits.for_pair((m + n) / 2, group_of(a))
            last = self._last_layer(max_layers, policy)
            running[i] = Matching(state, np.arange(m), np.arange(n), m + n, policy, last)
        return running

    def _after(self, layer: int, matching: Matching, countdown: Countdown | None) -> Matches | Matching:
        """What becomes of a pair after a layer: its matches, or the pair without the points that leave."""
        if countdown is None:
            return self._stepped(layer, matching)
        countdown.layer_done(matching.points)
        step = self._stepped(layer, matching)
        if isinstance(step, Matching):
            if layer not in self._ends_at or not countdown.is_short_of(self._to_next_end(layer), step.points):
                return step
            step = replace(self._assigned(layer, matching), hurried=True)
        countdown.end_done(matching.points)
        return step

    def _stepped(self, layer: int, matching: Matching) -> Matches | Matching:
        policy = matching.policy
        if layer == matching.last:
            return self._assigned(layer, matching)
        confidence = self._confidence(layer, matching)
        may_end = layer in self._ends_at
        if may_end and confidence is not None and is_sure(confidence, layer, matching.total, policy):
            answer = self._assigned(layer, matching)
            if shows_enough(len(answer), matching.total, policy):
                return answer
        if not may_end or not policy.may_prune:
            return matching
        stays = staying(self._runtime.matchable(layer, matching.state), confidence, layer, policy).numpy()
        if stays.all():
            return matching
        return self._pruned(layer, matching, stays)

    def _confidence(self, layer: int, matching: Matching) -> Tensor | None:
        if layer not in self._knows_at or not (matching.policy.may_exit or matching.policy.may_prune):
            return None
        return self._runtime.confidence(layer, matching.state)

    def _pruned(self, layer: int, matching: Matching, stays: Bool) -> Matches | Matching:
        a, b = (np.flatnonzero(side) for side in np.split(stays, [len(matching.of_a)]))
        left = replace(matching, of_a=matching.of_a[a], of_b=matching.of_b[b])
        if not len(a) or not len(b):
            return replace(Matches.none(layer + 1), pruned=left.pruned, emptied=True)
        return replace(left, state=self._runtime.kept(matching.state, a, b))

    def _assigned(self, layer: int, matching: Matching) -> Matches:
        log_p = self._runtime.log_p(layer, matching.state)
        a, b, confidence = (values.numpy() for values in mutual_best(log_p, self._filter_threshold))
        return Matches(matching.of_a[a], matching.of_b[b], confidence, layer + 1, matching.pruned)

    def _to_next_end(self, layer: int) -> int:
        """Layers from this one to the next that has a head."""
        return min(i for i in self._ends_at if i > layer) - layer

    def _last_layer(self, max_layers: int, policy: ExitPolicy) -> int:
        cap = min(max_layers or policy.max_layers, policy.max_layers) - 1
        return min((i for i in self._ends_at if i >= cap), default=max(self._ends_at))

    def _check_length(self, a: MatchView, b: MatchView) -> None:
        expected = self._network.shape.input_dim
        for view in (a, b):
            if len(view.xy) and view.descriptors.shape[1] != expected:
                raise WeightsError(
                    f"matcher weights: made for descriptors of length {expected}, got {view.descriptors.shape[1]}; "
                    "set matcher.weights to a file that belongs to the features"
                )


def mutual_best(log_p: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Rows (K,), ascending, and columns (K,) that prefer each other, with probabilities above ``threshold``.

    Among equals the first row and the first column win.
    """
    values = log_p.numpy()
    best_b = values.argmax(1)
    best = values[np.arange(len(best_b)), best_b]
    kept = np.flatnonzero((best == values.max(0)[best_b]) & (np.exp(best) > threshold))
    kept = np.sort(kept[np.unique(best_b[kept], return_index=True)[1]])
    return torch.from_numpy(kept), torch.from_numpy(best_b[kept]), torch.from_numpy(np.exp(best[kept]))
