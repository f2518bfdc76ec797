"""When the matcher may stop, and which points may leave before (Lindenberger et al., ICCV 2023, section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ExitPolicy:
    """How sure is sure enough. The ends of every scale, and -1, run the whole network on all points."""

    depth_confidence: float  # alpha: the matching ends when more than this share of the points is confident
    width_confidence: float  # a point leaves when its chance of having no partner is at least this
    thresholds: tuple[float, ...]  # lambda_l: confidence from which a point counts as confident after layer l
    max_layers: int  # layers run at most

    @staticmethod
    def published(depth_confidence: float, width_confidence: float, layers: int, max_layers: int = 0) -> ExitPolicy:
        """The policy with the published thresholds; ``max_layers`` 0 is no cap."""
        thresholds = tuple(published_threshold(layer, layers) for layer in range(layers))
        return ExitPolicy(depth_confidence, width_confidence, thresholds, min(max_layers or layers, layers))

    @property
    def may_exit(self) -> bool:
        return self.depth_confidence > 0

    @property
    def may_prune(self) -> bool:
        return 0 < self.width_confidence < 1


def published_threshold(layer: int, layers: int) -> float:
    """lambda_l of layer l = 0, 1, ...: strict at first, 0.8 in the end (LightGlue, appendix)."""
    return min(max(0.8 + 0.1 * math.exp(-4.0 * layer / layers), 0.0), 1.0)


def is_sure(confidence: Tensor, layer: int, points: int, policy: ExitPolicy) -> bool:
    """Whether enough of ``points`` (all that there were: those that left count as confident) are confident.

    confidence: (T,) of the points that are left, in [0, 1].
    """
    if not policy.may_exit:
        return False
    unsure = int((confidence < policy.thresholds[layer]).sum())
    return 1.0 - unsure / points > policy.depth_confidence


def staying(matchable: Tensor, confidence: Tensor | None, layer: int, policy: ExitPolicy) -> Tensor:
    """(T,) bool: the points that stay. One that is not confident about its answer stays, whatever the answer.

    matchable: (T,) probability of having a partner; confidence: (T,), None when the network has no classifiers.
    """
    stays = matchable > 1.0 - policy.width_confidence
    if confidence is None:
        return stays
    return stays | (confidence <= policy.thresholds[layer])
