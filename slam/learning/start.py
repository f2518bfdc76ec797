"""A network that starts as a nearest-neighbour matcher, so that training only has to make it better."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from slam.matching.lightglue import FourierEncoding, LightGlue, NetworkShape
from slam.types import Float32

SHARPNESS = 1.8  # of the first answers: the similarity of a point with itself is about sqrt(width) * 1.8^2
LOUDNESS = 0.2  # of the updates that the layers make at first
FREQUENCIES = (0.5, 16.0)  # rad per half a picture, slowest and fastest


def fresh_network(shape: NetworkShape, descriptors: Float32) -> LightGlue:
    """A network whose first answers are those of a nearest-neighbour search among descriptors (K, input_dim)."""
    network = LightGlue(shape)
    with torch.no_grad():
        if isinstance(network.input_proj, nn.Linear):
            _project_principal(network.input_proj, torch.from_numpy(descriptors))
        _spread_frequencies(network.posenc)
        for name, value in network.named_parameters():
            if name.endswith("ffn.3.weight"):
                value.mul_(LOUDNESS)
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


def _spread_frequencies(encoding: FourierEncoding) -> None:
    count = encoding.Wr.weight.shape[0]
    slow, fast = np.log(FREQUENCIES)
    length = torch.exp(torch.linspace(float(slow), float(fast), count))
    angle = torch.arange(count) * (math.pi * (3 - math.sqrt(5)))
    encoding.Wr.weight.copy_(length[:, None] * torch.stack([angle.cos(), angle.sin()], 1))
