"""A network camera on loopback, through OpenCV: stamps, what it is asked for, and what happens when it fails."""

import itertools
import math
import threading
import time

import cv2
import numpy as np
import pytest

from slam.errors import CalibrationError, SourceError
from slam.evaluation.mjpeg import MjpegCamera
from slam.rig_file import rig_from_intrinsics
from slam.sources import open_source, webcam, webcam_device
from slam.sources.camera_options import CameraOptions
from slam.types import Mode

FPS = 50.0


def jpeg(index, size=(64, 48)):
    """A grey ramp that moves, so that every image differs."""
    ramp = (np.arange(size[0])[None] * 3 + index * 5) % 256
    return cv2.imencode(".jpg", np.repeat(ramp, size[1], 0).astype(np.uint8))[1].tobytes()


@pytest.fixture
def camera():
    with MjpegCamera(jpeg, FPS) as plugged:
        yield plugged


@pytest.fixture
def source(camera):
    opened = open_source("webcam", camera.address)
    yield opened
    opened.close()


def first(source, count):
    return list(itertools.islice(source, count))


def test_frames_are_stamped_by_the_monotonic_clock_as_they_come(source):
    before_ns = time.monotonic_ns()
    frames = first(source, 20)
    stamps_ns = np.array([frame.stamp_ns for frame in frames])
    assert before_ns < stamps_ns[0] and stamps_ns[-1] < time.monotonic_ns()
    assert np.median(np.diff(stamps_ns)) == pytest.approx(1e9 / FPS, rel=0.2)
    assert [frame.index for frame in frames] == list(range(20)) and source.skipped == []
    assert frames[0].image.shape == (48, 64) and frames[0].color.shape == (48, 64, 3)


def test_a_camera_is_live_monocular_and_has_no_length(source):
    assert (source.is_live, source.mode, len(source), source.ground_truth) == (True, Mode.MONO, 0, None)


def test_reading_again_goes_on_with_later_frames_counted_anew(source):
    before = first(source, 5)
    after = first(source, 3)
    assert [frame.index for frame in after] == [0, 1, 2] and after[0].stamp_ns > before[-1].stamp_ns


def test_what_came_while_nobody_read_is_left_out(source, camera):
    time.sleep(0.6)  # thirty frames
    begin = camera.sent
    frames = first(source, 10)
    assert camera.sent - begin >= 9 and np.median(np.diff([f.stamp_ns for f in frames])) > 0.5e9 / FPS


def test_without_a_calibration_the_focal_length_is_guessed_and_known_as_a_guess(source):
    left = source.rig.left
    field = 2 * math.degrees(math.atan(0.5 * 64 / left.fx))
    assert field == pytest.approx(webcam.GUESSED_FIELD_DEG) and left.fx == left.fy
    assert (left.image_size, left.cx, left.cy, source.guesses_camera) == ((64, 48), 31.5, 23.5, True)


def test_a_rig_of_ones_own_is_taken_and_one_of_another_size_refused(camera):
    own = rig_from_intrinsics((60, 60, 32, 24))
    with_own = open_source("webcam", camera.address, rig=own)
    assert (with_own.rig.left.fx, with_own.rig.left.image_size, with_own.guesses_camera) == (60, (64, 48), False)
    with_own.close()
    with pytest.raises(CalibrationError, match="gives 64x48 but rig intrinsics is for 640x480"):
        open_source("webcam", camera.address, rig=rig_from_intrinsics((600, 600, 320, 240), image_size=(640, 480)))


def test_what_a_sender_decides_by_itself_is_told(camera):
    asked = open_source("webcam", camera.address, camera=CameraOptions(width=1280, fps=60.0))
    asked.close()
    assert asked.notes == [f"camera {camera.address}: its sender decides width, rate"]


class TakesNoRate:
    """The part of cv2.VideoCapture that is set and read back, of a driver that knows 30 fps alone."""

    def __init__(self):
        self.values = {}

    def set(self, prop, value):
        self.values[prop] = 30.0 if prop == cv2.CAP_PROP_FPS else value

    def get(self, prop):
        return self.values[prop]


