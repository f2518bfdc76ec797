"""What the user says of a RealSense beside what it says of itself: a rig of their own, settings, clocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyrealsense2 as rs

from slam.camera import Rig
from slam.errors import CalibrationError
from slam.sources import SourceOptions
from slam.sources.camera_options import CameraOptions
from slam.sources.realsense_rig import device_rig, is_rectified, is_registered, with_unit_of
from slam.sources.realsense_streams import Streams
from slam.sources.recording import rig_of_mode, with_image_size
from slam.sources.rectify import Rectifier, rectified
from slam.types import Mode

CLOCKS = {
    rs.timestamp_domain.hardware_clock: "the device's own clock, which drifts from this machine's",
    rs.timestamp_domain.system_time: "the moment of arrival, which jitters; the kernel may lack RealSense metadata",
}


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """How the images of a device become frames."""

    mode: Mode
    rig: Rig  # of the frames as handed out
    rectifier: Rectifier | None  # of stereo that the device has not rectified
    is_aligned: bool  # depth is the colour camera's already
    notes: tuple[str, ...]


def setup(streams: Streams, mode: Mode, options: SourceOptions, name: str) -> Setup:
    """What the device says of itself, and the user's wishes, of which a rig wins.

    Raises CalibrationError when that rig is for other images, SourceError when the device leaves out what is needed.
    """
    own, notes = device_rig(streams, mode, name)
    rig = own
    if options.rig is not None:
        rig = with_unit_of(with_image_size(options.rig, own.left.image_size), own)
        notes.append(f"{name}: rig {rig.name} is used in place of the device's own calibration")
        _check_size(rig, own.left.image_size, name)
    rig, rectifier = rig_of_mode(rig, mode, options.depth_factor), None
    if mode is Mode.STEREO and not is_rectified(rig):
        notes.append(f"{name}: its images are not rectified, which is done in software")
        rig, rectifier = rectified(rig)
    is_aligned = mode is not Mode.RGBD or is_registered(streams, name)
    return Setup(mode, rig, rectifier, is_aligned, tuple(notes))


def ignored_settings(camera: CameraOptions, name: str) -> list[str]:
    """A note on what a file cannot be asked for."""
    asked = replace(camera, file=None, serial=None)
    given = [field for field in asked.__slots__ if getattr(asked, field) is not None]
    return [f"{name}: plays as it was recorded; {', '.join(given)} cannot be chosen"] if given else []


def domain_note(domain: rs.timestamp_domain | None, name: str) -> list[str]:
    """A note on stamps that are not of the SDK's global time."""
    return [f"{name}: stamps are of {CLOCKS[domain]}"] if domain in CLOCKS else []


def _check_size(rig: Rig, size: tuple[int, int], name: str) -> None:
    if rig.left.image_size != size:
        theirs, ours = ("{}x{}".format(*pair) for pair in (rig.left.image_size, size))
        raise CalibrationError(
            f"{name}: the images are {ours} but rig {rig.name} is for {theirs}; leave out --rig, or calibrate at {ours}"
        )
