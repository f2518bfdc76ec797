"""Second stage: teach every layer whether its answers are already the last layer's (section 3.3 of LightGlue)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from slam.learning.losses import answers
from slam.learning.mixture import Mixture
from slam.learning.team import Team
from slam.matching.lightglue import LightGlue


def train_confidence(
    network: LightGlue, data: Mixture, rng: np.random.Generator, batches: int, team: Team | None = None
) -> float:
    """Fit the confidence classifiers on ``batches`` batches; the rest of the network stays. Returns the last loss."""
    team, classifiers = team or Team.joined(), network.token_confidence
    optimizer = torch.optim.Adam(classifiers.parameters(), lr=0.02)
    loss = torch.tensor(float("nan"))
    for done in range(batches):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - done / batches)
        batch, split = data.batch(rng)
        loss = confidence_loss(network, team.here(batch), split)
        optimizer.zero_grad()
        loss.backward()
        team.average(classifiers, ())
        optimizer.step()
    return float(loss.detach())


def confidence_loss(network: LightGlue, batch: dict[str, Tensor], split: int) -> Tensor:
    """Mean binary cross-entropy of all classifiers on one batch."""
    with torch.no_grad(), torch.autocast(batch["xy"].device.type, torch.bfloat16):
        prior = network.log_prior(batch["xy"], batch["sigma"], split)
        states = network.states(batch["xy"], batch["descriptors"], split, prior)
    states = [state.float() for state in states]
    last = answers(network.head(len(states) - 1), states[-1], split, prior)
    losses = []
    for layer in network.shape.confidence_layers:
        agrees = (answers(network.head(layer), states[layer], split, prior) == last).float()
        logits = network.confidence(layer).logits(states[layer])
        losses.append(F.binary_cross_entropy_with_logits(logits, agrees))
    return torch.stack(losses).mean()
