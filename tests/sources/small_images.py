"""What the small recordings of the tests consist of: noise images of 64x48, calibration, stamps at 30 Hz."""

from pathlib import Path

import cv2
import numpy as np

FRAMES, WIDTH, HEIGHT = 12, 64, 48
STAMPS_NS = [1_000_000_000 + round(i * 1e9 / 30) for i in range(FRAMES)]
SENSOR = """%YAML:1.0
sensor_type: camera
T_BS:
  cols: 4
  rows: 4
  data: [0.0, -1.0, 0.0, {y}, 1.0, 0.0, 0.0, {x}, 0.0, 0.0, 1.0, 0.3, 0.0, 0.0, 0.0, 1.0]
resolution: [64, 48]
camera_model: pinhole
intrinsics: [50.0, 51.0, 32.0, 24.0] # fu, fv, cu, cv
distortion_model: {model}
distortion_coefficients: [-0.01, 0.002, 0.0001, 0.0002]
"""
IMU_SENSOR = """%YAML:1.0
rate_hz: 200
gyroscope_noise_density: 1.7e-04
gyroscope_random_walk: 1.9e-05
accelerometer_noise_density: 2.0e-3
accelerometer_random_walk: 3.0e-3
"""


def write_image(path: Path, seed: int, channels: int = 1, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    cv2.imwrite(str(path), image.squeeze())


def write_depth(path: Path, raw: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size[1], size[0]), raw, np.uint16))
