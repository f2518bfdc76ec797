"""Deformable convolution (Dai et al., ICCV 2017) in plain PyTorch: every tap reads at a learnt place of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


def deformable_conv2d(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """3 x 3 (or any odd size) convolution whose taps are displaced; beyond the rim there are zeros.

    x: (1, C, h, w); offsets: (1, 2 K, h, w) px, the taps in row order, for each first y then x; weight: (O, C, k, k)
    with K = k * k. Stride 1, padding k // 2. Returns (1, O, h, w).
    """
    _, channels, height, width = x.shape
    kernel = weight.shape[-1]
    reach = torch.arange(kernel) - kernel // 2
    taps = torch.stack(torch.meshgrid(reach, reach, indexing="ij"), -1).reshape(-1, 2, 1, 1)
    pixels = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))
    yx = pixels + taps + offsets.view(kernel * kernel, 2, height, width)
    # grid_sample's -1 and 1 are the outer edges of the rim pixels
    grid = torch.stack([(2 * yx[:, 1] + 1) / width - 1, (2 * yx[:, 0] + 1) / height - 1], -1)
    read = functional.grid_sample(x, grid.view(1, -1, width, 2), align_corners=False)
    columns = read.view(channels * kernel * kernel, height * width)
    return (weight.flatten(1) @ columns).view(1, -1, height, width)


class DeformableConv(nn.Module):
    """Deformable 3 x 3 convolution; a second convolution says where to read. Parameter names as in ALIKED."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(inputs, 2 * 9, 3, padding=1)
        self.regular_conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        limit = max(x.shape[2:]) / 4
        return deformable_conv2d(x, self.offset_conv(x).clamp(-limit, limit), self.regular_conv.weight)
