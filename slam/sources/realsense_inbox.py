"""From the SDK's threads to the reader. Sensors are opened one by one with a callback of our own.

Not through the SDK's pipeline: that one pairs by what has arrived, so that a replay would depend on chance, and it
loses inertial samples. Trap: sensors that still call back while Python ends abort the process, so they are always
stopped.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources.realsense_streams import ACCEL, GYRO, Key, Streams, key_of
from slam.types import Float64

WAITING = 12  # images that may wait; the SDK gives no new ones of a stream while 16 of it are held
TO_MID_EXPOSURE_US = 100_000  # most that is believed of the way from the start of the transfer back to mid-exposure


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An image, or a sample of the inertial unit."""

    key: Key
    stamp_ns: int
    image: rs.frame | None
    sample: Float64 | None  # (3,) rad/s or m/s^2


class Inbox:
    """What arrived and was not read. A patient one makes the SDK wait; the other drops the oldest image."""

    def __init__(self, is_patient: bool, counted: Key) -> None:
        """counted: the stream whose dropped images count."""
        self._is_patient, self._counted = is_patient, counted
        self.holds_back = False  # a patient one begins to make the SDK wait
        self._changed = threading.Condition()
        self._waiting: deque[Arrival] = deque()
        self._images = 0
        self._dropped = 0
        self.is_closed = False
        self.domain: rs.timestamp_domain | None = None  # clock of the stamps

    def put(self, frame: rs.frame) -> None:
        """Called by the SDK's threads."""
        arrival = _arrival(frame)
        with self._changed:
            if self.holds_back:
                self._changed.wait_for(lambda: self.is_closed or len(self._waiting) < WAITING)
            if self.is_closed:
                return
            if arrival.image is not None:
                self.domain = frame.get_frame_timestamp_domain()
                self._images += 1
            self._waiting.append(arrival)
            if self._images > WAITING and not self._is_patient:
                self._drop_oldest_image()
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Arrival | None:
        """The oldest; None when there was none for so long, or the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed or len(self._waiting) > 0, timeout_s)
            if self.is_closed or not self._waiting:
                return None
            arrival = self._waiting.popleft()
            self._images -= arrival.image is not None
            self._changed.notify_all()
            return arrival

    def dropped(self) -> int:
        """Images of the counted stream that were dropped since the last call."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def clear(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._waiting.clear()
            self._images = self._dropped = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is taken or given any more."""
        with self._changed:
            self.is_closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _drop_oldest_image(self) -> None:
        at = next(i for i, arrival in enumerate(self._waiting) if arrival.image is not None)
        self._dropped += self._waiting[at].key == self._counted
        self._images -= 1
        del self._waiting[at]


class Streaming:
    """Sensors that fill an inbox, until closed. Use as a context manager."""

    def __init__(self, streams: Streams, inbox: Inbox, name: str, before_end: Callable[[], None] | None = None) -> None:
        """before_end: called before the sensors are stopped. Raises SourceError when the device does not start."""
        ends: list[Callable[[], None]] = []  # of what has begun, the last first
        self.close = weakref.finalize(self, _end, ends, inbox)
        try:
            for sensor, profiles in streams.sensors:
                sensor.open(list(profiles))
                ends.insert(0, sensor.close)
            for sensor, _ in streams.sensors:
                sensor.start(inbox.put)
                ends.insert(0, sensor.stop)
        except RuntimeError as error:
            self.close()
            raise SourceError(
                f"{name}: does not start ({error}); another program may hold it, or it needs to be plugged in again"
            ) from error
        if before_end is not None:
            ends.insert(0, before_end)

    def __enter__(self) -> Streaming:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _end(ends: Sequence[Callable[[], None]], inbox: Inbox) -> None:
    inbox.close()  # first: a callback that waits would be waited for
    for end in ends:
        try:
            end()
        except RuntimeError:  # it is unplugged
            continue


def _arrival(frame: rs.frame) -> Arrival:
    key = key_of(frame.get_profile())
    if key in (GYRO, ACCEL):
        said = frame.as_motion_frame().get_motion_data()
        return Arrival(key, nanoseconds(frame.get_timestamp()), None, np.array([said.x, said.y, said.z]))
    frame.keep()
    return Arrival(key, image_stamp_ns(frame), frame, None)


def nanoseconds(ms: float) -> int:
    """Of a stamp in milliseconds; multiplying first would round today's date to a quarter of a microsecond more."""
    whole = int(ms)
    return whole * 1_000_000 + round((ms - whole) * 1e6)


def image_stamp_ns(frame: rs.frame) -> int:
    """Of the middle of the exposure, where the device reports it, else the frame's own stamp.

    The stamp of a frame is that of its transfer (metadata frame_timestamp) brought to the clock of the domain;
    sensor_timestamp is the middle of the exposure on the device's clock (librealsense, doc/frame_metadata.md).
    """
    stamp_ns = nanoseconds(frame.get_timestamp())
    moments = rs.frame_metadata_value.sensor_timestamp, rs.frame_metadata_value.frame_timestamp
    if not all(map(frame.supports_frame_metadata, moments)):
        return stamp_ns
    middle_us, transfer_us = map(frame.get_frame_metadata, moments)
    if not 0 <= transfer_us - middle_us <= TO_MID_EXPOSURE_US:
        return stamp_ns
    return stamp_ns - 1000 * (transfer_us - middle_us)
