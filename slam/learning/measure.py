"""How good a network is on a batch of pairs with known truth."""

from __future__ import annotations

import torch
from torch import Tensor

from slam.learning.losses import LayerAnswer, answers, assignment_loss, ground_truth
from slam.matching.lightglue import LightGlue


@torch.no_grad()
def measured(network: LightGlue, batch: dict[str, Tensor], split: int) -> tuple[float, float, float]:
    """Loss, recall and precision of the last layer on a batch."""
    truth = ground_truth(batch)
    prior = network.log_prior(batch["xy"], batch["sigma"], split)
    state = network.states(batch["xy"], batch["descriptors"], split, prior)[-1]
    head = network.head(network.shape.layers - 1)
    positive, negative = assignment_loss(LayerAnswer.of(head, state, split, prior), truth)
    answer = answers(head, state, split, prior)
    partner = answer[:, :split]
    mutual = answer[:, split:].gather(1, partner.clamp(min=0)) == torch.arange(split, device=partner.device)
    found = mutual & (partner >= 0)
    right = found[truth.pair, truth.index_a] & (partner[truth.pair, truth.index_a] == truth.index_b)
    judged = found & truth.lonely[:, :split]
    judged[truth.pair, truth.index_a] |= found[truth.pair, truth.index_a]
    return float(positive + negative) / 2, float(right.float().mean()), float(right.sum() / judged.sum().clamp(min=1))
