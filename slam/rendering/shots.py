"""Single frames of a recording: taken and written by whichever process is free, for none depends on another."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.geometry import invert
from slam.rendering import sensor
from slam.rendering.options import (
    STEREO_BASELINE_M,
    RenderOptions,
    image_stamps_ns,
    rgbd_camera,
    stereo_camera,
    times_s,
)
from slam.rendering.raycaster import Raycaster, View
from slam.rendering.scenes import build_scene, path_through
from slam.rendering.writer import write_pair, write_rgbd
from slam.types import Float64, Uint8

GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
RGBD_STREAM, STEREO_STREAM = 0, 1  # of random numbers
T_LEFT_RIGHT = np.eye(4)
T_LEFT_RIGHT[0, 3] = STEREO_BASELINE_M


class Studio:
    """A scene with its light, the camera's path through it, and what the sensor makes of the exact views."""

    def __init__(self, options: RenderOptions) -> None:
        scene = build_scene(options)
        path = path_through(options)
        self.stamps_ns = image_stamps_ns(options)
        self._options = options
        self._raycaster = Raycaster(scene, options.lighting)
        times, half = times_s(self.stamps_ns), 0.5 * options.blur / options.fps
        self._poses, self._starts, self._ends = (path.poses(times + shift) for shift in (0.0, -half, half))
        gain = sensor.exposure_gain(times, np.random.default_rng([options.seed, 3]))
        self._gain = gain if options.noise > 0 else np.ones_like(gain)

    def view(self, index: int, camera: Camera, T_left_cam: Float64) -> View:
        return self._raycaster.render(self._poses[index] @ T_left_cam, camera)

    def rng(self, stream: int, index: int, channel: int) -> np.random.Generator:
        return np.random.default_rng([self._options.seed, 1000 + stream, index, channel])

    def color(self, index: int, view: View, camera: Camera, T_left_cam: Float64) -> np.ndarray:
        """RGB (H, W, 3) float32 with what movement and lens do to it."""
        color = view.color
        if self._options.blur > 0:
            T_end_start = invert(self._ends[index] @ T_left_cam) @ self._starts[index] @ T_left_cam
            color = sensor.motion_blurred(view, camera, T_end_start)
        if self._options.noise > 0:
            color = np.asarray(cv2.GaussianBlur(color, (3, 3), 0.45), np.float32)  # the lens
        return color

    def captured(self, index: int, exact: np.ndarray, rng: np.random.Generator) -> Uint8:
        return sensor.captured(exact, float(self._gain[index]), self._options.noise, rng)


@lru_cache(maxsize=1)
def studio(options: RenderOptions) -> Studio:
    """Furnished once in each process that takes part, for all its frames."""
    return Studio(options)


def shoot_rgbd(options: RenderOptions, folder: Path, index: int) -> None:
    """Render one frame of a TUM recording and write its images."""
    here, camera = studio(options), rgbd_camera(options)
    view = here.view(index, camera, np.eye(4))
    color = here.captured(index, here.color(index, view, camera, np.eye(4)), here.rng(RGBD_STREAM, index, 10))
    depth_m = sensor.measured_depth(view, options.depth_noise, here.rng(RGBD_STREAM, index, 1))
    write_rgbd(folder, int(here.stamps_ns[index]), color, depth_m, options.jpeg_quality)


def shoot_pair(options: RenderOptions, folder: Path, index: int) -> None:
    """Render one frame of a EuRoC recording and write its images."""
    here, camera = studio(options), stereo_camera(options)
    pair = []
    for side, T_left_cam in enumerate((np.eye(4), T_LEFT_RIGHT)):
        color = here.color(index, here.view(index, camera, T_left_cam), camera, T_left_cam)
        pair.append(here.captured(index, color @ GREY, here.rng(STEREO_STREAM, index, 10 + side)))
    write_pair(folder, int(here.stamps_ns[index]), pair[0], pair[1], options.jpeg_quality)
