"""A folder of images from one camera, in the natural order of their names."""

from __future__ import annotations

import re
from pathlib import Path

from slam.camera import Rig
from slam.errors import SourceError
from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.recording import Moment, Recording, choose_mode
from slam.types import Mode

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".webp"}
STAMP_DIGITS = 16  # a name with at least so many digits is a time in nanoseconds, not a number


def open_folder(path: Path, options: SourceOptions) -> Recording:
    """Images with stamps from names in nanoseconds, else at the nominal rate. Raises SourceError, CalibrationError."""
    mode = choose_mode("folder", options.mode, [Mode.MONO], path)
    images = image_files(path)
    moments = [Moment(stamp_ns, image) for stamp_ns, image in zip(_stamps_ns(images, options.fps), images)]
    return Recording("folder", path, moments, single_camera_rig(path, options), mode, options)


def image_files(path: Path) -> list[Path]:
    """Images of a folder in natural order: 2.png before 10.png. Raises SourceError when there is none."""
    if not path.is_dir():
        raise SourceError(f"{path}: is not a folder; give the folder that holds the images")
    images = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    if not images:
        raise SourceError(f"{path}: holds no image; give the folder that holds png or jpg files itself")
    return sorted(images, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which numbers in names count as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def single_camera_rig(path: Path, options: SourceOptions) -> Rig:
    """The rig asked for, else rig.toml beside the images. Raises SourceError."""
    folder = path if path.is_dir() else path.parent
    if options.rig is not None:
        return options.rig
    if (folder / "rig.toml").is_file():
        return load_rig(folder / "rig.toml")
    raise SourceError(f"{path}: the camera is unknown; give it with --rig NAME or --intrinsics fx,fy,cx,cy")


def _stamps_ns(images: list[Path], fps: float) -> list[int]:
    if all(image.stem.isdigit() and len(image.stem) >= STAMP_DIGITS for image in images):
        return [int(image.stem) for image in images]
    return [round(i * 1e9 / fps) for i in range(len(images))]
