import threading
import time

import cv2
import numpy as np
import pytest

from slam.camera import Camera, Rig
from slam.config import FeatureConfig
from slam.errors import SourceError
from slam.running import feed
from slam.running.feed import realtime_feed, replay_feed
from slam.running.mailbox import Mailbox
from slam.tracking.observe import Observer
from slam.types import Frame, Mode

RIG = Rig("small", Camera(64, 48, 50.0, 50.0, 32.0, 24.0))
OBSERVER = Observer(RIG, Mode.MONO, FeatureConfig(name="orb", max_keypoints=10))
MS = 1_000_000  # ns


def frames(count, period_ms=10, hole_ms=0):
    """Noise images with stamps; a hole of so many milliseconds before the last."""
    for index in range(count):
        image = np.random.default_rng(index).integers(0, 256, (48, 64), dtype=np.uint8)
        yield Frame(index, (index * period_ms + hole_ms * (index == count - 1)) * MS, image)


def broken_after(count):
    yield from frames(count)
    raise SourceError("rgb/7.png: gone")


def threads_named(*names):
    return [thread for thread in threading.enumerate() if thread.name in names]


def test_replay_hands_out_every_frame_in_order():
    fed = list(replay_feed(frames(30), OBSERVER, ahead=4))
    assert [f.frame.index for f in fed] == list(range(30))
    assert all(f.observation.stamp_ns == f.frame.stamp_ns and f.dropped == 0 for f in fed)


def test_replay_waits_for_a_slow_reader():
    read = 0

    def counted():
        nonlocal read
        for frame in frames(30):
            read += 1
            yield frame

    feeding = replay_feed(counted(), OBSERVER, ahead=3)
    next(feeding)
    time.sleep(0.3)
    assert read <= 6  # one taken, three waiting, one in work, one asked for
    feeding.close()


def test_replay_raises_the_sources_error_after_the_good_frames():
    seen = []
    with pytest.raises(SourceError, match="gone"):
        for fed in replay_feed(broken_after(5), OBSERVER, ahead=2):
            seen.append(fed.frame.index)
    assert seen == [0, 1, 2, 3, 4]


def test_replay_ends_its_thread_when_the_reader_leaves():
    feeding = replay_feed(frames(1000), OBSERVER, ahead=2)
    next(feeding)
    feeding.close()
    assert not threads_named("observe")


def test_realtime_is_paced_by_the_stamps():
    start = time.perf_counter()
    fed = list(realtime_feed(frames(6, period_ms=100), OBSERVER))
    assert fed[-1].frame.index == 5
    assert time.perf_counter() - start >= 0.5  # s from the first stamp to the last


def test_realtime_counts_what_a_slow_reader_misses():
    given, missed = [], 0
    for fed in realtime_feed(frames(40), OBSERVER):
        given.append(fed.frame.index)
        missed += fed.dropped
        time.sleep(0.05)
    assert given == sorted(given) and given[-1] == 39  # the newest always arrives
    assert missed == 40 - len(given) and missed > 10


def test_realtime_raises_the_sources_error():
    with pytest.raises(SourceError, match="gone"):
        list(realtime_feed(broken_after(3), OBSERVER))


@pytest.mark.parametrize("feeding", [realtime_feed, lambda given, observer: replay_feed(given, observer, 2)])
def test_a_bug_in_the_extraction_reaches_the_reader(feeding):
    def with_a_wrong_image():
        yield from frames(2)
        yield Frame(2, 20 * MS, np.zeros((48, 64), np.float64))

    with pytest.raises(cv2.error):
        list(feeding(with_a_wrong_image(), OBSERVER))
    assert not threads_named("camera", "observe")


def test_a_frame_knows_when_it_arrived():
    observed = Mailbox()
    for fed in realtime_feed(frames(5), OBSERVER, observed):
        assert fed.arrived_s + fed.extract_ms / 1e3 <= time.perf_counter() < fed.arrived_s + 2.0
    assert observed.is_empty and fed.frame.index == 4


def test_realtime_ends_its_threads_when_the_reader_leaves():
    feeding = realtime_feed(frames(1000), OBSERVER)
    next(feeding)
    feeding.close()
    assert not threads_named("camera", "observe")


def test_a_silent_camera_is_an_error(monkeypatch):
    def silent():
        yield from frames(1)
        time.sleep(1.0)

    monkeypatch.setattr(feed, "SILENCE_S", 0.3)
    with pytest.raises(SourceError, match="the camera is silent"):
        list(realtime_feed(silent(), OBSERVER))


def test_a_hole_in_a_recording_is_no_silent_camera(monkeypatch):
    monkeypatch.setattr(feed, "SILENCE_S", 0.5)
    monkeypatch.setattr(feed, "PAUSE_S", 0.2)
    fed = list(realtime_feed(frames(3, hole_ms=60_000), OBSERVER))
    assert fed[-1].frame.index == 2
