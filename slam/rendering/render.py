"""Renders a recording with exact ground truth: a room, a path, a sensor, and the layouts of TUM and EuRoC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera, ImuNoise
from slam.errors import ConfigError
from slam.geometry import invert
from slam.rendering import motion as motions
from slam.rendering import sensor
from slam.rendering.raycaster import Raycaster, View
from slam.rendering.scene import build_room
from slam.rendering.writer import EurocWriter, TumWriter
from slam.types import Float64, Int64, Uint8

Progress = Callable[[int, int], None]  # frames done, frames in all
LAYOUTS = ("tum", "euroc", "both")
START_NS = 1_600_000_000_000_000_000
STEREO_BASELINE_M = 0.11
RGBD_FOCAL, STEREO_FOCAL = 0.82, 0.70  # of the image's width
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
IMU = ImuNoise(1.7e-4, 2.0e-3, 1.9e-5, 3.0e-3, 200.0)  # the densities of EuRoC's ADIS16448
T_BODY_LEFT = np.array([[0.0, -1.0, 0.0, -0.02], [1.0, 0.0, 0.0, -0.06], [0.0, 0.0, 1.0, 0.01], [0.0, 0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class RenderOptions:
    seconds: float = 6.0  # length of the recording
    frames: int = 0  # most images, 0 for as many as the seconds hold
    fps: float = 30.0
    motion: str = "handheld"  # handheld, orbit, forward, rotation, still
    speed: float = 1.0  # of the motion; 1 is about 0.4 m/s
    loops: int = 0  # how many times the path comes back to its start
    seed: int = 0  # of textures, furniture, path and noise
    lighting: str = "day"  # day, dim, lamp
    repeated_furniture: bool = False  # identical chairs, cartons, books, prints and tiles
    blur: float = 0.25  # exposure as a share of the time between frames, 0 for none
    noise: float = 1.0  # times a usual sensor's, 0 for none
    layout: str = "tum"  # tum (RGB-D), euroc (stereo and IMU), both (in folders of these names)
    width: int = 640  # px
    height: int = 480  # px
    jpeg_quality: int = 85
    depth_noise: float = 1.0  # times a structured-light sensor's, 0 for exact depth


def render_recording(options: RenderOptions, out: Path, progress: Progress | None = None) -> None:
    """Render into ``out``: the layout itself, or with layout "both" into ``out/tum`` and ``out/euroc``.

    The same options give the same bytes. Raises ConfigError for impossible options, MissingExtraError without Open3D.
    """
    _check(options)
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"render: {out} holds files already; choose an empty or new folder")
    room = build_room(options.seed, options.repeated_furniture)
    path = motions.make_path(
        options.motion,
        room.clear_min_world,
        room.clear_max_world,
        options.seconds,
        options.loops,
        options.speed,
        options.seed,
    )
    raycaster = Raycaster(room, options.lighting)
    both = options.layout == "both"
    total = _image_count(options) * (2 if both else 1)
    report = progress or (lambda done, total: None)
    if options.layout != "euroc":
        _render_rgbd(options, path, raycaster, out / "tum" if both else out, lambda done: report(done, total))
    if options.layout != "tum":
        before = _image_count(options) if both else 0
        _render_stereo(
            options, path, raycaster, out / "euroc" if both else out, lambda done: report(before + done, total)
        )


def image_stamps_ns(options: RenderOptions) -> Int64:
    """(N,) stamps of the images: the middle of each exposure, in whole microseconds."""
    return START_NS + np.round(np.arange(_image_count(options)) * 1e6 / options.fps).astype(np.int64) * 1000


def rgbd_camera(options: RenderOptions) -> Camera:
    return _camera(options, RGBD_FOCAL)


def stereo_camera(options: RenderOptions) -> Camera:
    """Left and right alike; the right one stands STEREO_BASELINE_M along the left one's x."""
    return _camera(options, STEREO_FOCAL)


