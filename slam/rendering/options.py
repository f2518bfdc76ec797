"""What can be chosen of a rendered recording, and what follows from it: when images are taken, and by which camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.errors import ConfigError
from slam.types import Float64, Int64

LAYOUTS = ("tum", "euroc", "both")
START_NS = 1_600_000_000_000_000_000
STEREO_BASELINE_M = 0.11
RGBD_FOCAL, STEREO_FOCAL = 0.82, 0.70  # of the image's width


@dataclass(frozen=True)
class RenderOptions:
    seconds: float = 6.0  # length of the recording
    frames: int = 0  # most images, 0 for as many as the seconds hold
    fps: float = 30.0
    scene: str = "room"  # room, circuit
    motion: str = ""  # empty for the scene's own. In the room: handheld, orbit, forward, rotation, still; circuit: walk
    speed: float = 1.0  # of the motion; 1 is about 0.4 m/s in the room, 0.8 m/s for a walk
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
    processes: int = 1  # that share the frames; the bytes don't depend on it


def check_options(options: RenderOptions) -> None:
    """Raises ConfigError for numbers that no recording can have; names are checked where they are looked up."""
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
    if options.processes < 1:
        raise ConfigError(f"processes {options.processes} must be at least 1")


def image_stamps_ns(options: RenderOptions) -> Int64:
    """(N,) stamps of the images: the middle of each exposure, in whole microseconds."""
    fitting = max(1, round(options.seconds * options.fps))
    count = min(fitting, options.frames) if options.frames else fitting
    return START_NS + np.round(np.arange(count) * 1e6 / options.fps).astype(np.int64) * 1000


def times_s(stamps_ns: Int64) -> Float64:
    """Seconds on the path's clock, which starts with the first image."""
    return (stamps_ns - START_NS).astype(np.float64) * 1e-9


def rgbd_camera(options: RenderOptions) -> Camera:
    return _camera(options, RGBD_FOCAL)


def stereo_camera(options: RenderOptions) -> Camera:
    """Left and right alike; the right one stands STEREO_BASELINE_M along the left one's x."""
    return _camera(options, STEREO_FOCAL)


def _camera(options: RenderOptions, focal: float) -> Camera:
    f = round(focal * options.width, 3)
    return Camera(options.width, options.height, f, f, (options.width - 1) / 2, (options.height - 1) / 2)
