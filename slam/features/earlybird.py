"""Our own extractor: a small convolutional network for sub-pixel keypoints and 64-d descriptors on one CPU core."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.features.network import greatest, load_weights
from slam.features.spread import spread_out
from slam.types import Features, Float32, Int64, Uint8

MULTIPLE = 16  # the picture is padded to multiples of it
NMS_RADIUS = 2  # px: a 5 x 5 neighbourhood
LEAST_LOGIT = math.log(0.05 / 0.95)  # a score of 0.05
FLAT_LOGIT = math.log(1e-4)  # scores below tell nothing about where the top is
BORDER = 3  # px at the rim where nothing is kept
CONTRAST_FLOOR = 8.0  # grey levels added to the standard deviation, so that flat pictures are not blown up
DESCRIPTOR_DIM = 64
CELL = 8  # px of the picture per cell of the descriptor grid


class EarlybirdExtractor:
    """At most ``max_keypoints`` keypoints spread over the picture; the score is the chance to be found again."""

    name = "earlybird"
    descriptor_dim = DESCRIPTOR_DIM

    def __init__(self, max_keypoints: int, weights: Path, runtime: str = "auto") -> None:
        from slam.features.earlybird_runtime import make_runtime

        torch.set_num_threads(1)
        self._max_keypoints = max_keypoints
        network = folded(CompactNetwork())
        load_weights(network, weights)
        self._runtime = make_runtime(runtime, network)

    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture of at least 16 x 16 px."""
        height, width = image.shape
        logits, grid = self._runtime(standardized(image))
        return self._chosen(logits[:height, :width], grid, (width, height))

    def _chosen(self, logits: Float32, grid: Float32, size: tuple[int, int]) -> Features:
        peaks = greatest(logits, NMS_RADIUS, LEAST_LOGIT, BORDER)
        strength = logits[peaks[:, 1], peaks[:, 0]]
        kept = spread_out(peaks.astype(np.float32), strength, self._max_keypoints, size)
        xy = refined(peaks[kept], logits)
        scores = np.float32(1.0) / (np.float32(1.0) + np.exp(-strength[kept]))
        return Features(xy, scores, looked_up(grid, xy), size)


class CompactNetwork(nn.Module):
    """Plain 3x3 convolutions at 1/4, 1/8 and 1/16 of the size: 0.96 GFLOP for 640x480, 0.12 M parameters.

    Thin layers at full size would be slow on a CPU, so the picture enters as 16 channels at a quarter of its size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.PixelUnshuffle(4), convolution(16, 24))
        self.middle = nn.Sequential(convolution(24, 48, stride=2), convolution(48, 48))
        self.coarse = nn.Sequential(convolution(48, 64, stride=2), convolution(64, 64), nn.Conv2d(64, 48, 1))
        self.describe = nn.Sequential(nn.ReLU(), convolution(48, 64, kernel=1), nn.Conv2d(64, 64, 1))
        self.context = nn.Conv2d(48, 24, 1)
        self.detect = nn.Sequential(convolution(24, 32), nn.Conv2d(32, 16, 1), nn.PixelShuffle(4))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised (B, 1, H, W), sides multiples of 16, to keypoint logits (B, 1, H, W) and (B, 64, H/8, W/8)."""
        fine = self.fine(picture)
        middle = self.middle(fine)
        middle = middle + enlarged(self.coarse(middle))
        return self.detect(fine + enlarged(self.context(middle))), self.describe(middle)


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def enlarged(x: Tensor) -> Tensor:
    """Twice as high and wide."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def folded(network: CompactNetwork) -> CompactNetwork:
    """The same network with every batch norm worked into the convolution before it; the argument is used up."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.BatchNorm2d):
            module.eval()
            module[0] = torch.nn.utils.fuse_conv_bn_eval(cast(nn.Conv2d, module[0]), module[1])
            module[1] = nn.Identity()
    return network


def channels_last(network: CompactNetwork) -> CompactNetwork:
    """The same network, its weights laid out so that convolutions on a CPU are a quarter faster."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs know tensors only
    return network


def standardized(image: Uint8) -> Float32:
    """(H', W') float32 picture of mean 0 and variance about 1, its rim repeated up to multiples of 16."""
    height, width = image.shape
    mean, deviation = cv2.meanStdDev(image)
    scale = 1.0 / (float(deviation[0, 0]) + CONTRAST_FLOOR)
    picture = image.astype(np.float32)
    picture -= np.float32(mean[0, 0])
    picture *= np.float32(scale)
    below, right = -height % MULTIPLE, -width % MULTIPLE
    if below or right:
        return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.float32)
    return picture


def refined(peaks: Int64, logits: Float32) -> Float32:
    """Sub-pixel places (K, 2) of peaks (K, 2) in logits (H, W): the top of a parabola by axis.

    The parabola goes through the logarithms of the scores: exact where they are a Gaussian bump, which is what the
    network is trained to draw.
    """
    x, y = peaks.T
    around = logits[y + np.array([[0], [0], [0], [-1], [1]]), x + np.array([[0], [-1], [1], [0], [0]])]
    middle, left, right, above, below = -np.log1p(np.exp(-np.maximum(around, FLAT_LOGIT)))
    tops = [_top(left, middle, right), _top(above, middle, below)]
    return peaks.astype(np.float32) + np.stack(tops, 1)


def looked_up(grid: Float32, xy: Float32) -> Float32:
    """(K, C) unit descriptors at pixels (K, 2): what ``described`` does, in a grid (h, w, C), and made of length 1."""
    height, width = grid.shape[:2]
    cells = (xy + np.float32(0.5)) / np.float32(CELL) - np.float32(0.5)
    x, y = np.clip(cells[:, 0], 0, width - 1), np.clip(cells[:, 1], 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = (x % 1)[:, None], (y % 1)[:, None]
    upper = grid[top, left] * (1 - u) + grid[top, right] * u
    lower = grid[below, left] * (1 - u) + grid[below, right] * u
    found = upper * (1 - v) + lower * v
    lengths = np.sqrt(np.einsum("kc,kc->k", found, found))
    return found / np.maximum(lengths, np.float32(1e-12))[:, None]


def described(grid: Tensor, xy: Tensor) -> Tensor:
    """(B, K, C) descriptors at pixels (B, K, 2), bilinear in a grid (B, C, h, w) of cells of 8 px."""
    cells = torch.tensor([grid.shape[3], grid.shape[2]], dtype=torch.float32, device=xy.device)
    places = (xy + 0.5) / (4.0 * cells) - 1.0
    return functional.grid_sample(grid, places[:, None], padding_mode="border", align_corners=False)[:, :, 0].mT


def _top(before: Float32, middle: Float32, after: Float32) -> Float32:
    bend = np.minimum(before - 2 * middle + after, np.float32(-1e-3))
    return np.clip(np.float32(0.5) * (before - after) / bend, -0.5, 0.5)
