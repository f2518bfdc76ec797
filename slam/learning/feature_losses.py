"""What the extractor learns by: bumps at the teacher's keypoints, and descriptors that tell places apart."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from slam.features.earlybird import CompactNetwork, described
from slam.features.network import local_maxima

SHARPNESS = 20.0  # inverse temperature of the descriptors' cosines
TOO_NEAR_PX = 6.0  # places this close to each other are not told apart
JITTER_PX = 0.5  # keypoints are not found exactly at their true places
DETECTION_WEIGHT = 120.0
COMPARED_KEYPOINTS = 256


def feature_losses(network: CompactNetwork, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Detection loss and description loss of a batch (see ``feature_batch``): two scalars."""
    pairs = len(batch["places_a"])
    with torch.autocast(batch["pictures"].device.type, torch.bfloat16):
        logits, grid = network(batch["pictures"].contiguous(memory_format=torch.channels_last))
    detection = functional.binary_cross_entropy_with_logits(logits.float(), batch["bumps"])
    jitter = JITTER_PX * torch.randn_like(batch["places_b"])
    a = functional.normalize(described(grid[:pairs].float(), batch["places_a"]), dim=2)
    b = functional.normalize(described(grid[pairs:].float(), batch["places_b"] + jitter), dim=2)
    return DETECTION_WEIGHT * detection, contrast(a, b, batch["places_a"], batch["places_b"], batch["known"])


def contrast(a: Tensor, b: Tensor, places_a: Tensor, places_b: Tensor, known: Tensor) -> Tensor:
    """Mean InfoNCE (van den Oord et al. 2018) both ways between unit descriptors a and b (B, P, C) of the same places.

    places_a, places_b: (B, P, 2) px; known: (B, P), which of them count.
    """
    similarity = SHARPNESS * (a @ b.mT)
    near = torch.minimum(torch.cdist(places_a, places_a), torch.cdist(places_b, places_b)) < TOO_NEAR_PX
    other = ~torch.eye(a.shape[1], dtype=torch.bool, device=a.device)
    left_out = (near & other) | ~(known[:, :, None] & known[:, None, :])
    similarity = similarity.masked_fill(left_out & other, -1e4)
    right = similarity.diagonal(dim1=1, dim2=2)
    losses = similarity.logsumexp(1) + similarity.logsumexp(2) - 2 * right
    return losses[known].mean() / 2


@torch.no_grad()
def measured_features(network: CompactNetwork, batch: dict[str, Tensor]) -> dict[str, float]:
    """Losses, and how well the found keypoints do: ``matched``, the share of the places whose nearest descriptors
    agree mutually, and ``confirmed``, the share of detected keypoints within 1.5 px of one of the teacher's."""
    network.eval()
    detection, description = feature_losses(network, batch)
    logits, grid = (output.cpu() for output in network(batch["pictures"]))
    batch = {name: value.cpu() for name, value in batch.items()}
    pairs = len(batch["places_a"])
    a = functional.normalize(described(grid[:pairs], batch["places_a"]), dim=2)
    b = functional.normalize(described(grid[pairs:], batch["places_b"]), dim=2)
    similarity = (a @ b.mT).masked_fill(~(batch["known"][:, :, None] & batch["known"][:, None, :]), -1.0)
    own = torch.arange(similarity.shape[1])
    mutual = (similarity.argmax(1) == own) & (similarity.argmax(2) == own)
    agreeing = [_confirmed(logit[0], bump[0]) for logit, bump in zip(logits, batch["bumps"], strict=True)]
    return {
        "detection": float(detection),
        "description": float(description),
        "matched": float(mutual[batch["known"]].float().mean()),
        "confirmed": float(np.mean(agreeing)),
    }


def _confirmed(logits: Tensor, bump: Tensor) -> float:
    """Share of the strongest found keypoints that lie on one of the teacher's bumps, no more than it has."""
    peaks = local_maxima(logits.sigmoid(), 2, 0.0, border=3)
    count = min(COMPARED_KEYPOINTS, len(local_maxima(bump, 1, 0.1)))
    strongest = logits[peaks[:, 1], peaks[:, 0]].argsort(descending=True)[:count]
    if not len(strongest):
        return 0.0
    x, y = peaks[strongest].T
    return float((bump[y, x] > 0.05).float().mean())
