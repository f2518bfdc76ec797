"""Attention within a view and across two: spelt out where gradients are needed, the fastest form where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SPELT_OUT = 512 * 512  # pairs up to which plain products are faster than the fused kernel, on one thread


@dataclass(frozen=True)
class Packed:
    """Many pairs one after another in one tensor of tokens (1, T, ...), each a's points first."""

    counts: tuple[tuple[int, int], ...]  # points of a and of b, pair by pair

    def spans(self) -> list[tuple[slice, slice]]:
        """Where a and b of every pair are."""
        spans, start = [], 0
        for m, n in self.counts:
            spans.append((slice(start, start + m), slice(start + m, start + m + n)))
            start += m + n
        return spans


Split = int | Packed  # number of a's points in every pair of a batch, or packed pairs of any sizes
Prior = Tensor | Sequence[Tensor | None] | None  # of a batch (B, M, N), or (1, M, N) of every packed pair


class FourierEncoding(nn.Module):
    """Learnable rotary frequencies (LightGlue, eq. 6 to 8), computed once and shared by all layers and heads."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.Wr = nn.Linear(2, head_dim // 2, bias=False)

    def forward(self, xy: Tensor) -> Tensor:
        """(2, B, 1, T, head_dim) cosines and sines of normalised positions (B, T, 2)."""
        angle = self.Wr(xy)
        return torch.stack([angle.cos(), angle.sin()]).repeat_interleave(2, dim=-1).unsqueeze(-3)


def rotated(x: Tensor, encoding: Tensor) -> Tensor:
    """x (B, H, T, D) with every adjacent pair of channels turned by its angle."""
    quarter_turn = torch.stack([-x[..., 1::2], x[..., ::2]], dim=-1).flatten(-2)
    return x * encoding[0] + quarter_turn * encoding[1]


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention (B, H, T, D)."""
    if q.requires_grad or _is_small(q, k):
        return (similarity(q, k).softmax(-1)) @ v
    return _fused(q, k, v)


def attended_at_home(q: Tensor, k: Tensor, v: Tensor, split: Split) -> Tensor:
    """(B, H, T, D) what every point hears from its own view."""
    sides = [side for span in spans_of(split) for side in span]
    return torch.cat([attended(q[:, :, side], k[:, :, side], v[:, :, side]) for side in sides], dim=2)


def attended_both_ways(qk: Tensor, v: Tensor, split: Split, bias: Prior = None) -> Tensor:
    """(B, H, T, D) what a hears from b and b from a, pair by pair; ``bias`` is added to the similarity."""
    spans = spans_of(split)
    biases = bias if isinstance(bias, Sequence) else [bias] * len(spans)
    heard: list[Tensor] = []
    for (a, b), extra in zip(spans, biases, strict=True):
        heard += attended_across(qk[:, :, a], qk[:, :, b], v[:, :, a], v[:, :, b], extra)
    return torch.cat(heard, dim=2)


def attended_across(qk_a: Tensor, qk_b: Tensor, v_a: Tensor, v_b: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a hears from b and b from a: one similarity, softmaxed along either axis (section 3.1).

    Without bias (B, M, N) and gradients the fused kernel takes over where there are many points: it computes the
    similarity twice, but never stores it.
    """
    if bias is None and not qk_a.requires_grad and not _is_small(qk_a, qk_b):
        return _fused(qk_a, qk_b, v_b), _fused(qk_b, qk_a, v_a)
    s = similarity(qk_a, qk_b)
    if bias is not None:
        s = s + bias.unsqueeze(1).to(s.dtype)
    return s.softmax(-1) @ v_b, s.softmax(-2).transpose(-1, -2) @ v_a


def spans_of(split: Split) -> list[tuple[slice, slice]]:
    """Where a and b are among the tokens, of every packed pair, or of all pairs of a batch."""
    return split.spans() if isinstance(split, Packed) else [(slice(None, split), slice(split, None))]


def similarity(q: Tensor, k: Tensor) -> Tensor:
    """(B, H, M, N) scaled products."""
    scale = q.shape[-1] ** -0.25
    return (q * scale) @ (k * scale).transpose(-1, -2)


def _is_small(q: Tensor, k: Tensor) -> bool:
    return q.device.type == "cpu" and q.shape[-2] * k.shape[-2] <= SPELT_OUT


def _fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The fused kernel; it wants queries and keys as wide as values, and zeros cost less than its fallback."""
    missing, scale = v.shape[-1] - q.shape[-1], q.shape[-1] ** -0.5
    if missing:
        q, k = F.pad(q, (0, missing)), F.pad(k, (0, missing))
    return F.scaled_dot_product_attention(q, k, v, scale=scale)
