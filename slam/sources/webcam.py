"""A camera that OpenCV opens. Frames are stamped by this machine's monotonic clock the moment they come."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slam.camera import Camera, Rig
from slam.errors import CalibrationError, SourceError
from slam.sources import Skip, SourceOptions
from slam.sources.camera_options import CameraOptions
from slam.sources.images import split_bgr
from slam.sources.recording import choose_mode, with_image_size
from slam.sources.webcam_device import Capture, apply_options
from slam.types import Frame, Mode, Uint8

GUESSED_FIELD_DEG = 65.0  # horizontal; webcams and phones have 55 to 80
RETRY_S = 10.0  # how long a camera that is gone is sought
RETRY_EVERY_S = 0.5
USELESS = 30  # frames in a row, of another size or broken: it will not get better
BACKLOG_S = 2.0  # of frames that came while nobody read, at most
CLOSE_S = 5.0


def open_webcam(address: str | None, options: SourceOptions) -> WebcamSource:
    """The first camera, or the one of an address. Raises SourceError and CalibrationError."""
    mode = choose_mode("camera's", options.mode, [Mode.MONO], Path(address or "0"))
    return WebcamSource(address or "0", options.rig, mode, options.camera, options.max_frames)


class WebcamSource:
    """Follows the LiveSource protocol."""

    name = "webcam"
    ground_truth = None
    is_live = True

    def __init__(
        self, address: str, rig: Rig | None, mode: Mode, options: CameraOptions, max_frames: int | None = None
    ) -> None:
        self.address, self.path, self.mode = address, Path(address), mode
        self.skipped: list[Skip] = []
        self.is_reconnecting = False
        self._options, self._max_frames = options, max_frames
        self._reading, self._closing = threading.Lock(), threading.Event()
        self._capture = Capture(address)
        self.notes = apply_options(self._capture.device, address, options)
        height, width = self._first_image().shape[:2]
        self.fps = self._capture.fps
        self.guesses_camera = rig is None
        self.rig = guessed_rig(width, height) if rig is None else self._checked(rig, width, height)
        self._index, self._last_ns = 0, time.monotonic_ns()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Frame]:
        with self._reading:
            self._skip_backlog()
        self._index, useless = 0, 0
        self.skipped.clear()
        while not self._closing.is_set() and (self._max_frames is None or self._index < self._max_frames):
            if not self._grabbed():
                return
            stamp_ns, image = self._capture.stamp_ns(), self._capture.image()
            index, self._index = self._index, self._index + 1
            reason = self._flaw(image, stamp_ns)
            if image is not None and not reason:
                useless, self._last_ns = 0, stamp_ns
                yield Frame(index, stamp_ns, *split_bgr(image))
                continue
            self.skipped.append(Skip(index, stamp_ns, reason))
            useless += 1
            if useless == USELESS:
                raise SourceError(f"{reason}, the last of {USELESS} useless frames in a row; start again")

    def close(self) -> None:
        """Release the device, once a read that goes on has ended."""
        self._closing.set()
        if self._reading.acquire(timeout=CLOSE_S):
            self._capture.release()
            self._reading.release()

    def _grabbed(self) -> bool:
        """Wait for the next image; False after close. Raises SourceError when the camera is gone for good."""
        with self._reading:
            while not self._closing.is_set():
                if self._capture.grab():
                    return True
                self._reconnect()
        return False

    def _reconnect(self) -> None:
        self.is_reconnecting, start_s = True, time.monotonic()
        self._capture.release()
        while time.monotonic() - start_s < RETRY_S and not self._closing.wait(RETRY_EVERY_S):
            try:
                self._capture = Capture(self.address)
            except SourceError:
                continue
            apply_options(self._capture.device, self.address, self._options)
            self.notes.append(f"camera {self.address}: was gone for {time.monotonic() - start_s:.1f} s, and came back")
            self._skip_backlog()
            self.is_reconnecting = False
            return
        if not self._closing.is_set():
            raise SourceError(
                f"camera {self.address}: is gone, and did not come back within {RETRY_S:.0f} s; check cable and sender"
            )

    def _flaw(self, image: NDArray[np.uint8] | None, stamp_ns: int) -> str:
        """Why a frame is of no use, "" when it is."""
        if image is None:
            return f"camera {self.address}: frame {self._index - 1} is broken"
        height, width = image.shape[:2]
        if (width, height) != self.rig.left.image_size:
            size = "x".join(map(str, self.rig.left.image_size))
            return f"camera {self.address}: the image is {width}x{height} now and was {size}"
        if stamp_ns <= self._last_ns:
            return f"camera {self.address}: the stamp of frame {self._index - 1} does not come after the one before it"
        return ""

    def _first_image(self) -> Uint8:
        image = self._capture.image() if self._capture.grab() else None
        if image is None:
            self._capture.release()
            raise SourceError(f"camera {self.address}: opens but gives no image; is another program using it?")
        return image

    def _skip_backlog(self) -> None:
        """Leave out what queued up while nobody read: it comes at once, and its stamps would be wrong."""
        wait_s, start_s = 0.5 / (self.fps or 30.0), time.monotonic()
        while time.monotonic() - start_s < BACKLOG_S and not self._closing.is_set():
            before_s = time.monotonic()
            if not self._capture.grab() or time.monotonic() - before_s > wait_s:
                return

    def _checked(self, rig: Rig, width: int, height: int) -> Rig:
        rig = with_image_size(rig, (width, height))
        if rig.left.image_size == (width, height):
            return rig
        size = "x".join(map(str, rig.left.image_size))
        raise CalibrationError(
            f"camera {self.address}: gives {width}x{height} but rig {rig.name} is for {size}; "
            f"ask for that with --width and --height, or calibrate at {width}x{height}"
        )


def guessed_rig(width: int, height: int) -> Rig:
    """A camera without distortion whose larger side sees GUESSED_FIELD_DEG."""
    focal_px = 0.5 * max(width, height) / math.tan(0.5 * math.radians(GUESSED_FIELD_DEG))
    return Rig("guess", Camera(width, height, focal_px, focal_px, 0.5 * (width - 1), 0.5 * (height - 1)))
