"""Our own extractor: corners that a small convolutional network ranks and describes, on one CPU core."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from slam.features.corners import CornerMeasure, corner_peaks, refined
from slam.features.network import load_weights
from slam.features.spread import spread_out
from slam.types import Features, Float32, Uint8

MULTIPLE = 16  # the picture is padded to multiples of it
LEAST_LOGIT = math.log(0.05 / 0.95)  # a score of 0.05
CONTRAST_FLOOR = 8.0  # grey levels added to the standard deviation, so that flat pictures are not blown up
DESCRIPTOR_DIM = 64
CELL = 8  # px of the picture per cell of the descriptor grid
WORTH_CELL = 4  # px of the picture per cell of the map of worth


class EarlybirdExtractor:
    """At most ``max_keypoints`` keypoints spread over the picture; the score is the chance to be matched rightly."""

    name = "earlybird"
    descriptor_dim = DESCRIPTOR_DIM

    def __init__(self, max_keypoints: int, weights: Path, runtime: str = "auto") -> None:
        from slam.features.earlybird_runtime import make_runtime

        torch.set_num_threads(1)
        self._max_keypoints = max_keypoints
        network = folded(CompactNetwork())
        load_weights(network, weights)
        self._runtime = make_runtime(runtime, network)
        self._corner_gain = float(network.corner_gain)
        self._measure = CornerMeasure()

    def extract(self, image: Uint8) -> Features:
        """Features of a (H, W) uint8 grey picture of at least 16 x 16 px."""
        picture, scale = standardized(image)
        worth, grid = self._runtime(picture)
        xy, strength = found_corners(image, scale, self._measure)
        logits = looked_up(worth[:, :, None], xy, WORTH_CELL)[:, 0] + self._corner_gain * strength
        xy, logits = xy[logits > LEAST_LOGIT], logits[logits > LEAST_LOGIT]
        size = (image.shape[1], image.shape[0])
        kept = spread_out(xy, logits, self._max_keypoints, size)
        scores = np.float32(1.0) / (np.float32(1.0) + np.exp(-logits[kept]))
        return Features(xy[kept], scores, unit(looked_up(grid, xy[kept], CELL)), size)


class CompactNetwork(nn.Module):
    """Plain 3x3 convolutions at 1/4, 1/8 and 1/16 of the size: 0.72 GFLOP for 640x480, 0.12 M parameters.

    Thin layers at full size would be slow on a CPU, so the picture enters as 16 channels at a quarter of its size.
    Where exactly a corner is, no layer at that size can say: a formula does (``slam.features.corners``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.PixelUnshuffle(4), convolution(16, 24))
        self.middle = nn.Sequential(convolution(24, 48, stride=2), convolution(48, 48))
        self.coarse = nn.Sequential(convolution(48, 64, stride=2), convolution(64, 64), nn.Conv2d(64, 48, 1))
        self.describe = nn.Sequential(nn.ReLU(), convolution(48, 64, kernel=1), nn.Conv2d(64, 64, 1))
        self.context = nn.Conv2d(48, 24, 1)
        self.judge = nn.Sequential(convolution(24, 32, kernel=1), nn.Conv2d(32, 1, 1))
        self.corner_gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised (B, 1, H, W), sides multiples of 16, to worth (B, 1, H/4, W/4) and (B, 64, H/8, W/8).

        A corner's logit is the worth of its place plus ``corner_gain`` times its strength (see ``found_corners``).
        """
        fine = self.fine(picture)
        middle = self.middle(fine)
        middle = middle + enlarged(self.coarse(middle))
        return self.judge(fine + enlarged(self.context(middle))), self.describe(middle)


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


def standardized(image: Uint8) -> tuple[Float32, float]:
    """(H', W') float32 picture of mean 0 and variance about 1, its rim repeated up to multiples of 16; and the scale.

    The scale is what one grey level has become.
    """
    height, width = image.shape
    mean, deviation = cv2.meanStdDev(image)
    scale = 1.0 / (float(deviation[0, 0]) + CONTRAST_FLOOR)
    picture = image.astype(np.float32)
    picture -= np.float32(mean[0, 0])
    picture *= np.float32(scale)
    below, right = -height % MULTIPLE, -width % MULTIPLE
    if below or right:
        return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.float32), scale
    return picture, scale


def found_corners(image: Uint8, scale: float, measure: CornerMeasure) -> tuple[Float32, Float32]:
    """(N, 2) sub-pixel places of all corners, and their strength (N,): the logarithm of the measure's root.

    scale: what one grey level counts, so that the strength does not hang on the picture's contrast.
    """
    values = measure(image)
    peaks = corner_peaks(values)
    x, y = peaks.T
    return refined(peaks, values), np.float32(0.5) * np.log(values[y, x]) + np.float32(math.log(scale))


def looked_up(grid: Float32, xy: Float32, cell: int) -> Float32:
    """(K, C) values at pixels (K, 2), bilinear in a grid (h, w, C) of cells of ``cell`` px: what ``sampled`` does."""
    height, width = grid.shape[:2]
    cells = (xy + np.float32(0.5)) / np.float32(cell) - np.float32(0.5)
    x, y = np.clip(cells[:, 0], 0, width - 1), np.clip(cells[:, 1], 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    u, v = (x % 1)[:, None], (y % 1)[:, None]
    upper = grid[top, left] * (1 - u) + grid[top, right] * u
    lower = grid[below, left] * (1 - u) + grid[below, right] * u
    return upper * (1 - v) + lower * v


def unit(rows: Float32) -> Float32:
    """Every row (K, C) made of length 1."""
    lengths = np.sqrt(np.einsum("kc,kc->k", rows, rows))
    return rows / np.maximum(lengths, np.float32(1e-12))[:, None]


def sampled(grid: Tensor, xy: Tensor, cell: int) -> Tensor:
    """(B, K, C) values at pixels (B, K, 2), bilinear in a grid (B, C, h, w) of cells of ``cell`` px."""
    extent = cell * torch.tensor([grid.shape[3], grid.shape[2]], dtype=torch.float32, device=xy.device)
    places = 2.0 * (xy + 0.5) / extent - 1.0
    return functional.grid_sample(grid, places[:, None], padding_mode="border", align_corners=False)[:, :, 0].mT
