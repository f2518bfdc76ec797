"""Images and inertial samples of a RealSense put together to frames: pairs of one moment, in order, with their IMU."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pyrealsense2 as rs

from slam.inertial.streams import ImuStreams
from slam.sources import Skip
from slam.sources.images import split_bgr
from slam.sources.realsense_inbox import Arrival
from slam.sources.realsense_streams import ACCEL, DEPTH, GYRO, NAMES, Streams, key_of
from slam.sources.realsense_user import Setup
from slam.types import Float32, Frame, Mode, Uint8

TO_BGR = {  # OpenCV's way from a format of the SDK
    rs.format.rgb8: cv2.COLOR_RGB2BGR,
    rs.format.rgba8: cv2.COLOR_RGBA2BGR,
    rs.format.bgra8: cv2.COLOR_BGRA2BGR,
    rs.format.yuyv: cv2.COLOR_YUV2BGR_YUYV,
}


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """An image and its depth or right image."""

    index: int
    stamp_ns: int
    image: rs.frame
    partner: rs.frame | None


class Assembler:
    """Arrivals in, frames out. What finds no partner, or whose stamp does not rise, goes to ``skipped``."""

    def __init__(self, streams: Streams, setup: Setup, patience: int, skipped: list[Skip]) -> None:
        """patience: frames that may wait for the inertial samples of their moment."""
        self._setup, self._patience, self.skipped = setup, patience, skipped
        self._key = key_of(streams.image)
        self._max_gap_ns = round(0.5e9 / streams.image.fps())
        self._images: deque[tuple[int, Arrival]] = deque()
        self._partners: deque[Arrival] = deque()
        self._waiting: deque[Pair] = deque()
        self._imu = _imu_streams(streams)
        self._newest_ns = {GYRO: -1, ACCEL: -1} if streams.has_imu else {}
        self.count, self._last_ns = 0, -1
        self._aligner = None if setup.is_aligned else Aligner()
        self.given_without_imu = 0  # frames that waited in vain

    def add(self, arrival: Arrival, dropped: int = 0) -> Iterator[Frame]:
        """Frames that an arrival completes. ``dropped``: images before it that were given up."""
        self.count += dropped
        if arrival.image is None:
            self._add_sample(arrival)
        elif arrival.key == self._key:
            self._images.append((self.count, arrival))
            self.count += 1
        else:
            self._partners.append(arrival)
        self._pair()
        yield from self._ready()

    def finish(self) -> Iterator[Frame]:
        """What still waits, after the last arrival."""
        for index, image in self._images:
            self._skip_alone(index, image)
        self._images.clear()
        self._patience = 0
        yield from self._ready()

    def begin_anew(self) -> None:
        """Leave out what waits, and count from 0 again."""
        self._images.clear()
        self._partners.clear()
        self._waiting.clear()
        self.skipped.clear()
        self.count = 0

    def _add_sample(self, arrival: Arrival) -> None:
        assert arrival.sample is not None
        if self._imu is None:
            return
        (self._imu.add_gyro if arrival.key == GYRO else self._imu.add_accel)(arrival.stamp_ns, arrival.sample)
        self._newest_ns[arrival.key] = max(self._newest_ns.get(arrival.key, -1), arrival.stamp_ns)

    def _pair(self) -> None:
        """Pair what is of one moment; of two that are not, the older has no partner."""
        while self._images and (self._partners or self._setup.mode is Mode.MONO):
            index, image = self._images[0]
            assert image.image is not None
            if self._setup.mode is Mode.MONO:
                self._images.popleft()
                self._wait(Pair(index, image.stamp_ns, image.image, None))
                continue
            gap_ns = self._partners[0].stamp_ns - image.stamp_ns
            if abs(gap_ns) <= self._max_gap_ns:
                self._images.popleft()
                self._wait(Pair(index, image.stamp_ns, image.image, self._partners.popleft().image))
            elif gap_ns < 0:
                self._partners.popleft()
            else:
                self._images.popleft()
                self._skip_alone(index, image)

    def _wait(self, pair: Pair) -> None:
        if pair.stamp_ns > self._last_ns:
            self._last_ns = pair.stamp_ns
            self._waiting.append(pair)
            return
        reason = f"the stamp of frame {pair.index} does not come after the one before it"
        self.skipped.append(Skip(pair.index, pair.stamp_ns, reason))

    def _skip_alone(self, index: int, image: Arrival) -> None:
        what = NAMES[DEPTH] if self._setup.mode is Mode.RGBD else "right"
        reason = f"frame {index}: no {what} image within {self._max_gap_ns / 1e6:.0f} ms"
        self.skipped.append(Skip(index, image.stamp_ns, reason))

    def _ready(self) -> Iterator[Frame]:
        while self._waiting and (self._is_covered(self._waiting[0]) or len(self._waiting) > self._patience):
            pair = self._waiting.popleft()
            self.given_without_imu += not self._is_covered(pair)
            yield self._frame(pair)

    def _is_covered(self, pair: Pair) -> bool:
        return all(newest_ns >= pair.stamp_ns for newest_ns in self._newest_ns.values())

    def _frame(self, pair: Pair) -> Frame:
        imu = None if self._imu is None else self._imu.take_until(pair.stamp_ns)
        if self._setup.mode is Mode.STEREO:
            left, right = pixels(pair.image), pixels(pair.partner)
            if self._setup.rectifier is not None:
                left, right = self._setup.rectifier.left(left), self._setup.rectifier.right(right)
            return Frame(pair.index, pair.stamp_ns, left, None, None, right, imu)
        image, color = grey_and_rgb(pair.image)
        depth_m = None if pair.partner is None else self._depth_m(pair)
        return Frame(pair.index, pair.stamp_ns, image, color, depth_m, None, imu)

    def _depth_m(self, pair: Pair) -> Float32:
        depth = pair.partner if self._aligner is None else self._aligner.aligned(pair.image, pair.partner)
        return pixels(depth).astype(np.float32) / np.float32(self._setup.rig.depth_factor)


class Aligner:
    """Brings depth into the colour camera, by the SDK. It aligns sets of frames, so a set is made of each pair."""

    def __init__(self) -> None:
        self._align = rs.align(rs.stream.color)
        self._pair: list[rs.frame] = []
        self._sets = rs.frame_queue(1)
        self._block = rs.processing_block(self._put_together)
        self._block.start(self._sets)

    def aligned(self, color: rs.frame, depth: rs.frame) -> rs.frame:
        self._pair = [depth, color]
        self._block.invoke(depth)
        self._pair = []
        return self._align.process(self._sets.wait_for_frame().as_frameset()).get_depth_frame()

    def _put_together(self, _: rs.frame, source: rs.frame_source) -> None:
        source.frame_ready(source.allocate_composite_frame(self._pair))


def pixels(frame: rs.frame) -> np.ndarray:
    """A copy of the values of a frame, which go back to the SDK."""
    return np.array(frame.as_video_frame().get_data())


def grey_and_rgb(frame: rs.frame) -> tuple[Uint8, Uint8 | None]:
    """Grey image (H, W) and, if the frame has colour, RGB (H, W, 3)."""
    data, format = pixels(frame), frame.get_profile().format()
    if format == rs.format.y8:
        return data, None
    if format == rs.format.yuyv:
        data = data.view(np.uint8).reshape(*data.shape[:2], 2)
    bgr = cv2.cvtColor(data, TO_BGR[format]) if format in TO_BGR else data
    return split_bgr(bgr)


def _imu_streams(streams: Streams) -> ImuStreams | None:
    if streams.gyro is None or streams.accel is None:
        return None
    return ImuStreams(streams.gyro.fps(), streams.accel.fps())
