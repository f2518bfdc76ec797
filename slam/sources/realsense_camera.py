"""A connected RealSense. Its sensors run from the start, so that settings and silence are known before a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources import Skip, SourceOptions
from slam.sources.camera_options import CameraOptions
from slam.sources.realsense_frames import Assembler
from slam.sources.realsense_inbox import Arrival, Inbox, Streaming
from slam.sources.realsense_listing import info, is_slow
from slam.sources.realsense_settings import apply_settings
from slam.sources.realsense_streams import USUAL, chosen_streams, key_of, possible_modes
from slam.sources.realsense_user import domain_note, setup
from slam.sources.recording import choose_mode
from slam.types import Frame

FIRST_FRAME_S = 5.0  # a device needs a second or two to begin
SILENCE_S = 1.8  # a little less than a reader waits, so that the sentence which says more is the one that is read
ASK_S = 0.1
PATIENCE = 2  # frames that may wait for inertial samples of their moment


class RealSenseCamera:
    """Follows the LiveSource protocol."""

    name = "realsense"
    ground_truth = None
    is_live = True
    guesses_camera = False
    is_reconnecting = False  # a device that is unplugged is gone: its clock and its settings would begin anew

    def __init__(self, device: rs.device, options: SourceOptions) -> None:
        """Raises SourceError when the device cannot do what is asked, does not start or gives no frame."""
        serial = info(device, rs.camera_info.serial_number)
        self._device, self._name = device, f"{info(device, rs.camera_info.name)} {serial}"
        self.path, self.skipped = Path(serial), list[Skip]()
        self.mode = choose_mode("RealSense", options.mode, possible_modes(device), Path(self._name))
        streams = chosen_streams(device, self.mode, _wanted(options.camera), self._name)
        self.fps = float(streams.image.fps())
        found = setup(streams, self.mode, options, self._name)
        self.rig = found.rig
        sensors = [sensor for sensor, _ in streams.sensors]
        self.notes = [*found.notes, *apply_settings(sensors, self.mode, options.camera, self._name)]
        if is_slow(device):
            self.notes.append(f"{self._name}: hangs on USB 2, which cannot carry all sizes and rates; use USB 3")
        self._max_frames = options.max_frames
        self._inbox = Inbox(is_patient=False, counted=key_of(streams.image))
        self._assembler = Assembler(streams, found, PATIENCE, self.skipped)
        self._streaming = Streaming(streams, self._inbox, self._name)
        self._await_first_image()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Frame]:
        self._inbox.clear()
        self._assembler.begin_anew()
        for arrival in self._arrivals():
            for frame in self._assembler.add(arrival, self._inbox.dropped()):
                if self._max_frames is not None and frame.index >= self._max_frames:
                    return
                yield frame

    def close(self) -> None:
        """Stop the sensors."""
        self._streaming.close()

    def _arrivals(self) -> Iterator[Arrival]:
        """Until closed. Raises SourceError when no image comes."""
        heard_s = time.monotonic()
        while not self._inbox.is_closed:
            arrival = self._inbox.take(ASK_S)
            if arrival is not None:
                heard_s = time.monotonic() if arrival.image is not None else heard_s
                yield arrival
            if time.monotonic() - heard_s > SILENCE_S and not self._inbox.is_closed:
                raise SourceError(self._why_silent(SILENCE_S))

    def _await_first_image(self) -> None:
        start_s = time.monotonic()
        while self._inbox.domain is None:
            if time.monotonic() - start_s > FIRST_FRAME_S:
                self.close()
                raise SourceError(self._why_silent(FIRST_FRAME_S))
            time.sleep(0.01)
        self.notes += domain_note(self._inbox.domain, self._name)

    def _why_silent(self, seconds: float) -> str:
        if not self._device.is_connected():
            return f"{self._name}: is unplugged; check cable and port, and start again"
        return (
            f"{self._name}: is silent, no image for {seconds:g} s; check the cable and the port (USB 3, no hub), "
            "whether another program uses it, or plug it in again"
        )


def _wanted(asked: CameraOptions) -> CameraOptions:
    """Size and rate that are asked for, the usual ones where nothing is said."""
    if (asked.width is None) != (asked.height is None):
        raise SourceError("source realsense: --width and --height belong together; give both")
    given = {name: getattr(asked, name) for name in ("width", "height", "fps") if getattr(asked, name) is not None}
    return replace(USUAL, **given)
