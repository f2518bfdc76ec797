"""XFeat (Potje et al., CVPR 2024): a small network for keypoints, reliability and 64-d descriptors. Apache-2.0."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.features.network import (
    as_features,
    load_weights,
    local_maxima,
    pixels_from_cells,
    sample,
    strongest,
    to_tensor,
)
from slam.types import Features, Uint8

THRESHOLD = 0.05  # least keypoint probability (official)
NMS_RADIUS = 2  # px: a 5 x 5 neighbourhood
CELL = 8  # px of the image per cell of the feature map
MULTIPLE = 32  # the image's sides are brought down to multiples of it


class XFeatExtractor:
    """At most ``max_keypoints`` XFeat keypoints on whole pixels; score is keypoint probability times reliability."""

    name = "xfeat"
    descriptor_dim = 64

    def __init__(self, max_keypoints: int, weights: Path) -> None:
        self._max_keypoints = max_keypoints
        self._network = XFeatNetwork()
        load_weights(self._network, weights)

    @torch.inference_mode()
    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture of at least 32 x 32 px."""
        height, width = image.shape
        inner = (max(height // MULTIPLE, 1) * MULTIPLE, max(width // MULTIPLE, 1) * MULTIPLE)
        picture = to_tensor(image)
        if inner != (height, width):
            picture = functional.interpolate(picture, inner, mode="bilinear", align_corners=False)
        described, logits, reliability = self._network(picture)
        xy, scores = self._keypoints(logits, reliability)
        # The official sampling: -1 and 1 are the first and last pixel, read as the outer edges of the map.
        descriptors = sample(functional.normalize(described, dim=1), to_unit(xy, inner), "bicubic")
        scale = torch.tensor([width / inner[1], height / inner[0]])
        return as_features((xy + 0.5) * scale - 0.5, scores, descriptors, (width, height))

    def _keypoints(self, logits: Tensor, reliability: Tensor) -> tuple[Tensor, Tensor]:
        probability = pixels_from_cells(torch.softmax(logits, 1)[:, :-1])
        peaks = local_maxima(probability, NMS_RADIUS, THRESHOLD)
        size = (probability.shape[1], probability.shape[0])
        xy = peaks.float()
        scores = probability[peaks[:, 1], peaks[:, 0]] * sample(reliability, to_unit(xy, probability.shape))[:, 0]
        kept = strongest(xy, scores, self._max_keypoints, size)
        return xy[kept], scores[kept]


def to_unit(xy: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Pixels (K, 2) to [-1, 1], from the first to the last pixel of an image of shape (height, width)."""
    return xy / torch.tensor([shape[1] - 1, shape[0] - 1]) * 2 - 1


class Layer(nn.Module):
    """Convolution, batch norm without affine part, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.layer = nn.Sequential(convolution, nn.BatchNorm2d(outputs, affine=False), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class XFeatNetwork(nn.Module):
    """The backbone and heads of paper section 3.1, with the official parameter names."""

    unused = frozenset({"fine_matcher"})  # refines dense matches, which we do not make

    def __init__(self) -> None:
        super().__init__()
        self.skip1 = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(1, 24, 1))
        self.block1 = nn.Sequential(Layer(1, 4), Layer(4, 8, stride=2), Layer(8, 8), Layer(8, 24, stride=2))
        self.block2 = nn.Sequential(Layer(24, 24), Layer(24, 24))
        self.block3 = nn.Sequential(Layer(24, 64, stride=2), Layer(64, 64), Layer(64, 64, 1))
        self.block4 = nn.Sequential(Layer(64, 64, stride=2), Layer(64, 64), Layer(64, 64))
        self.block5 = nn.Sequential(Layer(64, 128, stride=2), Layer(128, 128), Layer(128, 128), Layer(128, 64, 1))
        self.block_fusion = nn.Sequential(Layer(64, 64), Layer(64, 64), nn.Conv2d(64, 64, 1))
        self.heatmap_head = nn.Sequential(Layer(64, 64, 1), Layer(64, 64, 1), nn.Conv2d(64, 1, 1), nn.Sigmoid())
        self.keypoint_head = nn.Sequential(
            Layer(64, 64, 1), Layer(64, 64, 1), Layer(64, 64, 1), nn.Conv2d(64, CELL * CELL + 1, 1)
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 1, H, W) to descriptors (1, 64, H/8, W/8), keypoint logits (1, 65, ...), reliability (1, 1, ...)."""
        normal = functional.instance_norm(picture)
        x3 = self.block3(self.block2(self.block1(normal) + self.skip1(normal)))
        x4 = self.block4(x3)
        coarse = [functional.interpolate(x, x3.shape[2:], mode="bilinear") for x in (x4, self.block5(x4))]
        described = self.block_fusion(x3 + coarse[0] + coarse[1])
        logits = self.keypoint_head(functional.pixel_unshuffle(normal, CELL))
        return described, logits, self.heatmap_head(described)
