"""LightGlue's layer made lean: half-wide queries and keys, no output projection, no normalisation, ReLU.

The output projection is folded into the first matrix of the feed-forward part, which reads the message anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from slam.matching.attention import Prior, Split, attended_at_home, attended_both_ways, rotated
from slam.matching.prior import weighted


def lean_feed_forward(width: int) -> nn.Sequential:
    """Acts on state and message side by side (B, T, 2 width) and gives the update (B, T, width)."""
    return nn.Sequential(nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))


class LeanSelfBlock(nn.Module):
    """Every point looks at the points of its own image, by relative position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 2 * width)
        self.ffn = lean_feed_forward(width)

    def forward(self, x: Tensor, encoding: Tensor, split: Split) -> Tensor:
        half = x.shape[-1] // 2
        qkv = self.qkv(x).unsqueeze(1)
        q, k = (rotated(part, encoding).to(qkv.dtype) for part in (qkv[..., :half], qkv[..., half : 2 * half]))
        message = attended_at_home(q, k, qkv[..., 2 * half :], split).squeeze(1)
        return x + self.ffn(torch.cat([x, message], -1))


class LeanCrossBlock(nn.Module):
    """Every point looks at the points of the other image, by content and by the motion prior if there is one."""

    def __init__(self, width: int, prior: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, width + width // 2)
        self.ffn = lean_feed_forward(width)
        self.prior_gain = nn.Parameter(torch.ones(())) if prior else None

    def forward(self, x: Tensor, split: Split, log_prior: Prior = None) -> Tensor:
        half = x.shape[-1] // 2
        qkv = self.qkv(x).unsqueeze(1)
        message = attended_both_ways(qkv[..., :half], qkv[..., half:], split, weighted(log_prior, self.prior_gain))
        return x + self.ffn(torch.cat([x, message.squeeze(1)], -1))


class LeanLayer(nn.Module):
    """Look around at home, then across."""

    def __init__(self, width: int, prior: bool = False) -> None:
        super().__init__()
        self.self_attn = LeanSelfBlock(width)
        self.cross_attn = LeanCrossBlock(width, prior)

    def forward(self, x: Tensor, encoding: Tensor, split: Split, log_prior: Prior = None) -> Tensor:
        """New states (B, M + N, width); ``log_prior`` (B, M, N) as MotionPrior gives it."""
        return self.cross_attn(self.self_attn(x, encoding, split), split, log_prior)
