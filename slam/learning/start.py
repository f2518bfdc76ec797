"""A network that starts as a nearest-neighbour matcher, so that training only has to make it better."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from slam.errors import ConfigError
from slam.learning.options import TrainOptions
from slam.learning.pairs import SceneShards
from slam.matching.attention import FourierEncoding
from slam.matching.lean import LeanLayer
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.weights import load_network
from slam.types import Float32

SHARPNESS = 1.8  # of the first answers: the similarity of a point with itself is about sqrt(width) * 1.8^2
ATTENTION_SHARPNESS = 1.4  # the same of the lean layers' queries and keys across
NEARNESS = 1.5  # constant part of queries and keys at home
LOUDNESS = 0.2  # of the updates that the layers make at first
FREQUENCIES = (0.5, 16.0)  # rad per half a picture, slowest and fastest


def first_network(options: TrainOptions, scenes: SceneShards) -> LightGlue:
    """What a training begins with: ``options.weights``, with every classifier that it can have, or a fresh network.

    Raises ConfigError when there is nothing to train confidences for, WeightsError for a file of something else.
    """
    if options.weights is None:
        if options.stage == "confidence" and not options.resume:
            raise ConfigError("stage: the confidence stage alone needs weights of a matcher; give --weights")
        descriptors = scenes.descriptors(views=64)
        heads = 1 if options.kind == "lean" else options.heads
        shape = NetworkShape(options.width, heads, options.layers, descriptors.shape[1], kind=options.kind, prior=True)
        return fresh_network(shape, descriptors)
    given = load_network(options.weights)
    early = tuple(i for i in given.shape.assignment_layers if i < given.shape.layers - 1)
    if options.stage == "confidence" and not early:
        raise ConfigError(f"weights {options.weights}: no layer but the last can end the matching; give others")
    return _with_shape(
        given, replace(given.shape, confidence_at=early, prior=options.stage != "confidence" or given.shape.prior)
    )


def without_confidence(network: LightGlue) -> LightGlue:
    """The same network without classifiers, so that nobody takes untrained ones seriously."""
    return _with_shape(network, replace(network.shape, confidence_at=()))


def fresh_network(shape: NetworkShape, descriptors: Float32) -> LightGlue:
    """A network whose first answers are those of a nearest-neighbour search among descriptors (K, input_dim)."""
    network = LightGlue(shape)
    with torch.no_grad():
        if isinstance(network.input_proj, nn.Linear):
            _project_principal(network.input_proj, torch.from_numpy(descriptors))
        _spread_frequencies(network.posenc)
        for name, value in network.named_parameters():
            if name.endswith(("ffn.2.weight", "ffn.3.weight")):
                value.mul_(LOUDNESS)
        for block in network.transformers:
            if isinstance(block, LeanLayer):
                _attend_nearby(block)
                _attend_alike(block)
        for layer in shape.assignment_layers:
            nn.init.eye_(network.head(layer).final_proj.weight).mul_(SHARPNESS)
            nn.init.zeros_(network.head(layer).final_proj.bias)
    return network


def _project_principal(projection: nn.Linear, descriptors: Tensor) -> None:
    """Principal components, the strong ones toned down by a fourth root, mean square one per channel."""
    mean = descriptors.mean(0)
    variance, axes = torch.linalg.eigh(torch.cov((descriptors - mean).T))
    width = projection.out_features
    kept = axes[:, -width:] * variance[-width:].clamp(min=1e-8) ** -0.25
    kept = kept / ((descriptors - mean) @ kept).square().mean().sqrt()
    projection.weight.copy_(kept.T)
    projection.bias.copy_(-mean @ kept)


def _attend_nearby(layer: LeanLayer) -> None:
    """Constant queries and keys at home: the rotary encoding then makes points listen to those around them."""
    linear, first = layer.self_attn.qkv, cast(nn.Linear, layer.self_attn.ffn[0])
    width = linear.in_features
    linear.weight[:width] *= 0.5
    linear.bias[:width].zero_()[::2] = NEARNESS
    linear.bias[width:].zero_()
    linear.weight[width:] = torch.eye(width)
    first.weight[::2, width:] = -first.weight[::2, :width]


def _attend_alike(layer: LeanLayer) -> None:
    """Queries across are the strongest components: points listen to those that look alike, and see the difference."""
    linear, first = layer.cross_attn.qkv, cast(nn.Linear, layer.cross_attn.ffn[0])
    width = linear.in_features
    half = width // 2
    nn.init.zeros_(linear.bias)
    nn.init.zeros_(linear.weight)
    linear.weight[:half, half:] = ATTENTION_SHARPNESS * torch.eye(half)
    linear.weight[half:] = torch.eye(width)
    first.weight[::2, width:] = -first.weight[::2, :width]


def _spread_frequencies(encoding: FourierEncoding) -> None:
    count = encoding.Wr.weight.shape[0]
    slow, fast = np.log(FREQUENCIES)
    length = torch.exp(torch.linspace(float(slow), float(fast), count))
    angle = torch.arange(count) * (math.pi * (3 - math.sqrt(5)))
    encoding.Wr.weight.copy_(length[:, None] * torch.stack([angle.cos(), angle.sin()], 1))


def _with_shape(network: LightGlue, shape: NetworkShape) -> LightGlue:
    """A network of that shape with everything that both have in common."""
    other = LightGlue(shape)
    state = {name: value for name, value in network.state_dict().items() if name in other.state_dict()}
    other.load_state_dict(state, strict=False)
    return other.requires_grad_()
