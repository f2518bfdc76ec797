"""LightGlue's network (Lindenberger et al., ICCV 2023): the layers and heads, named so that official checkpoints load.

Ours may have lean layers instead, and a motion prior.
The tokens of both images travel in one tensor, those of image a first; ``split`` is their number. Attention looks at
either side alone, everything else treats all tokens alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slam.matching.attention import FourierEncoding, Prior, Split, attended_at_home, attended_both_ways, rotated
from slam.matching.lean import LeanLayer
from slam.matching.prior import MotionPrior, weighted

KINDS = ("lightglue", "lean")


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network; ``heads_at`` and ``confidence_at`` list the layers (from 0) that can end the matching."""

    width: int = 64
    heads: int = 1
    layers: int = 6
    input_dim: int = 128
    heads_at: tuple[int, ...] | None = None  # layers with an assignment head, None for all
    confidence_at: tuple[int, ...] | None = None  # layers with a confidence classifier, None for all but the last
    kind: str = "lightglue"  # of the layers: "lightglue" as published, or "lean" with one head
    prior: bool = False  # whether predictions of positions can be used

    @property
    def head_dim(self) -> int:
        """Width of a head's queries and keys."""
        return self.width // (2 if self.kind == "lean" else self.heads)

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

    def forward(self, x: Tensor, encoding: Tensor, split: Split) -> Tensor:
        qkv = self.Wqkv(x).unflatten(-1, (self.heads, -1, 3)).permute(4, 0, 2, 1, 3)
        q, k, v = rotated(qkv[0], encoding), rotated(qkv[1], encoding), qkv[2].contiguous()
        message = attended_at_home(q.to(v.dtype), k.to(v.dtype), v, split)
        message = self.out_proj(message.transpose(1, 2).flatten(-2))
        return x + self.ffn(torch.cat([x, message], -1))


class CrossBlock(nn.Module):
    """Every point looks at the points of the other image, by content and by the motion prior if there is one."""

    def __init__(self, width: int, heads: int, prior: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.to_qk = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.to_out = nn.Linear(width, width)
        self.ffn = feed_forward(width)
        self.prior_gain = nn.Parameter(torch.ones(())) if prior else None

    def forward(self, x: Tensor, split: Split, log_prior: Prior = None) -> Tensor:
        qk = self.to_qk(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        v = self.to_v(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        message = attended_both_ways(qk, v, split, weighted(log_prior, self.prior_gain))
        message = self.to_out(message.transpose(1, 2).flatten(-2))
        return x + self.ffn(torch.cat([x, message], -1))


class Layer(nn.Module):
    """Look around at home, then across."""

    def __init__(self, width: int, heads: int, prior: bool = False) -> None:
        super().__init__()
        self.self_attn = SelfBlock(width, heads)
        self.cross_attn = CrossBlock(width, heads, prior)

    def forward(self, x: Tensor, encoding: Tensor, split: Split, log_prior: Prior = None) -> Tensor:
        """New states (B, M + N, width); ``log_prior`` (B, M, N) as MotionPrior gives it."""
        return self.cross_attn(self.self_attn(x, encoding, split), split, log_prior)


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

    def __init__(self, width: int, prior: bool = False) -> None:
        super().__init__()
        self.matchability = nn.Linear(width, 1)
        self.final_proj = nn.Linear(width, width)
        self.prior_gain = nn.Parameter(torch.ones(())) if prior else None

    def forward(self, x: Tensor, split: int, log_prior: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """log P (B, M, N) of every pair, and the matchability logits (B, M + N)."""
        s, logits = self.similarity(x, split, log_prior), self.logits(x)
        certainty = F.logsigmoid(logits)
        of_a = certainty[:, :split, None] - s.logsumexp(2, keepdim=True)
        of_b = certainty[:, None, split:] - s.logsumexp(1, keepdim=True)
        return torch.add(of_a, s, alpha=2) + of_b, logits

    def similarity(self, x: Tensor, split: int, log_prior: Tensor | None = None) -> Tensor:
        """(B, M, N) of every pair, the motion prior included."""
        m = self.final_proj(x) * x.shape[-1] ** -0.25
        similarity = m[:, :split] @ m[:, split:].transpose(-1, -2)
        if log_prior is None or self.prior_gain is None:
            return similarity
        return similarity + self.prior_gain * log_prior

    def logits(self, x: Tensor) -> Tensor:
        """(B, T) matchability before the sigmoid."""
        return self.matchability(x).squeeze(-1)

    def matchable(self, x: Tensor) -> Tensor:
        """(B, T) probability that a point has a partner at all."""
        return self.logits(x).sigmoid()


class LightGlue(nn.Module):
    """The whole network. Callers run it layer by layer, because they may stop after any of them."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width, keeps_width = shape.width, shape.input_dim == shape.width and shape.kind == "lightglue"
        self.shape = shape
        self.input_proj = nn.Identity() if keeps_width else nn.Linear(shape.input_dim, width)
        self.posenc = FourierEncoding(shape.head_dim)
        self.transformers = nn.ModuleList([make_layer(shape) for _ in range(shape.layers)])
        self.log_assignment = nn.ModuleDict({str(i): Assignment(width, shape.prior) for i in shape.assignment_layers})
        self.token_confidence = nn.ModuleDict({str(i): TokenConfidence(width) for i in shape.confidence_layers})
        self.prior = MotionPrior() if shape.prior else None

    def head(self, layer: int) -> Assignment:
        """The assignment head of a layer in ``shape.assignment_layers``."""
        return cast(Assignment, self.log_assignment[str(layer)])

    def confidence(self, layer: int) -> TokenConfidence:
        """The confidence classifier of a layer in ``shape.confidence_layers``."""
        return cast(TokenConfidence, self.token_confidence[str(layer)])

    def begin(self, xy: Tensor, descriptors: Tensor) -> tuple[Tensor, Tensor]:
        """First states (B, T, width) and encoding of normalised positions (B, T, 2), descriptors (B, T, input_dim)."""
        return self.input_proj(descriptors), self.posenc(xy)

    def log_prior(self, xy: Tensor, sigma: Tensor | None, split: int) -> Tensor | None:
        """(B, M, N) what predictions say, for layers and heads; None where there are none or the network knows none.

        xy: (B, M + N, 2) normalised; sigma: (B, M) normalised (see ``normalized_sigma``), infinite for no prediction.
        """
        return None if sigma is None or self.prior is None else self.prior(xy, sigma, split)

    def states(self, xy: Tensor, descriptors: Tensor, split: int, log_prior: Tensor | None = None) -> list[Tensor]:
        """The states (B, T, width) after every layer: what training looks at."""
        x, encoding = self.begin(xy, descriptors)
        states = []
        for layer in self.transformers:
            x = layer(x, encoding, split, log_prior)
            states.append(x)
        return states


def make_layer(shape: NetworkShape) -> nn.Module:
    """One layer of the kind that the shape names."""
    if shape.kind == "lean":
        return LeanLayer(shape.width, shape.prior)
    return Layer(shape.width, shape.heads, shape.prior)
