"""Matching with LightGlue's network, layer by layer, until the answer is clear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from slam.config import MatcherConfig
from slam.errors import WeightsError
from slam.matching import packaged_weights
from slam.matching.early_exit import ExitPolicy, is_sure, staying
from slam.matching.lightglue import LightGlue, normalized
from slam.matching.weights import load_network, what_is_missing
from slam.types import Matches, MatchView


class LightGlueMatcher:
    """Matches two views on one thread, float32, deterministically."""

    def __init__(self, network: LightGlue, policy: ExitPolicy, filter_threshold: float = 0.1) -> None:
        torch.set_num_threads(1)  # the other core belongs to the camera and the graph
        self._network = network.eval().requires_grad_(False)
        self._policy = policy
        self._filter_threshold = filter_threshold
        self._ends_at = frozenset(network.shape.assignment_layers)
        self._knows_at = frozenset(network.shape.confidence_layers)

    @classmethod
    def from_config(cls, config: MatcherConfig, feature_name: str) -> LightGlueMatcher:
        """With the weights of ``config``, or those that come with the features. Raises WeightsError."""
        network = load_network(Path(config.weights) if config.weights else packaged_weights(feature_name))
        layers = network.shape.layers
        policy = ExitPolicy.published(config.depth_confidence, config.width_confidence, layers, config.max_layers)
        return cls(network, policy, config.filter_threshold)

    @property
    def num_layers(self) -> int:
        return self._network.shape.layers

    @property
    def missing(self) -> str:
        """What the weights lack, in words; "" when they are complete."""
        return what_is_missing(self._network.shape)

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0) -> Matches:
        """Correspondences of two views; at most ``max_layers`` layers are run (0: as configured).

        Where the weights have no assignment head after that layer, the next layer that has one ends the matching.
        Raises WeightsError when the descriptors have another length than the network's.
        """
        if not len(a.xy) or not len(b.xy):
            return Matches.none()
        self._check_length(a, b)
        with torch.inference_mode():
            return self._match(a, b, self._last_layer(max_layers))

    def _match(self, a: MatchView, b: MatchView, last: int) -> Matches:
        x, encoding = self._network.begin(*tokens(a, b))
        split, total = len(a.xy), x.shape[1]
        index = torch.arange(total)
        for layer, block in enumerate(self._network.transformers):
            x = block(x, encoding, split)
            if layer == last:
                break
            confidence = self._confidence(x, layer)
            if confidence is not None and layer in self._ends_at and is_sure(confidence, layer, total, self._policy):
                break
            keep = self._keep(x, confidence, layer)
            if keep is None:
                continue
            x, encoding, index, split = x[:, keep], encoding[:, :, :, keep], index[keep], int((keep < split).sum())
            if split in (0, len(index)):
                return replace(Matches.none(layer + 1), pruned=1.0 - len(index) / total)
        return self._assigned(x, index, split, len(a.xy), layer, total)

    def _confidence(self, x: Tensor, layer: int) -> Tensor | None:
        if layer not in self._knows_at or not (self._policy.may_exit or self._policy.may_prune):
            return None
        return self._network.confidence(layer)(x)[0]

    def _keep(self, x: Tensor, confidence: Tensor | None, layer: int) -> Tensor | None:
        """(K,) ascending positions of the points that stay, None when all do."""
        if not self._policy.may_prune or layer not in self._ends_at:
            return None
        matchable = self._network.head(layer).matchable(x)[0]
        stays = staying(matchable, confidence, layer, self._policy)
        return None if bool(stays.all()) else stays.nonzero()[:, 0]

    def _assigned(self, x: Tensor, index: Tensor, split: int, count_a: int, layer: int, total: int) -> Matches:
        log_p, _ = self._network.head(layer)(x, split)
        a, b, confidence = mutual_best(log_p[0], self._filter_threshold)
        return Matches(
            index[a].numpy(),
            index[split + b].numpy() - count_a,
            confidence.numpy(),
            exit_layer=layer + 1,
            pruned=1.0 - len(index) / total,
        )

    def _last_layer(self, max_layers: int) -> int:
        cap = min(max_layers or self._policy.max_layers, self._policy.max_layers) - 1
        return min((i for i in self._ends_at if i >= cap), default=max(self._ends_at))

    def _check_length(self, a: MatchView, b: MatchView) -> None:
        expected = self._network.shape.input_dim
        for view in (a, b):
            if view.descriptors.shape[1] != expected:
                raise WeightsError(
                    f"matcher weights: made for descriptors of length {expected}, got {view.descriptors.shape[1]}; "
                    "set matcher.weights to a file that belongs to the features"
                )


def mutual_best(log_p: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Rows (K,), ascending, and columns (K,) that prefer each other, with probabilities above ``threshold``."""
    best_b, best_a = log_p.max(1), log_p.max(0).indices
    a = torch.arange(log_p.shape[0])
    probability = best_b.values.exp()
    kept = (best_a[best_b.indices] == a) & (probability > threshold)
    return a[kept], best_b.indices[kept], probability[kept]


def tokens(a: MatchView, b: MatchView) -> tuple[Tensor, Tensor]:
    """Normalised positions (1, M + N, 2) and descriptors (1, M + N, D) of both views."""
    xy = [normalized(torch.tensor(v.xy), torch.tensor(v.image_size, dtype=torch.float32)) for v in (a, b)]
    descriptors = np.concatenate([a.descriptors, b.descriptors])
    return torch.cat(xy)[None], torch.from_numpy(descriptors)[None]
