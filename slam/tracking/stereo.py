"""Disparities of a rectified pair: descriptors along the row, then sub-pixel correlation on it."""

from __future__ import annotations

import cv2
import numpy as np

from slam.tracking.neighbours import is_best, pairs_along
from slam.types import Bool, Features, Float32, Int64, Uint8

MAX_ROW_DIFFERENCE_PX = 2.0
MIN_SIMILARITY = 0.75  # cosine of the descriptors
MIN_DISPARITY_PX = 0.5
HALF_WINDOW_PX = 7
SEARCH_PX = 3  # around the descriptors' answer
MIN_CORRELATION = 0.8
SLANT_STEPS = 3
SLANT_DAMPING = 10.0  # grey values squared: keeps stretch and shear at rest where there is no texture
MAX_SLANT_MOVE_PX = 1.5


def match_rows(left: Uint8, right: Uint8, a: Features, b: Features, max_disparity_px: float) -> Float32:
    """right_x (N,) of the left features a in a rectified pair, NaN where no partner passes every check.

    Partners are mutual best descriptors along the row; the place comes from the pictures themselves.
    """
    right_x = np.full(len(a), np.nan, np.float32)
    if len(a) == 0 or len(b) == 0:
        return right_x
    index_a, index_b = _partners(a, b, max_disparity_px)
    if len(index_a) == 0:
        return right_x
    refined, ok = correlate_on_row(left, right, a.xy[index_a], b.xy[index_b, 0])
    ok &= a.xy[index_a, 0] - refined > MIN_DISPARITY_PX
    right_x[index_a[ok]] = refined[ok]
    return right_x


def correlate_on_row(left: Uint8, right: Uint8, xy: Float32, right_x_guess: Float32) -> tuple[Float32, Bool]:
    """Sub-pixel right_x (N,) by normalised correlation along the row, and whether its peak is inside and high enough.

    Lucas-Kanade was tried: it also moves off the row, and its disparities came out 0.05 to 0.1 px too small.
    """
    template = _normalized(_patches(left, xy, HALF_WINDOW_PX))
    strip = _patches(right, np.column_stack([right_x_guess, xy[:, 1]]), HALF_WINDOW_PX + SEARCH_PX)
    size = 2 * HALF_WINDOW_PX + 1
    shifts = range(2 * SEARCH_PX + 1)
    scores = np.stack([np.sum(template * _normalized(strip[:, :, s : s + size]), axis=(1, 2)) for s in shifts], axis=1)
    best = scores.argmax(1)
    inside = (best > 0) & (best < 2 * SEARCH_PX)
    middle, rows = np.clip(best, 1, 2 * SEARCH_PX - 1), np.arange(len(xy))
    before, peak, after = scores[rows, middle - 1], scores[rows, middle], scores[rows, middle + 1]
    bend = np.minimum(before - 2 * peak + after, -1e-6)
    move = middle - SEARCH_PX + (before - after) / (2 * bend)  # top of a parabola
    right_x = (right_x_guess + move).astype(np.float32)
    ok = inside & (peak > MIN_CORRELATION)
    if not ok.any():
        return right_x, ok
    right_x[ok], move_px = _refined_on_slant(right, xy[ok], right_x[ok], template[ok])
    ok[ok] = move_px < MAX_SLANT_MOVE_PX
    return right_x, ok


def _refined_on_slant(right: Uint8, xy: Float32, right_x: Float32, template: Float32) -> tuple[Float32, Float32]:
    """right_x (N,) where the surface may lean: Gauss-Newton on place, stretch and shear along the row; and the move.

    A window that takes a road for a wall finds it too far away, the more so the larger the window.
    """
    dx = np.arange(-HALF_WINDOW_PX, HALF_WINDOW_PX + 1, dtype=np.float32)[None, None, :]
    dy = dx.transpose(0, 2, 1)
    warp = np.column_stack([right_x, np.ones(len(xy)), np.zeros(len(xy))]).astype(np.float32)  # place, stretch, shear
    for _ in range(SLANT_STEPS):
        x = warp[:, 0, None, None] + warp[:, 1, None, None] * dx + warp[:, 2, None, None] * dy
        seen = _sampled(right, x, xy[:, 1, None, None] + dy + 0 * dx)
        contrast = np.sqrt(np.sum((seen - seen.mean((1, 2), keepdims=True)) ** 2, axis=(1, 2), keepdims=True))
        wanted = template * contrast + seen.mean((1, 2), keepdims=True)
        slope = np.gradient(seen, axis=2) / warp[:, 1, None, None]
        columns = np.stack([slope, slope * dx, slope * dy], axis=-1).reshape(len(xy), -1, 3)
        normal = columns.transpose(0, 2, 1) @ columns + SLANT_DAMPING * np.eye(3, dtype=np.float32)
        gradient = columns.transpose(0, 2, 1) @ (wanted - seen).reshape(len(xy), -1, 1)
        warp = warp + np.linalg.solve(normal, gradient)[:, :, 0]
        warp[:, 1] = np.clip(warp[:, 1], 0.5, 2.0)
    return warp[:, 0], np.abs(warp[:, 0] - right_x)


def _partners(a: Features, b: Features, max_disparity_px: float) -> tuple[Int64, Int64]:
    """Indices (K,) into a and b: mutual best descriptors of nearly one row, in the order of a."""
    index_a, index_b = pairs_along(a.xy[:, 1], b.xy[:, 1], MAX_ROW_DIFFERENCE_PX)
    disparity = a.xy[index_a, 0] - b.xy[index_b, 0]
    allowed = (disparity > -1.0) & (disparity < max_disparity_px)
    index_a, index_b = index_a[allowed], index_b[allowed]
    similarity = np.einsum("kd,kd->k", a.descriptors[index_a], b.descriptors[index_b])
    good = is_best(index_a, similarity) & is_best(index_b, similarity) & (similarity > MIN_SIMILARITY)
    return index_a[good], index_b[good]


def _patches(image: Uint8, xy: np.ndarray, half_width_px: int) -> Float32:
    """(N, 2 HALF_WINDOW_PX + 1, 2 half_width_px + 1) grey values around sub-pixel places."""
    dx = np.arange(-half_width_px, half_width_px + 1)
    dy = np.arange(-HALF_WINDOW_PX, HALF_WINDOW_PX + 1)
    x = (xy[:, 0, None, None] + dx[None, None, :] + 0 * dy[None, :, None]).astype(np.float32)
    y = (xy[:, 1, None, None] + dy[None, :, None] + 0 * dx[None, None, :]).astype(np.float32)
    return _sampled(image, x, y)


def _sampled(image: Uint8, x: Float32, y: Float32) -> Float32:
    """Grey values at places (N, H, W). Lanczos: OpenCV's bicubic misplaces smooth texture by up to 0.05 px."""
    count, height, width = x.shape
    flat = cv2.remap(image, x.reshape(-1, width), y.astype(np.float32).reshape(-1, width), cv2.INTER_LANCZOS4)
    return flat.reshape(count, height, width).astype(np.float32)


def _normalized(patches: Float32) -> Float32:
    """Patches of mean 0 and length 1."""
    centered = patches - patches.mean((1, 2), keepdims=True)
    return centered / (np.sqrt(np.sum(centered**2, axis=(1, 2), keepdims=True)) + 1e-6)
