"""Ground truth of a batch of pairs, and LightGlue's losses on it (Lindenberger et al. 2023, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from slam.matching.lightglue import Assignment

POSITIVE_PX = 3.0
NEGATIVE_PX = 5.0


@dataclass(frozen=True, eq=False)
class Truth:
    """Which points belong together, and which have no partner; the rest is left alone."""

    pair: Tensor  # (K,) pair of each true match
    index_a: Tensor  # (K,)
    index_b: Tensor  # (K,)
    lonely: Tensor  # (B, M + N) bool


def ground_truth(batch: dict[str, Tensor], positive_px: float = POSITIVE_PX, negative_px: float = NEGATIVE_PX) -> Truth:
    """Mutually nearest within ``positive_px`` both ways match; nothing within ``negative_px`` either way: lonely."""
    d_ab = torch.cdist(batch["a_in_b"], batch["xy_b"])
    d_ba = torch.cdist(batch["truth_a"], batch["b_in_a"])
    distance = torch.fmax(d_ab, d_ba)
    both = torch.nan_to_num(torch.maximum(d_ab, d_ba), nan=torch.inf)
    best_b, best_a = both.min(2), both.min(1)
    index_a = torch.arange(both.shape[1], device=both.device).expand_as(best_b.indices)
    matched = (best_a.indices.gather(1, best_b.indices) == index_a) & (best_b.values < positive_px)
    lonely_a = (torch.nan_to_num(distance, nan=0.0).amin(2) > negative_px) & batch["a_in_b"].isfinite().all(-1)
    lonely_b = (torch.nan_to_num(distance, nan=0.0).amin(1) > negative_px) & batch["b_in_a"].isfinite().all(-1)
    pair, a = matched.nonzero(as_tuple=True)
    return Truth(pair, a, best_b.indices[pair, a], torch.cat([lonely_a, lonely_b], 1))


@dataclass(frozen=True, eq=False)
class LayerAnswer:
    """What a layer's head says, before any softmax."""

    similarity: Tensor  # (B, M, N)
    logits: Tensor  # (B, M + N) of having a partner

    @staticmethod
    def of(head: Assignment, x: Tensor, split: int, log_prior: Tensor | None = None) -> LayerAnswer:
        return LayerAnswer(head.similarity(x, split, log_prior).float(), head.logits(x).float())


def assignment_loss(answer: LayerAnswer, truth: Truth) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of the true matches, and of the lonely points being unmatchable: two scalars."""
    similarity, logits, split = answer.similarity, answer.logits, answer.similarity.shape[1]
    a, b = truth.index_a, truth.index_b
    log_p = (
        2 * similarity[truth.pair, a, b]
        - similarity.logsumexp(2)[truth.pair, a]
        - similarity.logsumexp(1)[truth.pair, b]
    )
    certainty = F.logsigmoid(logits)
    log_p = log_p + certainty[truth.pair, a] + certainty[truth.pair, split + b]
    return -_mean(log_p), -_mean(F.logsigmoid(-logits)[truth.lonely])


def agreement_loss(answer: LayerAnswer, last: LayerAnswer) -> Tensor:
    """Cross-entropy of a layer's answers with the last layer's, which are taken as given: one scalar.

    Points weigh as much as the last layer believes in their having a partner. A layer that says what the last one
    will say is one where matching may end (self-distillation, Phuong & Lampert, ICCV 2019).
    """
    partner = last.logits.detach().sigmoid()
    across = _cross_entropy(answer.similarity, last.similarity.detach(), 2)
    back = _cross_entropy(answer.similarity, last.similarity.detach(), 1)
    places = (torch.cat([across, back], 1) * partner).sum() / partner.sum().clamp(min=1.0)
    return places + F.binary_cross_entropy_with_logits(answer.logits, partner)


def _cross_entropy(similarity: Tensor, wanted: Tensor, dim: int) -> Tensor:
    return -(wanted.softmax(dim) * similarity.log_softmax(dim)).sum(dim)


@torch.no_grad()
def answers(head: Assignment, x: Tensor, split: int, log_prior: Tensor | None = None) -> Tensor:
    """(B, M + N) the partner that every point's row of the assignment prefers, -1 for none."""
    log_p, logits = head(x, split, log_prior)
    nobody = F.logsigmoid(-logits.float())
    in_b, in_a = log_p.float().max(2), log_p.float().max(1)
    best = torch.cat([in_b.values, in_a.values], 1)
    return torch.where(best > nobody, torch.cat([in_b.indices, in_a.indices], 1), -1)


def _mean(values: Tensor) -> Tensor:
    return values.mean() if values.numel() else values.sum()
