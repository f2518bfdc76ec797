"""Renders a recording with exact ground truth: a scene, a path, a sensor, and the layouts of TUM and EuRoC."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from slam.camera import ImuNoise
from slam.errors import ConfigError
from slam.rendering import motion as motions
from slam.rendering.options import RenderOptions, check_options, image_stamps_ns, rgbd_camera, stereo_camera, times_s
from slam.rendering.scenes import path_through
from slam.rendering.shots import T_LEFT_RIGHT, shoot_pair, shoot_rgbd, studio
from slam.rendering.writer import EurocWriter, TumWriter
from slam.running.pool import Mapped, shared_by
from slam.types import Float64

Progress = Callable[[int, int], None]  # frames done, frames in all
Shoot = Callable[[RenderOptions, Path, int], None]
IMU = ImuNoise(1.7e-4, 2.0e-3, 1.9e-5, 3.0e-3, 200.0)  # the densities of EuRoC's ADIS16448
T_BODY_LEFT = np.array([[0.0, -1.0, 0.0, -0.02], [1.0, 0.0, 0.0, -0.06], [0.0, 0.0, 1.0, 0.01], [0.0, 0.0, 0.0, 1.0]])


def render_recording(options: RenderOptions, out: Path, progress: Progress | None = None) -> None:
    """Render into ``out``: the layout itself, or with layout "both" into ``out/tum`` and ``out/euroc``.

    The same options give the same bytes, whatever ``processes`` is. Raises ConfigError for impossible options,
    MissingExtraError without Open3D.
    """
    check_options(options)
    path = path_through(options)
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"render: {out} holds files already; choose an empty or new folder")
    both = options.layout == "both"
    parts = [(wanted, out / wanted if both else out) for wanted in ("tum", "euroc") if both or options.layout == wanted]
    counted = _Count(len(image_stamps_ns(options)) * len(parts), progress or (lambda done, total: None))
    try:
        with shared_by(options.processes) as mapped:
            for layout, folder in parts:
                WRITTEN[layout](options, path, folder, mapped, counted)
    finally:
        studio.cache_clear()


def imu_biases(count: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Random walks (count, 3) of the gyro's (rad/s) and the accelerometer's (m/s^2) bias, away from 0 at the start."""
    step = 1 / np.sqrt(IMU.rate_hz)
    gyro = rng.normal(0, 2e-3, 3) + np.cumsum(rng.normal(0, IMU.gyro_walk * step, (count, 3)), 0)
    accel = rng.normal(0, 2e-2, 3) + np.cumsum(rng.normal(0, IMU.accel_walk * step, (count, 3)), 0)
    return gyro, accel


class _Count:
    """Frames done so far, over all layouts."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def one_more(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def _shoot_all(shoot: Shoot, options: RenderOptions, folder: Path, mapped: Mapped, counted: _Count) -> None:
    for _ in mapped(partial(shoot, options, folder), range(len(image_stamps_ns(options)))):
        counted.one_more()


def _render_rgbd(options: RenderOptions, path: motions.Path, folder: Path, mapped: Mapped, counted: _Count) -> None:
    stamps = image_stamps_ns(options)
    writer = TumWriter(folder, rgbd_camera(options))
    _shoot_all(shoot_rgbd, options, folder, mapped, counted)
    writer.finish(stamps, path.poses(times_s(stamps)))


def _render_stereo(options: RenderOptions, path: motions.Path, folder: Path, mapped: Mapped, counted: _Count) -> None:
    writer = EurocWriter(folder, stereo_camera(options), T_BODY_LEFT, T_BODY_LEFT @ T_LEFT_RIGHT, options.fps)
    _shoot_all(shoot_pair, options, folder, mapped, counted)
    _write_inertial(options, path, writer)
    writer.finish(image_stamps_ns(options))


def _write_inertial(options: RenderOptions, path: motions.Path, writer: EurocWriter) -> None:
    """Inertial samples from the first image to just after the last, and the body's exact state at every sample."""
    period_ns, stamps = round(1e9 / IMU.rate_hz), image_stamps_ns(options)
    imu_stamps = np.arange(stamps[0], stamps[-1] + period_ns, period_ns)
    motion = motions.body_motion(path, T_BODY_LEFT, times_s(imu_stamps))
    rng = np.random.default_rng([options.seed, 5])
    bias_gyro, bias_accel = (bias * options.noise for bias in imu_biases(len(imu_stamps), rng))
    sigma = options.noise * np.sqrt(IMU.rate_hz)
    gyro = motion.gyro_rad_s + bias_gyro + rng.normal(0, 1, bias_gyro.shape) * sigma * IMU.gyro_density
    accel = motion.accel_m_s2 + bias_accel + rng.normal(0, 1, bias_accel.shape) * sigma * IMU.accel_density
    writer.add_imu(imu_stamps, gyro, accel, IMU)
    all_stamps = np.union1d(imu_stamps, stamps)
    truth = motions.body_motion(path, T_BODY_LEFT, times_s(all_stamps))
    at = np.clip(np.searchsorted(imu_stamps, all_stamps, side="right") - 1, 0, None)
    writer.add_ground_truth(all_stamps, truth, bias_gyro[at], bias_accel[at])


WRITTEN = {"tum": _render_rgbd, "euroc": _render_stereo}
