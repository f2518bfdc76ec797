"""How OpenCV opens a camera: by number, by path or by an address of the network; and what of the wishes it took."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from slam.errors import SourceError
from slam.sources.camera_options import CameraOptions

OPEN_MS = 5000  # an address that does not answer for so long is no camera
READ_MS = 4000  # longer than a reader's patience with a silent camera, which speaks first
CLOSE_ENOUGH = 0.02  # of a value that was set: drivers round
V4L2_MANUAL, V4L2_AUTOMATIC = 1, 3  # V4L2_EXPOSURE_MANUAL and _APERTURE_PRIORITY of linux/v4l2-controls.h
V4L2_EXPOSURE_MS = 0.1  # unit of V4L2_CID_EXPOSURE_ABSOLUTE
DRIVER_LAG_NS = 10**9  # a driver's stamp further from now is of another clock
MJPEG = cv2.VideoWriter.fourcc(*"MJPG")


class Capture:
    """cv2.VideoCapture, opened, with two of its traps taken out: images whose size changes are given as they are, where
    OpenCV would scale them to that of the first (MJPEG, which is decoded here), and every image has a stamp.

    Raises SourceError when the address cannot be opened.
    """

    def __init__(self, address: str) -> None:
        self._capture = opened_capture(address)
        self._is_jpeg = is_network(address) and int(self._capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG
        if self._is_jpeg:
            self._is_jpeg = self._capture.set(cv2.CAP_PROP_FORMAT, -1)  # packets instead of images
        self.device = self._capture

    @property
    def fps(self) -> float:
        """That it claims, 0 where it says nothing."""
        return max(0.0, self._capture.get(cv2.CAP_PROP_FPS))

    def grab(self) -> bool:
        """Wait for the next image; False when there will be none."""
        return self._capture.grab()

    def stamp_ns(self) -> int:
        """Of the image just grabbed: the driver's own where it is of the monotonic clock (V4L2), else now."""
        now_ns = time.monotonic_ns()
        if self._capture.getBackendName() == "V4L2":
            driver_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            if 0 <= now_ns - driver_ns < DRIVER_LAG_NS:
                return driver_ns
        return now_ns

    def image(self) -> NDArray[np.uint8] | None:
        """The image just grabbed, BGR; None when it is broken."""
        readable, given = self._capture.retrieve()
        if not readable:
            return None
        image = cv2.imdecode(np.ravel(given), cv2.IMREAD_COLOR) if self._is_jpeg else given
        return None if image is None else np.asarray(image, np.uint8)

    def release(self) -> None:
        self._capture.release()


def opened_capture(address: str) -> cv2.VideoCapture:
    """A device number ("0"), a path ("/dev/video2"), an address ("rtsp://...", "http://...") or a GStreamer pipeline.

    Raises SourceError when it cannot be opened.
    """
    if "!" in address and "://" not in address.split("!")[0]:
        return _pipeline(address)
    capture = _device(address) if _is_device(address) else _network(address)
    if not capture.isOpened():
        raise SourceError(f"camera {address}: cannot be opened; {_advice(address)}")
    return capture


def is_network(address: str) -> bool:
    return "://" in address


def apply_options(capture: cv2.VideoCapture, address: str, options: CameraOptions) -> list[str]:
    """Set what was asked for and read it back; what the camera did not take, in sentences."""
    wishes = _wishes(options)
    if is_network(address):
        return [f"camera {address}: its sender decides {', '.join(name for name, *_ in wishes)}"] if wishes else []
    notes = []
    if options.exposure_ms is not None:
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, V4L2_MANUAL)
    for name, prop, value, unit in wishes:
        capture.set(prop, value)
        given = capture.get(prop)
        if abs(given - value) > CLOSE_ENOUGH * abs(value):
            notes.append(f"camera {address}: {name} {value * unit:g} was asked for, it gives {given * unit:g}")
    return notes


def _wishes(options: CameraOptions) -> list[tuple[str, int, float, float]]:
    """Name, OpenCV's property, value, and what one of it is in the user's unit."""
    exposure = None if options.exposure_ms is None else options.exposure_ms / V4L2_EXPOSURE_MS
    asked = [
        ("width", cv2.CAP_PROP_FRAME_WIDTH, options.width, 1.0),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, options.height, 1.0),
        ("rate", cv2.CAP_PROP_FPS, options.fps, 1.0),
        ("exposure (ms)", cv2.CAP_PROP_EXPOSURE, exposure, V4L2_EXPOSURE_MS),
    ]
    return [(name, prop, float(value), unit) for name, prop, value, unit in asked if value is not None]


def _is_device(address: str) -> bool:
    return address.isdigit() or address.startswith("/dev/")


def _device(address: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(int(address) if address.isdigit() else address, cv2.CAP_V4L2)
    capture.set(
        cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")
    )  # raw YUYV over USB 2 gives 30 fps to 640x480 only
    return capture


def _network(address: str) -> cv2.VideoCapture:
    if not is_network(address):
        raise SourceError(f"camera {address}: {_what_it_is(address)}")
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)


def _pipeline(pipeline: str) -> cv2.VideoCapture:
    if not has_gstreamer():
        raise SourceError(
            "camera: this OpenCV was built without GStreamer, as the opencv-python wheel always is; give an rtsp:// or "
            "http:// address, or build OpenCV with GStreamer"
        )
    capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise SourceError(
            f"camera: GStreamer does not play '{pipeline}'; try it with gst-launch-1.0, ending in appsink"
        )
    return capture


def has_gstreamer() -> bool:
    """Whether this OpenCV can play GStreamer pipelines."""
    lines = [line.split(":") for line in cv2.getBuildInformation().splitlines() if "GStreamer:" in line]
    return any("YES" in value for _, value, *_ in lines)


def _what_it_is(address: str) -> str:
    if Path(address).is_file():
        return f"is a file; replay it with: slam run video {address}"
    return "is neither a device number, nor a path like /dev/video0, nor an address like rtsp://host/stream"


def _advice(address: str) -> str:
    if is_network(address):
        return "check that the address plays in a browser or in ffplay, and that nobody else holds the stream"
    devices = sorted(path.name for path in Path("/dev").glob("video*"))
    if not devices:
        return "this machine has no /dev/video*: plug a camera in, or give an address like rtsp://host/stream"
    return f"there are {', '.join(devices)}; is it in use, and may you read it (group video)?"
