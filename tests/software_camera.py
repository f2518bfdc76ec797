"""Recordings made for tests by the tool that users have: tools/record_realsense_file.py, through the real SDK."""

import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pyrealsense2 as rs

from slam.rig_file import rig_from_intrinsics
from slam.types import Frame, Mode

sys.path.append(str(Path(__file__).parents[1] / "tools"))
from record_realsense_file import (
    COLOR,
    DEPTH,
    GYRO,
    INFRARED,
    SoftwareCamera,
    recorded_by,
    write_realsense_file,
)

__all__ = ["COLOR", "DEPTH", "GYRO", "INFRARED", "SoftwareCamera", "recorded_by", "write_realsense_file"]
WIDTH, HEIGHT, FPS = 64, 48, 30
EPOCH_NS = 1_700_000_000_000_000_000
FRAME_NS = 33_333_000


class Pictures:
    """A source of noise: so many frames of a rig and mode, 64x48, stamps as of today."""

    def __init__(self, mode, frames=12, rig=None, imu=None):
        self.mode, self._frames, self._imu = mode, frames, imu
        self.rig = rig or small_rig(mode)

    def __iter__(self):
        for i in range(self._frames):
            yield picture(self.mode, i, None if self._imu is None else self._imu[i])


def small_rig(mode):
    """50 px of focal length; the right camera is 0.1 m away; depth in fifths of a millimetre."""
    rig = rig_from_intrinsics([50.5, 51.25, 32.5, 24.75], (), (WIDTH, HEIGHT))
    if mode is not Mode.STEREO:
        return rig
    T_left_right = np.eye(4)
    T_left_right[0, 3] = 0.1
    return replace(rig, right=rig.left, T_left_right=T_left_right)


def picture(mode, i, imu=None):
    rng = np.random.default_rng(i)
    grey = rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    color = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    depth_m = (rng.integers(0, 20_000, (HEIGHT, WIDTH)) / 5000.0).astype(np.float32)
    other = rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    return Frame(
        i,
        EPOCH_NS + i * FRAME_NS,
        grey,
        None if mode is Mode.STEREO else color,
        depth_m if mode is Mode.RGBD else None,
        other if mode is Mode.STEREO else None,
        imu,
    )


def noise(mode):
    """Frames without end."""
    return (picture(mode, i) for i in count())


@contextmanager
def feeding(camera, frames, period_s=0.01):
    """A thread that hands frames to a software camera, one after the other, until the block ends."""
    stop = threading.Event()

    def feed():
        for i, frame in enumerate(frames):
            camera.send(frame, i)
            if stop.wait(period_s):
                return

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def option_range(low, high, step=1.0, default=0.0):
    found = rs.option_range()
    found.min, found.max, found.step, found.default = low, high, step, default
    return found
