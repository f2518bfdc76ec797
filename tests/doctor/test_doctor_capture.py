"""Reading recordings and cameras for the doctor."""

import threading
import time

import numpy as np
import pytest
from panorama import CAMERA

from slam.camera import Rig
from slam.doctor import capture as capturing
from slam.doctor.capture import taken
from slam.doctor.doctor import examine
from slam.doctor.finding import Verdict
from slam.errors import SourceError
from slam.sources import open_source
from slam.types import Frame, Mode


class Camera:
    """A live source that gives frames every 20 ms; then it goes silent, ends or fails."""

    name, path, mode, ground_truth, is_live, fps = "webcam", "0", Mode.MONO, None, True, 50.0
    guesses_camera = False

    def __init__(self, frames=10_000, then="silence", reconnecting_s=0.0):
        self.rig, self.skipped, self.notes = Rig("live", CAMERA), [], ["exposure: asked for 5 ms, got 8 ms"]
        self._frames, self._then, self._closed = frames, then, threading.Event()
        self._until_s = time.monotonic() + reconnecting_s

    def __len__(self):
        return 0

    @property
    def is_reconnecting(self):
        return time.monotonic() < self._until_s

    def __iter__(self):
        rng = np.random.default_rng(0)
        for index in range(self._frames):
            time.sleep(0.02)
            yield Frame(index, time.monotonic_ns(), rng.integers(0, 256, (240, 320), np.uint8))
        if self._then == "failure":
            raise SourceError("the camera is gone; plug it in again")
        if self._then == "silence":
            self._closed.wait(20)

    def close(self):
        self._closed.set()


def test_a_recording_is_read_by_its_stamps():
    capture = taken(open_source("demo", None), 0.5)
    assert len(capture.stamps_ns) == len(capture.images) == 16
    assert set(capture.depths_m) == {0, 10}
    assert (capture.imu, capture.arrivals_ns, capture.is_live) == (None, None, False)
    stereo = taken(open_source("demo", None, mode=Mode.STEREO), 0.5)
    assert set(stereo.rights) == {0, 10}
    assert len(stereo.imu.stamps_ns) == 101


def test_pictures_beyond_the_memory_are_left_out_and_stamps_are_not(monkeypatch):
    monkeypatch.setattr(capturing, "MOST_BYTES", 4 * 640 * 480)
    capture = taken(open_source("demo", None), 0.5)
    assert (len(capture.stamps_ns), len(capture.images)) == (16, 4)


def test_a_camera_is_read_for_the_seconds_asked_for():
    capture = taken(Camera(), 0.6)
    assert 15 <= len(capture.images) <= 30
    assert len(capture.arrivals_ns) == len(capture.stamps_ns)
    assert (capture.arrivals_ns - capture.stamps_ns >= 0).all()
    assert (capture.fps, capture.ended) == (50.0, "")


@pytest.mark.parametrize(
    ("then", "words"), [("silence", "the camera is silent"), ("failure", "the camera is gone"), ("end", "")]
)
def test_a_camera_that_stops_says_why(then, words):
    camera = Camera(5, then)
    started_s = time.monotonic()
    capture = taken(camera, 10.0)
    camera.close()
    assert len(capture.stamps_ns) == 5
    assert words in capture.ended
    assert time.monotonic() - started_s < 4.0


def test_a_camera_that_is_being_sought_is_waited_for():
    camera = Camera(3, "silence", reconnecting_s=1.0)
    started_s = time.monotonic()
    taken(camera, 10.0)
    camera.close()
    assert 2.5 < time.monotonic() - started_s < 6.0


@pytest.mark.parametrize("then", ["failure", "end"])
def test_a_camera_without_a_frame_is_an_error(then):
    with pytest.raises(SourceError):
        taken(Camera(0, then), 1.0)


def test_what_a_device_says_of_itself_is_passed_on():
    findings = examine(Camera(8, "failure"), 5.0)
    assert (findings[0].group, findings[0].measured) == ("device", "exposure: asked for 5 ms, got 8 ms")
    ended = next(finding for finding in findings if finding.subject == "end")
    assert ended.verdict is Verdict.PROBLEM
