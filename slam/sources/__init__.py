"""Where frames come from: a table of recordings and cameras, opened by name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from slam.camera import Rig
from slam.errors import SourceError
from slam.sources.camera_options import CameraOptions
from slam.trajectory import Trajectory
from slam.types import Frame, Mode

NOMINAL_FPS = 30.0  # of images that carry no time


@dataclass(frozen=True, slots=True)
class Skip:
    """A frame that was not handed out, and why."""

    index: int
    stamp_ns: int
    reason: str


class Source(Protocol):
    """A recording: frames in the order of their stamps, read when asked for; iterating again starts again."""

    name: str  # a row of SOURCES
    path: Path
    rig: Rig  # of the frames as handed out: rectified in stereo
    mode: Mode
    ground_truth: Trajectory | None  # T_gt_cam: pose of ``rig.left``
    skipped: list[Skip]  # of the current iteration, in order
    is_live: bool  # a LiveSource: frames come when the device gives them
    notes: list[str]  # what the user must be told: settings that a device did not take, reconnections

    def __len__(self) -> int:
        """Frames of the recording, skipped ones counted."""

    def __iter__(self) -> Iterator[Frame]: ...


class LiveSource(Source, Protocol):
    """A device. Its length is 0, its frames come once; iterating again goes on with the next, which is frame 0 then.

    Stamps are of a monotonic clock. Iterating blocks until the next frame and raises SourceError once the device is
    gone for good. Whoever reads from it notices when it falls silent.
    """

    fps: float  # that the device promises, 0 where it says nothing
    guesses_camera: bool  # nobody calibrated it: the rig is a guess
    is_reconnecting: bool  # the device is gone and is being sought, within a bound of its own: silence is no error yet

    def close(self) -> None:
        """Release the device; an iteration that goes on ends soon after."""


def live(source: Source) -> LiveSource | None:
    """The source, where it is a device."""
    return cast(LiveSource, source) if source.is_live else None


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user asked for; None leaves it to the recording."""

    mode: Mode | None = None
    rig: Rig | None = None
    depth_factor: float | None = None  # raw depth units per metre
    max_frames: int | None = None
    fps: float = NOMINAL_FPS  # of images without stamps
    camera: CameraOptions = CameraOptions()


SOURCES = {
    "demo": "slam.sources.demo:open_demo",
    "tum": "slam.sources.tum:open_tum",
    "euroc": "slam.sources.euroc:open_euroc",
    "kitti": "slam.sources.kitti:open_kitti",
    "sevenscenes": "slam.sources.sevenscenes:open_sevenscenes",
    "icl": "slam.sources.icl:open_icl",
    "tartanair": "slam.sources.tartanair:open_tartanair",
    "tumvi": "slam.sources.tumvi:open_tumvi",
    "folder": "slam.sources.folder:open_folder",
    "video": "slam.sources.video:open_video",
    "recorded": "slam.sources.recorded:open_recorded",
    "webcam": "slam.sources.webcam:open_webcam",
    "realsense": "slam.sources.realsense:open_realsense",
}
WITHOUT_PATH = ("demo", "webcam", "realsense")
ADDRESSES = ("webcam",)  # whose path is no file: a device number, an address of the network


def open_source(
    name: str,
    path: Path | str | None,
    *,
    mode: Mode | None = None,
    rig: Rig | None = None,
    depth_factor: float | None = None,
    max_frames: int | None = None,
    fps: float = NOMINAL_FPS,
    camera: CameraOptions | None = None,
) -> Source:
    """Open a recording and read its first frames, so that what is wrong is known before a run starts.

    Raises SourceError for an unknown name or a recording that cannot be read, CalibrationError for a rig that does
    not fit the images.
    """
    opener = source_opener(name)
    if path is None and name not in WITHOUT_PATH:
        raise SourceError(f"source {name}: needs a path; write it as: slam run {name} PATH")
    if path is not None and name not in ADDRESSES and not Path(path).exists():
        raise SourceError(f"source {name}: {path} does not exist; check the path")
    if max_frames is not None and max_frames < 1:
        raise SourceError(f"source {name}: max frames must be at least 1, got {max_frames}")
    options = SourceOptions(mode, rig, depth_factor, max_frames, fps, camera or CameraOptions())
    if name in ADDRESSES:
        return opener(None if path is None else str(path), options)
    return opener(None if path is None else Path(path), options)


def source_opener(name: str) -> Callable[[Any, SourceOptions], Source]:
    """The function behind a row of SOURCES. Raises SourceError for an unknown name."""
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(SOURCES)}"
        raise SourceError(f"source '{name}' is unknown; {hint}")
    module, _, function = SOURCES[name].partition(":")
    return getattr(importlib.import_module(module), function)
