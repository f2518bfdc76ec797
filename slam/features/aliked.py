"""ALIKED (Zhao et al., TIM 2023): sub-pixel keypoints, descriptors from deformable samples. BSD-3-Clause weights.

The feature map at full size is never built: the score head is linear at its start, so each level goes through it
before being enlarged, and descriptors look up only the pixels they need.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.features.aliked_head import DescriptorHead, PixelFeatures
from slam.features.deformable import DeformableConv
from slam.features.network import as_features, load_weights, local_maxima, strongest, to_tensor
from slam.types import Features, Uint8

THRESHOLD = 0.2  # least score (official)
RADIUS = 2  # px, of the non-maximum suppression and of the sub-pixel mean (official)
TEMPERATURE = 0.1  # of the sub-pixel mean (official)
MULTIPLE = 32  # the picture is padded to multiples of it
ENLARGEMENTS = (2, 8, 32)  # of the levels 2, 3, 4


class AlikedExtractor:
    """At most ``max_keypoints`` ALIKED keypoints; the descriptor is as wide as the network's features."""

    name: str
    widths: tuple[int, int, int, int]  # channels of the four blocks
    descriptor_dim: int

    def __init__(self, max_keypoints: int, weights: Path) -> None:
        self._max_keypoints = max_keypoints
        self._network = AlikedNetwork(self.widths, self.descriptor_dim)
        load_weights(self._network, weights)

    @torch.inference_mode()
    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture."""
        size = (image.shape[1], image.shape[0])
        scores, features = self._network(to_tensor(image))
        peaks = local_maxima(scores, RADIUS, THRESHOLD, border=RADIUS)
        strength = scores[peaks[:, 1], peaks[:, 0]]
        kept = strongest(peaks, strength, self._max_keypoints, size)
        xy = refined(peaks[kept], scores)
        return as_features(xy, strength[kept], self._network.desc_head(features, xy), size)


class AlikedT16Extractor(AlikedExtractor):
    """The tiny ALIKED, 64-d."""

    name = "aliked-t16"
    widths = (8, 16, 32, 64)
    descriptor_dim = 64


class AlikedN16Extractor(AlikedExtractor):
    """The normal ALIKED, 128-d."""

    name = "aliked-n16"
    widths = (16, 32, 64, 128)
    descriptor_dim = 128


def refined(peaks: Tensor, scores: Tensor) -> Tensor:
    """Sub-pixel places (K, 2) of peaks (K, 2): the softmax-weighted mean of their neighbourhood (ALIKE, eq. 4)."""
    reach = torch.arange(-RADIUS, RADIUS + 1)
    dy, dx = torch.meshgrid(reach, reach, indexing="ij")
    around = torch.stack([dx.flatten(), dy.flatten()], 1)
    places = peaks[:, None] + around
    weight = torch.softmax(scores[places[..., 1], places[..., 0]] / TEMPERATURE, 1)
    return peaks + weight @ around.float()


class AlikedNetwork(nn.Module):
    """Four blocks at 1, 1/2, 1/8 and 1/32 of the size, and two heads on their union; official parameter names."""

    def __init__(self, widths: tuple[int, int, int, int], dim: int) -> None:
        super().__init__()
        self.block1 = Block(3, widths[0])
        self.block2 = ResidualBlock(widths[0], widths[1], deformable=False)
        self.block3 = ResidualBlock(widths[1], widths[2], deformable=True)
        self.block4 = ResidualBlock(widths[2], widths[3], deformable=True)
        self.conv1, self.conv2, self.conv3, self.conv4 = (nn.Conv2d(w, dim // 4, 1, bias=False) for w in widths)
        self.score_head = nn.Sequential(
            nn.Conv2d(dim, 8, 1, bias=False), nn.SELU(inplace=True), conv3x3(8, 4), nn.SELU(inplace=True),
            conv3x3(4, 4), nn.SELU(inplace=True), conv3x3(4, 1), nn.Sigmoid(),
        )  # fmt: skip
        self.desc_head = DescriptorHead(dim)

    def forward(self, picture: Tensor) -> tuple[Tensor, PixelFeatures]:
        """(1, 1, H, W) in [0, 1] to scores (H, W) and the features of every pixel, to be looked up."""
        height, width = picture.shape[2:]
        padding = [*halves(-width % MULTIPLE), *halves(-height % MULTIPLE)]
        levels = self._levels(functional.pad(picture, padding, mode="replicate"))
        features = PixelFeatures(levels, (width, height), (padding[0], padding[2]))
        scores = self._scores(levels)
        return scores[padding[2] : padding[2] + height, padding[0] : padding[0] + width], features

    def _levels(self, picture: Tensor) -> list[Tensor]:
        x1 = self.block1(picture.expand(-1, 3, -1, -1))
        x2 = self.block2(functional.avg_pool2d(x1, 2))
        x3 = self.block3(functional.avg_pool2d(x2, 4))
        x4 = self.block4(functional.avg_pool2d(x3, 4))
        levels = ((self.conv1, x1), (self.conv2, x2), (self.conv3, x3), (self.conv4, x4))
        return [functional.selu(conv(x)) for conv, x in levels]

    def _scores(self, levels: list[Tensor]) -> Tensor:
        first, *rest = self.score_head
        weights = first.get_parameter("weight").chunk(4, 1)
        parts = [functional.conv2d(level, weight) for level, weight in zip(levels, weights, strict=True)]
        total = parts[0]
        for part, factor in zip(parts[1:], ENLARGEMENTS, strict=True):
            total += functional.interpolate(part, scale_factor=factor, mode="bilinear", align_corners=True)
        for step in rest:
            total = step(total)
        return total[0, 0]


class Block(nn.Module):
    """Two convolutions, each with batch norm and SELU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.selu(self.bn1(self.conv1(x)), inplace=True)
        return functional.selu(self.bn2(self.conv2(x)), inplace=True)


class ResidualBlock(nn.Module):
    """Two convolutions, plain or deformable, added to a linear map of the input."""

    def __init__(self, inputs: int, outputs: int, deformable: bool) -> None:
        super().__init__()
        convolution = DeformableConv if deformable else conv3x3
        self.conv1, self.bn1 = convolution(inputs, outputs), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = convolution(outputs, outputs), nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.selu(self.bn1(self.conv1(x)), inplace=True)
        return functional.selu(self.bn2(self.conv2(inner)) + self.downsample(x), inplace=True)


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def halves(total: int) -> tuple[int, int]:
    """A number of pixels, shared between both sides."""
    return total // 2, total - total // 2