def imu_biases(count: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Random walks (count, 3) of the gyro's (rad/s) and the accelerometer's (m/s^2) bias, away from 0 at the start."""
    step = 1 / np.sqrt(IMU.rate_hz)
    gyro = rng.normal(0, 2e-3, 3) + np.cumsum(rng.normal(0, IMU.gyro_walk * step, (count, 3)), 0)
    accel = rng.normal(0, 2e-2, 3) + np.cumsum(rng.normal(0, IMU.accel_walk * step, (count, 3)), 0)
    return gyro, accel


def _render_rgbd(
    options: RenderOptions, path: motions.Path, raycaster: Raycaster, out: Path, done: Callable[[int], None]
) -> None:
    camera, stamps = rgbd_camera(options), image_stamps_ns(options)
    writer = TumWriter(out, camera, options.jpeg_quality)
    shoot = _Shutter(options, path, stamps, 0)
    poses = path.poses(_times_s(stamps))
    for i, (stamp_ns, T_world_cam) in enumerate(zip(stamps.tolist(), poses)):
        view = raycaster.render(T_world_cam, camera)
        color = shoot.image(i, view, camera, np.eye(4), 0)
        depth_m = sensor.measured_depth(view, options.depth_noise, shoot.rng(i, 1))
        writer.add(stamp_ns, color, depth_m, T_world_cam)
        done(i + 1)
    writer.finish()


def _render_stereo(
    options: RenderOptions, path: motions.Path, raycaster: Raycaster, out: Path, done: Callable[[int], None]
) -> None:
    camera, stamps = stereo_camera(options), image_stamps_ns(options)
    T_left_right = np.eye(4)
    T_left_right[0, 3] = STEREO_BASELINE_M
    writer = EurocWriter(out, camera, T_BODY_LEFT, T_BODY_LEFT @ T_left_right, options.fps, options.jpeg_quality)
    shoot = _Shutter(options, path, stamps, 1)
    for i, (stamp_ns, T_world_left) in enumerate(zip(stamps.tolist(), path.poses(_times_s(stamps)))):
        pair = [
            shoot.image(i, raycaster.render(T_world_left @ T_left_cam, camera), camera, T_left_cam, side, is_grey=True)
            for side, T_left_cam in enumerate((np.eye(4), T_left_right))
        ]
        writer.add(stamp_ns, pair[0], pair[1])
        done(i + 1)
    _write_inertial(options, path, writer, stamps)
    writer.finish()


def _write_inertial(options: RenderOptions, path: motions.Path, writer: EurocWriter, stamps: Int64) -> None:
    """Inertial samples from the first image to just after the last, and the body's exact state at every sample."""
    period_ns = round(1e9 / IMU.rate_hz)
    imu_stamps = np.arange(stamps[0], stamps[-1] + period_ns, period_ns)
    motion = motions.body_motion(path, T_BODY_LEFT, _times_s(imu_stamps))
    rng = np.random.default_rng([options.seed, 5])
    bias_gyro, bias_accel = (bias * options.noise for bias in imu_biases(len(imu_stamps), rng))
    sigma = options.noise * np.sqrt(IMU.rate_hz)
    gyro = motion.gyro_rad_s + bias_gyro + rng.normal(0, 1, bias_gyro.shape) * sigma * IMU.gyro_density
    accel = motion.accel_m_s2 + bias_accel + rng.normal(0, 1, bias_accel.shape) * sigma * IMU.accel_density
    writer.add_imu(imu_stamps, gyro, accel, IMU)
    all_stamps = np.union1d(imu_stamps, stamps)
    truth = motions.body_motion(path, T_BODY_LEFT, _times_s(all_stamps))
    at = np.clip(np.searchsorted(imu_stamps, all_stamps, side="right") - 1, 0, None)
    writer.add_ground_truth(all_stamps, truth, bias_gyro[at], bias_accel[at])


class _Shutter:
    """Turns exact views into what the sensor records: blur along the path, exposure, noise."""

    def __init__(self, options: RenderOptions, path: motions.Path, stamps: Int64, stream: int) -> None:
        self._options = options
        self._stream = stream
        times, half = _times_s(stamps), 0.5 * options.blur / options.fps
        self._starts, self._ends = path.poses(times - half), path.poses(times + half)
        gain = sensor.exposure_gain(times, np.random.default_rng([options.seed, 3]))
        self._gain = gain if options.noise > 0 else np.ones_like(gain)

    def rng(self, index: int, channel: int) -> np.random.Generator:
        return np.random.default_rng([self._options.seed, 1000 + self._stream, index, channel])

    def image(
        self, index: int, view: View, camera: Camera, T_left_cam: Float64, side: int, is_grey: bool = False
    ) -> Uint8:
        color = view.color
        if self._options.blur > 0:
            T_end_start = invert(self._ends[index] @ T_left_cam) @ self._starts[index] @ T_left_cam
            color = sensor.motion_blurred(view, camera, T_end_start)
        if self._options.noise > 0:
            color = np.asarray(cv2.GaussianBlur(color, (3, 3), 0.45), np.float32)  # the lens
        exact = color @ GREY if is_grey else color
        return sensor.captured(exact, float(self._gain[index]), self._options.noise, self.rng(index, 10 + side))


def _check(options: RenderOptions) -> None:
    if options.layout not in LAYOUTS:
        raise ConfigError(f"layout '{options.layout}' is unknown; choose one of {', '.join(LAYOUTS)}")
    if options.seconds <= 0 or options.fps <= 0 or options.speed <= 0:
        raise ConfigError("seconds, fps and speed must be above 0")
    if options.width < 32 or options.height < 24:
        raise ConfigError(f"images of {options.width}x{options.height} are too small; at least 32x24 are needed")
    if not 1 <= options.jpeg_quality <= 100:
        raise ConfigError(f"jpeg_quality {options.jpeg_quality} must lie between 1 and 100")
    if min(options.loops, options.frames) < 0 or min(options.blur, options.noise, options.depth_noise) < 0:
        raise ConfigError("loops, frames, blur, noise and depth_noise can't be negative")


def _image_count(options: RenderOptions) -> int:
    fitting = max(1, round(options.seconds * options.fps))
    return min(fitting, options.frames) if options.frames else fitting


def _camera(options: RenderOptions, focal: float) -> Camera:
    f = round(focal * options.width, 3)
    return Camera(options.width, options.height, f, f, (options.width - 1) / 2, (options.height - 1) / 2)


def _times_s(stamps_ns: Int64) -> Float64:
    return (stamps_ns - START_NS).astype(np.float64) * 1e-9
