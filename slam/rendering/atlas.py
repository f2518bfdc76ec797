"""All textures of a scene in one image with mip levels, so that a whole frame is looked up by a few cv2.remap calls."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.types import Float32, Float64, Uint8

WIDTH = 4096  # texels; the height follows
GUTTER = 8  # texels of repeated border: keeps neighbours out of the coarse levels
LEVELS = 5
SHARPNESS = 0.3  # levels finer than the footprint asks for: crisp, and the pixel's own blur hides the rest


@dataclass(frozen=True, eq=False)
class Atlas:
    """Mip levels, finest first, and where each texture starts in the finest."""

    levels: list[Uint8]  # (H >> k, W >> k, 3)
    corners_px: Float64  # (F, 2) x, y of each texture's first texel

    def lookup(self, xy: Float32, texels_per_pixel: Float32) -> Float32:
        """RGB (H, W, 3) float32 at atlas positions (H, W, 2), trilinear, level from the footprint (H, W)."""
        level = np.clip(np.log2(np.maximum(texels_per_pixel, 1e-3)) - SHARPNESS, 0, LEVELS - 1).astype(np.float32)
        color = np.zeros((*level.shape, 3), np.float32)
        for k, image in enumerate(self.levels):
            weight = np.maximum(1 - np.abs(level - k), 0)
            if not weight.any():
                continue
            at = (xy + 0.5) * np.float32(0.5**k) - 0.5
            color += sampled(image, at) * weight[..., None]
        return color


def sampled(image: Uint8 | Float32, xy: Float32) -> Float32:
    """RGB (h, w, 3) float32 of an image at pixels (h, w, 2), bilinear, its border repeated."""
    x, y = (np.ascontiguousarray(xy[..., i]) for i in (0, 1))
    color = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(color, np.float32)


def pack(textures: list[Uint8]) -> Atlas:
    """Place textures in rows by falling height, each with its gutter on a grid that survives the mip levels."""
    corners = np.zeros((len(textures), 2))
    x = y = row_height = 0
    for i in sorted(range(len(textures)), key=lambda i: -textures[i].shape[0]):
        height, width = (_padded(side) for side in textures[i].shape[:2])
        if x + width > WIDTH:
            x, y, row_height = 0, y + row_height, 0
        corners[i] = x + GUTTER, y + GUTTER
        x, row_height = x + width, max(row_height, height)
    image = np.zeros((_padded(y + row_height), WIDTH, 3), np.uint8)
    for (left, top), texture in zip(corners.astype(int), textures):
        _paste(image, texture, left, top)
    levels: list[Uint8] = [image]
    for _ in range(LEVELS - 1):
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return Atlas(levels, corners)


def _paste(image: Uint8, texture: Uint8, left: int, top: int) -> None:
    height, width = texture.shape[:2]
    down, right = (_padded(side) - side - GUTTER for side in (height, width))
    framed = cv2.copyMakeBorder(texture, GUTTER, down, GUTTER, right, cv2.BORDER_REPLICATE)
    image[top - GUTTER : top + height + down, left - GUTTER : left + width + right] = framed


def _padded(side: int) -> int:
    cell = 1 << (LEVELS - 1)
    return -(-(side + 2 * GUTTER) // cell) * cell
