"""What the extractor learns by: which corners are found and matched again, and descriptors that tell places apart."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from slam.features.earlybird import CELL, WORTH_CELL, CompactNetwork, sampled

SHARPNESS = 20.0  # inverse temperature of the descriptors' cosines
TOO_NEAR_PX = 6.0  # places this close to each other are not told apart
JITTER_PX = 0.5  # corners are not found exactly at their true places
AGAIN_PX = 2.0  # a corner is found again when the other view has one this close to its true place
RIGHT_PX = 3.0  # a match is right
TEACHING = 0.3  # weight of the teacher's opinion beside what the two views show
COMPARED = 128  # best corners of a view that the figures look at


def feature_losses(network: CompactNetwork, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Loss of the corners' logits and of the descriptors for a batch (see ``feature_batch``): two scalars."""
    pairs = len(batch["xy"]) // 2
    logits, described, grid = judged(network, batch)
    again, partner = found_again(batch)
    a, b = described[:pairs], described[pairs:]
    matched = torch.cat([mutual(a, b, batch, partner[:pairs]), mutual(b, a, swapped(batch), partner[pairs:])])
    seen, real = batch["seen"], batch["real"]
    by_views = functional.binary_cross_entropy_with_logits(logits[seen], (again & matched)[seen].float())
    by_teacher = functional.binary_cross_entropy_with_logits(logits[real], batch["taught"][real])
    return by_views + TEACHING * by_teacher, _description(grid, batch, described, again, partner)


def judged(network: CompactNetwork, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (2B, N) and unit descriptors (2B, N, C) of the corners, and the grid (2B, C, h, w) for other places."""
    with torch.autocast(batch["pictures"].device.type, torch.bfloat16):
        worth, grid = network(batch["pictures"].contiguous(memory_format=torch.channels_last))
    logits = sampled(worth.float(), batch["xy"], WORTH_CELL)[:, :, 0] + network.corner_gain * batch["strength"]
    return logits, functional.normalize(sampled(grid.float(), batch["xy"], CELL), dim=2), grid.float()


def found_again(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Whether each corner's true place has a corner of the other view beside it (2B, N), and which is nearest."""
    other = swapped(batch)
    distance = torch.cdist(batch["places"], other["xy"]).masked_fill(~other["real"][:, None], 1e4)
    nearest = distance.min(2)
    return batch["seen"] & (nearest.values < AGAIN_PX), nearest.indices


@torch.no_grad()
def mutual(a: Tensor, b: Tensor, batch: dict[str, Tensor], partner: Tensor) -> Tensor:
    """(B, N) whether a's corners (B, N, C) and their partners in b are each other's nearest by descriptor."""
    pairs = len(a)
    usable = batch["real"][:pairs, :, None] & batch["real"][pairs:, None, :]
    similarity = (a @ b.mT).masked_fill(~usable, -2.0)
    forth, back = similarity.argmax(2), similarity.argmax(1)
    own = torch.arange(a.shape[1], device=a.device)
    return (forth == partner) & (back.gather(1, forth) == own)


def swapped(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same batch with the other side first."""
    return {name: torch.cat([value[len(value) // 2 :], value[: len(value) // 2]]) for name, value in batch.items()}


def _description(grid: Tensor, batch: dict[str, Tensor], described: Tensor, again: Tensor, partner: Tensor) -> Tensor:
    """Contrast of a's corners with their partners in b, or with their true places there where b found none."""
    pairs = len(described) // 2
    truth = batch["places"][:pairs]
    found = batch["xy"][pairs:].gather(1, partner[:pairs, :, None].expand(-1, -1, 2))
    there = torch.where(again[:pairs, :, None], found, truth + JITTER_PX * torch.randn_like(truth))
    b = functional.normalize(sampled(grid[pairs:], there, CELL), dim=2)
    return contrast(described[:pairs], b, batch["xy"][:pairs], truth, batch["seen"][:pairs])


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
    """Losses, and how the best COMPARED corners of each view do.

    ``repeated``: the share of a's that b sees which b has beside their true place; ``right``: right mutual nearest
    neighbours per pair; ``precision`` of all those.
    """
    network.eval()
    detection, description = feature_losses(network, batch)
    logits, described, _ = judged(network, batch)
    best = logits.masked_fill(~batch["real"], -1e4).topk(COMPARED, 1).indices
    batch = {name: _taken(value, best) if value.shape[1] == logits.shape[1] else value for name, value in batch.items()}
    described, pairs = _taken(described, best), len(best) // 2
    again, _ = found_again(batch)
    known = batch["seen"][:pairs]
    similarity = (described[:pairs] @ described[pairs:].mT).masked_fill(~batch["real"][pairs:, None], -2.0)
    forth = similarity.argmax(2)
    own = torch.arange(COMPARED, device=forth.device)
    both_ways = (similarity.argmax(1).gather(1, forth) == own) & batch["real"][:pairs]
    there = batch["xy"][pairs:].gather(1, forth[:, :, None].expand(-1, -1, 2))
    right = both_ways & known & ((there - batch["places"][:pairs]).norm(dim=2) < RIGHT_PX)
    return {
        "detection": float(detection),
        "description": float(description),
        "repeated": float(again[:pairs][known].float().mean()),
        "right": float(right.sum()) / pairs,
        "precision": float(right.sum() / both_ways.sum().clamp(min=1)),
    }


def _taken(values: Tensor, index: Tensor) -> Tensor:
    """Rows ``index`` (B, K) of values (B, N, ...)."""
    wide = index if values.dim() == 2 else index[:, :, None].expand(-1, -1, values.shape[2])
    return values.gather(1, wide)
