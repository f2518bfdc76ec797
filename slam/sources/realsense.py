"""Intel RealSense cameras, and the files that their SDK records: colour with depth, or infra-red stereo."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from slam.errors import MissingExtraError, SourceError
from slam.sources import SourceOptions

if TYPE_CHECKING:
    from slam.sources.realsense_camera import RealSenseCamera
    from slam.sources.realsense_file import RealSenseFile


def open_realsense(path: Path | None, options: SourceOptions) -> RealSenseCamera | RealSenseFile:
    """A connected camera, or the file of ``path`` or of ``--file``.

    Raises SourceError and CalibrationError, and MissingExtraError without pyrealsense2.
    """
    require_sdk()
    file = options.camera.file or path
    if file is None:
        from slam.sources.realsense_camera import RealSenseCamera
        from slam.sources.realsense_listing import chosen_device

        return RealSenseCamera(chosen_device(options.camera.serial), options)
    from slam.sources.realsense_file import RealSenseFile

    if options.camera.file and path:
        raise SourceError(f"source realsense: two files are named, {path} and --file {file}; leave one out")
    return RealSenseFile(file, options)


def require_sdk() -> None:
    """Raises MissingExtraError without pyrealsense2."""
    if find_spec("pyrealsense2") is None:
        raise MissingExtraError(
            "RealSense cameras need pyrealsense2, which is not installed: pip install 'earlybird-slam[realsense]'"
        )
