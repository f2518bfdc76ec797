"""What a real camera adds to an exact picture: motion blur, exposure, vignetting, noise, errors of depth."""

from __future__ import annotations

import cv2
import numpy as np

from slam.camera import Camera
from slam.rendering.atlas import sampled
from slam.rendering.raycaster import View
from slam.types import Float32, Float64, Uint8

READ_SIGMA = 0.9  # grey levels
SHOT_FACTOR = 0.012  # variance per grey level
VIGNETTING = 0.16  # loss in the corners
RANGE_M = (0.4, 8.0)
STEPS_M = 580.0 * 0.075 * 6  # focal length px, baseline m, steps of 1/6 px of disparity: a depth step is z^2 / this
GRAZING_COSINE = 0.14
MAX_TAPS = 9
WINDOW_PX = 9.0  # over which the depth sensor matches its pattern


def motion_blurred(view: View, camera: Camera, T_end_start: Float64) -> Float32:
    """Colour (H, W, 3) averaged along each pixel's own way during the exposure.

    ``T_end_start`` takes points from the camera at the start of the exposure to the camera at its end; the view is
    the middle. The way is taken as straight and the same for a pixel and the surface it sees (no second render).
    """
    flow = _flow(view.depth_m, camera, T_end_start)
    longest = float(np.percentile(np.abs(flow).max(-1), 99))
    taps = int(np.clip(np.ceil(longest * 1.5), 1, MAX_TAPS))
    if taps < 2:
        return view.color
    x, y = np.meshgrid(np.arange(camera.width, dtype=np.float32), np.arange(camera.height, dtype=np.float32))
    grid, total = np.stack([x, y], -1), np.zeros_like(view.color)
    for share in (np.arange(taps) + 0.5) / taps - 0.5:
        at = grid + np.float32(share) * flow
        total += sampled(view.color, at)
    return total / np.float32(taps)


def _flow(depth_m: Float32, camera: Camera, T_end_start: Float64) -> Float32:
    """(H, W, 2) px that each pixel moves; rows without depth count as far away."""
    z = np.where(np.isfinite(depth_m), depth_m, 100.0).astype(np.float32)
    x, y = np.meshgrid(
        (np.arange(camera.width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx),
        (np.arange(camera.height, dtype=np.float32) - np.float32(camera.cy)) / np.float32(camera.fy),
    )
    rays = np.stack([x, y, np.ones_like(x)], -1)
    moved = (rays * z[..., None]) @ T_end_start[:3, :3].T.astype(np.float32) + T_end_start[:3, 3].astype(np.float32)
    ahead = np.maximum(moved[..., 2:], np.float32(0.05))
    return (moved[..., :2] / ahead - rays[..., :2]) * np.array([camera.fx, camera.fy], np.float32)


def exposure_gain(times_s: Float64, rng: np.random.Generator) -> Float64:
    """(T,) smooth gain around 1, as of an automatic exposure: between about 0.8 and 1.2 within seconds."""
    hz, phase = rng.uniform(0.05, 0.3, 3), rng.uniform(0, 2 * np.pi, 3)
    return np.exp(0.07 * np.sin(2 * np.pi * times_s[:, None] * hz + phase).sum(-1))


def captured(color: Float32, gain: float, noise: float, rng: np.random.Generator) -> Uint8:
    """8-bit image of an exact one (H, W, 3) or (H, W): gain, vignetting, shot and read noise times ``noise``."""
    height, width = color.shape[:2]
    radius = np.hypot(*np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))) / np.sqrt(2)
    falloff = (gain * (1 - VIGNETTING * radius**2)).astype(np.float32)
    image = color * (falloff if color.ndim == 2 else falloff[..., None])
    if noise > 0:
        sigma = np.sqrt(READ_SIGMA**2 + SHOT_FACTOR * np.maximum(image, 0)) * np.float32(noise)
        image = image + sigma * rng.standard_normal(image.shape, np.float32)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def measured_depth(view: View, noise: float, rng: np.random.Generator) -> Float32:
    """(H, W) z-depth in metres as a structured-light sensor gives it, 0 where it gives none.

    Axial noise 0.0012 + 0.0019 (z - 0.4)^2 m (Nguyen, Izadi & Lovell 2012, eq. 3), correlated over the sensor's
    matching window; steps that grow with the square of the distance (disparity steps); holes at grazing angles, at
    jumps in depth, and outside 0.4 to 8 m. ``noise`` 0 leaves the exact depth within the range.
    """
    z = np.where(np.isfinite(view.depth_m), view.depth_m, np.float32(0.0))
    usable = (z >= RANGE_M[0]) & (z <= RANGE_M[1])
    if noise <= 0:
        return np.where(usable, z, np.float32(0.0))
    step = z**2 / STEPS_M
    axial = 0.0012 + 0.0019 * (z - 0.4) ** 2
    sigma = noise * np.sqrt(np.maximum(axial**2 - step**2 / 12, 0.0))  # rounding to steps brings the rest
    noisy = np.maximum(z + sigma * _correlated(rng, z.shape, WINDOW_PX), 0.05)
    stepped = STEPS_M / np.maximum(np.round(STEPS_M / noisy), 1)
    rough = _correlated(rng, z.shape, 3.0)
    grazing = view.cosine < GRAZING_COSINE * (1 + 0.4 * rough)
    near, far = (tool(z, np.ones((3, 3), np.uint8)) for tool in (cv2.erode, cv2.dilate))
    jump = (far - near > 0.06 * z) & (rough > -0.9)
    return np.where(usable & ~grazing & ~jump, stepped, 0.0).astype(np.float32)


def _correlated(rng: np.random.Generator, shape: tuple[int, ...], cell_px: float) -> Float32:
    """Noise (H, W) of deviation about 1, alike within ``cell_px``."""
    height, width = shape[:2]
    grid = rng.standard_normal((int(height / cell_px) + 2, int(width / cell_px) + 2), np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
