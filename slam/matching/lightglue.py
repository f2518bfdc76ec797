"""LightGlue's network (Lindenberger et al., ICCV 2023): the layers and heads, named so that official checkpoints load.

The tokens of both images travel in one tensor, those of image a first; ``split`` is their number. Attention looks at
either side alone, everything else treats all tokens alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network; ``heads_at`` and ``confidence_at`` list the layers (from 0) that can end the matching."""

    width: int = 64
    heads: int = 1
    layers: int = 6
    input_dim: int = 128
    heads_at: tuple[int, ...] | None = None  # layers with an assignment head, None for all
    confidence_at: tuple[int, ...] | None = None  # layers with a confidence classifier, None for all but the last

    @property
    def assignment_layers(self) -> tuple[int, ...]:
        return tuple(range(self.layers)) if self.heads_at is None else self.heads_at

    @property
    def confidence_layers(self) -> tuple[int, ...]:
        return tuple(range(self.layers - 1)) if self.confidence_at is None else self.confidence_at


def normalized(xy: Tensor, image_size: Tensor) -> Tensor:
    """Pixels (..., N, 2) to the units the network expects: the long side of image_size (..., 2) spans [-1, 1]."""
    size = image_size.unsqueeze(-2)
    return (xy - size / 2) / (size.amax(-1, keepdim=True) / 2)


class FourierEncoding(nn.Module):
    """Learnable rotary frequencies (eq. 6 to 8), computed once per image and shared by all layers and heads."""

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
    """Attention (B, H, T, D). Spelt out in training, because on a CPU the fused one's backward is slower."""
    if not q.requires_grad:
        return F.scaled_dot_product_attention(q, k, v)
    scale = q.shape[-1] ** -0.25
    return ((q * scale) @ (k * scale).transpose(-1, -2)).softmax(-1) @ v


def attended_both_ways(qk: Tensor, v: Tensor, split: int) -> tuple[Tensor, Tensor]:
    """What a hears from b and b from a: one similarity, softmaxed along either axis (section 3.1).

    Without gradients the fused kernel computes it twice: it never stores it, which is faster from 512 points on.
    """
    qk_a, qk_b, v_a, v_b = qk[:, :, :split], qk[:, :, split:], v[:, :, :split], v[:, :, split:]
    if not qk.requires_grad:
        return attended(qk_a, qk_b, v_b), attended(qk_b, qk_a, v_a)
    scale = qk.shape[-1] ** -0.25
    similarity = (qk_a * scale) @ (qk_b * scale).transpose(-1, -2)
    return similarity.softmax(-1) @ v_b, similarity.transpose(-1, -2).softmax(-1) @ v_a


def feed_forward(width: int) -> nn.Sequential:
    """Acts on state and message side by side (B, T, 2 width) and gives the update (B, T, width)."""
    return nn.Sequential(
        nn.Linear(2 * width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, width)
    )


class SelfBlock(nn.Module):
    """Every point looks at the points of its own image, by relative position."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.Wqkv = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.ffn = feed_forward(width)

    def forward(self, x: Tensor, encoding: Tensor, split: int) -> Tensor:
        qkv = self.Wqkv(x).unflatten(-1, (self.heads, -1, 3)).permute(4, 0, 2, 1, 3)
        q, k, v = rotated(qkv[0], encoding), rotated(qkv[1], encoding), qkv[2].contiguous()
        sides = [
            attended(q[:, :, side].to(v.dtype), k[:, :, side].to(v.dtype), v[:, :, side])
            for side in (slice(None, split), slice(split, None))
        ]
        message = self.out_proj(torch.cat(sides, dim=2).transpose(1, 2).flatten(-2))
        return x + self.ffn(torch.cat([x, message], -1))


class CrossBlock(nn.Module):
    """Every point looks at the points of the other image, by content alone."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qk = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.to_out = nn.Linear(width, width)
        self.ffn = feed_forward(width)

    def forward(self, x: Tensor, split: int) -> Tensor:
        qk = self.to_qk(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        v = self.to_v(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        message = torch.cat(attended_both_ways(qk, v, split), dim=2)
        message = self.to_out(message.transpose(1, 2).flatten(-2))
        return x + self.ffn(torch.cat([x, message], -1))


class Layer(nn.Module):
    """Look around at home, then across."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = SelfBlock(width, heads)
        self.cross_attn = CrossBlock(width, heads)

    def forward(self, x: Tensor, encoding: Tensor, split: int) -> Tensor:
        return self.cross_attn(self.self_attn(x, encoding, split), split)


class TokenConfidence(nn.Module):
    """Whether a point's answer at this layer is already the last layer's answer (section 3.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Sequential(nn.Linear(width, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(B, T) probabilities; no gradient flows into the states."""
        return self.token(x.detach()).squeeze(-1)

    def logits(self, x: Tensor) -> Tensor:
        """(B, T) the same before the sigmoid, for training."""
        return self.token[0](x.detach()).squeeze(-1)


class Assignment(nn.Module):
    """Similarity and matchability of one layer's states, and the soft assignment they make (eq. 9 to 11)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.matchability = nn.Linear(width, 1)
        self.final_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, split: int) -> tuple[Tensor, Tensor]:
        """log P (B, M, N) of every pair, and the matchability logits (B, M + N)."""
        logits = self.matchability(x).squeeze(-1)
        m = self.final_proj(x) * x.shape[-1] ** -0.25
        similarity = m[:, :split] @ m[:, split:].transpose(-1, -2)
        certainty = F.logsigmoid(logits)
        log_p = similarity.log_softmax(2) + similarity.transpose(1, 2).log_softmax(2).transpose(1, 2)
        return log_p + certainty[:, :split, None] + certainty[:, None, split:], logits

    def matchable(self, x: Tensor) -> Tensor:
        """(B, T) probability that a point has a partner at all."""
        return self.matchability(x).squeeze(-1).sigmoid()


class LightGlue(nn.Module):
    """The whole network. Callers run it layer by layer, because they may stop after any of them."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.input_proj = nn.Identity() if shape.input_dim == width else nn.Linear(shape.input_dim, width)
        self.posenc = FourierEncoding(width // shape.heads)
        self.transformers = nn.ModuleList([Layer(width, shape.heads) for _ in range(shape.layers)])
        self.log_assignment = nn.ModuleDict({str(i): Assignment(width) for i in shape.assignment_layers})
        self.token_confidence = nn.ModuleDict({str(i): TokenConfidence(width) for i in shape.confidence_layers})

    def head(self, layer: int) -> Assignment:
        """The assignment head of a layer in ``shape.assignment_layers``."""
        return cast(Assignment, self.log_assignment[str(layer)])

    def confidence(self, layer: int) -> TokenConfidence:
        """The confidence classifier of a layer in ``shape.confidence_layers``."""
        return cast(TokenConfidence, self.token_confidence[str(layer)])

    def begin(self, xy: Tensor, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """First states (B, T, width) and encoding of normalised positions (B, T, 2), descriptors (B, T, input_dim)."""
        return self.input_proj(descriptors), self.posenc(xy)

    def states(self, xy: Tensor, descriptors: Tensor, split: int) -> list[Tensor]:
        """The states (B, T, width) after every layer: what training looks at."""
        x, encoding = self.begin(xy, descriptors)
        states = []
        for layer in self.transformers:
            x = layer(x, encoding, split)
            states.append(x)
        return states
