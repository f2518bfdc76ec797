"""The matrices of a layer's blocks, either kind of layer in one form: what a runtime needs to know of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from slam.matching.lean import LeanCrossBlock, LeanLayer, LeanSelfBlock
from slam.matching.lightglue import CrossBlock, Layer, SelfBlock
from slam.types import Float32

Affine = tuple[Float32, Float32]  # (out, in) matrix and (out,) offset


@dataclass(frozen=True, eq=False)
class BlockWeights:
    """A self or cross block: x + last(activation(norm(first([x | message]))))."""

    heads: int
    qk: tuple[Affine, ...]  # queries and keys, or what serves as both, over the fourth root of a head's width
    v: Affine
    first: Affine  # an output projection of the message is folded in
    norm: tuple[Float32, Float32, float] | None  # gain, offset and epsilon of a LayerNorm
    gelu: bool  # else ReLU
    last: Affine
    prior_gain: float | None = None


def layer_weights(layer: nn.Module) -> tuple[BlockWeights, BlockWeights]:
    """The self block and the cross block of a layer of either kind."""
    if isinstance(layer, LeanLayer):
        return _lean_self(layer.self_attn), _lean_cross(layer.cross_attn)
    assert isinstance(layer, Layer)
    return _self(layer.self_attn), _cross(layer.cross_attn)


def affine(linear: nn.Module) -> Affine:
    """Matrix and offset of a linear layer."""
    assert isinstance(linear, nn.Linear)
    return array(linear.weight), array(linear.bias)


def array(value: Tensor) -> Float32:
    return value.detach().cpu().numpy().astype(np.float32)


def _lean_self(block: LeanSelfBlock) -> BlockWeights:
    weight, offset = affine(block.qkv)
    width, half = weight.shape[1], weight.shape[1] // 2
    parts = [(weight[i:j], offset[i:j]) for i, j in ((0, half), (half, width), (width, 2 * width))]
    return BlockWeights(1, (_scaled(parts[0], half), _scaled(parts[1], half)), parts[2], *_lean_ffn(block.ffn))


def _lean_cross(block: LeanCrossBlock) -> BlockWeights:
    weight, offset = affine(block.qkv)
    half = weight.shape[1] // 2
    qk, v = _scaled((weight[:half], offset[:half]), half), (weight[half:], offset[half:])
    return BlockWeights(1, (qk,), v, *_lean_ffn(block.ffn), _gain(block.prior_gain))


def _lean_ffn(ffn: nn.Sequential) -> tuple[Affine, None, bool, Affine]:
    return affine(ffn[0]), None, False, affine(ffn[2])


def _self(block: SelfBlock) -> BlockWeights:
    weight, offset = affine(block.Wqkv)
    width, head_dim = weight.shape[1], weight.shape[1] // block.heads
    parts = weight.reshape(-1, 3, width), offset.reshape(-1, 3)  # q, k and v of a channel lie side by side
    q, k, v = ((parts[0][:, i], parts[1][:, i]) for i in range(3))
    qk = (_scaled(q, head_dim), _scaled(k, head_dim))
    return BlockWeights(block.heads, qk, v, *_ffn(block.ffn, affine(block.out_proj)))


def _cross(block: CrossBlock) -> BlockWeights:
    qk = affine(block.to_qk)
    head_dim = qk[0].shape[0] // block.heads
    ffn = _ffn(block.ffn, affine(block.to_out))
    return BlockWeights(block.heads, (_scaled(qk, head_dim),), affine(block.to_v), *ffn, _gain(block.prior_gain))


def _ffn(ffn: nn.Sequential, projection: Affine) -> tuple[Affine, tuple[Float32, Float32, float], bool, Affine]:
    (weight, offset), norm = affine(ffn[0]), ffn[1]
    assert isinstance(norm, nn.LayerNorm)
    width = weight.shape[1] // 2
    of_x, of_message = weight[:, :width], weight[:, width:].astype(np.float64)
    folded = np.concatenate([of_x, of_message @ projection[0]], axis=1).astype(np.float32)
    first = folded, (offset + of_message @ projection[1]).astype(np.float32)
    return first, (array(norm.weight), array(norm.bias), norm.eps), True, affine(ffn[3])


def _scaled(part: Affine, head_dim: int) -> Affine:
    scale = np.float32(head_dim**-0.25)
    return part[0] * scale, part[1] * scale


def _gain(gain: Tensor | None) -> float | None:
    return None if gain is None else float(gain.detach())