def test_a_setting_that_the_driver_did_not_take_is_told():
    driver = TakesNoRate()
    notes = webcam_device.apply_options(driver, "0", CameraOptions(width=640, fps=60.0, exposure_ms=8.0))
    assert notes == ["camera 0: rate 60 was asked for, it gives 30"]
    assert driver.values[cv2.CAP_PROP_EXPOSURE] == 80.0  # of V4L2's 100 microseconds
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == webcam_device.V4L2_MANUAL


# --- what fails ---


def test_a_camera_that_comes_back_goes_on_and_the_gap_is_told(source, camera, monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_EVERY_S", 0.1)
    reading = iter(source)
    before_ns = next(reading).stamp_ns
    camera.unplug()
    threading.Timer(0.8, camera.plug_in).start()
    stamps_ns = [next(reading).stamp_ns for _ in range(60)]
    assert np.diff([before_ns, *stamps_ns]).max() > 0.5e9
    assert len(source.notes) == 1 and "was gone for" in source.notes[0] and not source.is_reconnecting


def test_a_camera_that_stays_away_is_an_error_after_a_stated_time(source, camera, monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_S", 0.5)
    monkeypatch.setattr(webcam, "RETRY_EVERY_S", 0.1)
    reading = iter(source)
    next(reading)
    camera.unplug()
    with pytest.raises(SourceError, match="is gone, and did not come back"):
        list(reading)


def test_a_frame_of_another_size_is_skipped_and_a_camera_that_stays_so_ends(monkeypatch):
    monkeypatch.setattr(webcam, "USELESS", 5)

    def sometimes_smaller(index):
        return jpeg(index, (32, 24) if index == 15 or index > 24 else (64, 48))

    with MjpegCamera(sometimes_smaller, FPS) as camera:
        source = open_source("webcam", camera.address)
        with pytest.raises(SourceError, match=r"the image is 32x24 now and was 64x48, the last of 5 useless"):
            for frame in source:
                assert frame.image.shape == (48, 64)
        assert len(source.skipped) == 6
        source.close()


def test_a_broken_image_costs_its_own_frame():
    with MjpegCamera(lambda index: jpeg(index)[:40] if index == 9 else jpeg(index), FPS) as camera:
        source = open_source("webcam", camera.address)
        frames = first(source, 15)
        assert [skip.reason.endswith("is broken") for skip in source.skipped] == [True]
        assert source.skipped[0].index not in [frame.index for frame in frames]
        source.close()


def test_a_stamp_that_does_not_rise_costs_its_own_frame(source, monkeypatch):
    stamps_ns = iter(range(10**18, 10**18 + 100))
    jumps = iter([next(stamps_ns), next(stamps_ns), 5, *itertools.islice(stamps_ns, 20)])
    monkeypatch.setattr(webcam_device.Capture, "stamp_ns", lambda capture: next(jumps))
    assert [frame.index for frame in first(source, 4)] == [0, 1, 3, 4]
    assert [skip.index for skip in source.skipped] == [2]
    assert "does not come after the one before it" in source.skipped[0].reason


def test_closing_ends_an_iteration_that_goes_on(source):
    reading = iter(source)
    next(reading)
    source.close()
    assert list(reading) == []


def test_max_frames_ends_a_camera(camera):
    source = open_source("webcam", camera.address, max_frames=4)
    assert len(list(source)) == 4
    source.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9/none.mjpg", "cannot be opened; check that the address plays"),
        ("/dev/video77", "cannot be opened"),
        ("77", "cannot be opened"),
        ("v4l2src ! videoconvert ! appsink", "built without GStreamer"),
        ("kitchen", "is neither a device number, nor a path like /dev/video0, nor an address"),
    ],
)
def test_what_is_no_camera_is_one_clear_sentence(address, words):
    with pytest.raises(SourceError, match=words):
        open_source("webcam", address)


def test_a_file_is_pointed_to_the_command_that_plays_it(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match="is a file; replay it with: slam run video"):
        open_source("webcam", str(tmp_path / "clip.mp4"))


def test_a_camera_that_only_a_stereo_pair_can_be_asked_of_is_refused(camera):
    with pytest.raises(SourceError, match="mode stereo needs"):
        open_source("webcam", camera.address, mode=Mode.STEREO)
