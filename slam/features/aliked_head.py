"""ALIKED's sparse deformable descriptor head (Zhao et al., TIM 2023, section III-C)."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

SAMPLES = 16  # deformable places per keypoint
PATCH = 3  # px, side of the patch that decides on them


class PixelFeatures:
    """The unit-length feature of any pixel, put together from the levels of the network on demand."""

    def __init__(self, levels: list[Tensor], size: tuple[int, int], corner: tuple[int, int]) -> None:
        """levels: (1, D / 4, h, w), the first at full size; size: (width, height) and corner of the picture in it."""
        self.size = size
        self.dim = sum(level.shape[1] for level in levels)
        self._levels = levels
        self._corner = torch.tensor(corner)
        height, width = levels[0].shape[2:]
        self._last = torch.tensor([width - 1, height - 1])

    def at(self, pixels: Tensor) -> Tensor:
        """(K, D) features of whole pixels (K, 2) of the picture, x first."""
        padded = pixels + self._corner
        full = self._levels[0][0, :, padded[:, 1], padded[:, 0]].T
        grid = (padded / self._last * 2 - 1)[None, None]
        coarse = [functional.grid_sample(x, grid, align_corners=True)[0, :, 0].T for x in self._levels[1:]]
        return functional.normalize(torch.cat([full, *coarse], 1), dim=1)

    def between(self, xy: Tensor) -> Tensor:
        """(K, D) features at places (K, 2) between pixels, bilinear; zero beyond the picture's rim."""
        low = xy.floor()
        fraction = xy - low
        corners = low[:, None] + torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]])  # (K, 4, 2)
        share = torch.stack([1 - fraction, fraction], 1)  # (K, 2, 2): low or high, x or y
        weight = (share[:, None, :, 1].mT * share[:, None, :, 0]).flatten(1)  # (K, 4)
        last = torch.tensor(self.size) - 1
        weight = weight * ((corners >= 0) & (corners <= last)).all(2)
        pixels = corners.clamp(min=torch.zeros(2), max=last).long()
        return (weight[:, None] @ self._at_once(pixels)).squeeze(1)

    def _at_once(self, pixels: Tensor) -> Tensor:
        """(..., D) features of pixels (..., 2), each distinct pixel looked up once."""
        number = pixels[..., 1] * self.size[0] + pixels[..., 0]
        distinct, which = number.unique(return_inverse=True)
        return self.at(torch.stack([distinct % self.size[0], distinct // self.size[0]], 1))[which]


class DescriptorHead(nn.Module):
    """A descriptor from SAMPLES places around the keypoint, chosen by its 3 x 3 patch; official parameter names."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.offset_conv = nn.Sequential(
            nn.Conv2d(dim, 2 * SAMPLES, PATCH), nn.SELU(inplace=True), nn.Conv2d(2 * SAMPLES, 2 * SAMPLES, 1)
        )
        self.sf_conv = nn.Conv2d(dim, dim, 1, bias=False)
        self.agg_weights = nn.Parameter(torch.zeros(SAMPLES, dim, dim))

    def forward(self, features: PixelFeatures, xy: Tensor) -> Tensor:
        """Descriptors (K, D), not yet of unit length, of keypoints (K, 2) px."""
        limit = max(features.size) / 4
        offsets = self.offset_conv(patches(features, xy)).clamp(-limit, limit).view(-1, 2, SAMPLES)
        places = xy[:, None] + offsets.mT
        found = features.between(places.reshape(-1, 2))
        mixed = functional.selu(found @ self.sf_conv.weight[:, :, 0, 0].T)
        return mixed.view(len(xy), SAMPLES * features.dim) @ self.agg_weights.flatten(0, 1)


def patches(features: PixelFeatures, xy: Tensor) -> Tensor:
    """(K, D, 3, 3) features around the pixel that holds each keypoint, moved inwards at the rim."""
    reach = torch.arange(PATCH) - PATCH // 2
    dy, dx = torch.meshgrid(reach, reach, indexing="ij")
    last = torch.tensor(features.size) - 1 - PATCH // 2
    centre = xy.long().clamp(min=torch.full((2,), PATCH // 2), max=last)
    pixels = centre[:, None] + torch.stack([dx.flatten(), dy.flatten()], 1)
    return features.at(pixels.reshape(-1, 2)).view(len(xy), PATCH, PATCH, features.dim).permute(0, 3, 1, 2)
