"""A run that dropped, hurried and waited is replayed to the byte from what it recorded."""

import json
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from command_line import called
from test_graph_process import problem

from slam.camera import Camera, Rig
from slam.errors import ConfigError, SourceError
from slam.graph import InlineGraph
from slam.running.decisions import FILE_NAME, DecisionLog, Decisions, keep_until, read_decisions
from slam.running.feed import InertialStore
from slam.running.layouts import TumLayout
from slam.running.recording import WAITING, RecordingWriter
from slam.running.scripted import LoggedGraph, ScriptedGraph
from slam.sources import open_source
from slam.types import Frame, ImuSamples, Mode

RIG = Rig("small", Camera(40, 30, 30.0, 31.0, 19.5, 14.5), depth_factor=1000.0)
MADE = Decisions(3, 10**9 + 7, 2, (None, "", "it died"), (0, 3), False)


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


@pytest.mark.parametrize("mode", ["rgbd", pytest.param("mono", marks=pytest.mark.slow)])
def test_a_realtime_run_and_its_replay_leave_the_same_bytes(slam, tmp_path, mode):
    args = ("--mode", mode, "--realtime", "--fps", "90", "--max-frames", "60", "--viewer", "none")
    assert slam("run", "demo", *args, "--record", "tape", "--out", "live").code == 0
    done = slam("replay", "tape", "--viewer", "none", "--out", "again")
    assert (done.code, done.err) == (0, "")
    for name in ("trajectory.txt", "trajectory_causal.txt", "map.ply"):
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    live, again = (json.loads((tmp_path / n / "summary.json").read_text()) for n in ("live", "again"))
    assert (live["hurried"], live["exit_histogram"]) == (again["hurried"], again["exit_histogram"])


@pytest.mark.slow
def test_frames_placed_after_the_end_of_a_hurried_run_are_replayed_too(slam, tmp_path):
    args = ("--mode", "mono", "--realtime", "--fps", "2000", "--viewer", "none")
    for frames in (10, 11):  # the monocular map has just begun: those before it still wait
        tape = f"tape{frames}"
        assert slam("run", "demo", *args, "--max-frames", frames, "--record", tape, "--out", f"live{frames}").code == 0
        assert slam("replay", tape, "--viewer", "none", "--out", f"again{frames}").code == 0
        live, again = (tmp_path / f"{name}{frames}" / "trajectory.txt" for name in ("live", "again"))
        assert live.read_bytes() == again.read_bytes()


def test_decisions_are_read_back(tmp_path):
    with DecisionLog(tmp_path) as log:
        log.add(MADE)
        log.add(replace(MADE, index=4))
    assert read_decisions(tmp_path) == [MADE, replace(MADE, index=4)]


def test_a_last_line_that_was_cut_short_is_left_out_and_a_damaged_one_named(tmp_path):
    with DecisionLog(tmp_path) as log:
        for index in range(3):
            log.add(replace(MADE, index=index))
    path = tmp_path / FILE_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[0][:20]]))
    assert len(read_decisions(tmp_path)) == 3
    path.write_text("\n".join([lines[0], lines[1][:20], lines[2]]))
    with pytest.raises(SourceError, match="line 2: is damaged"):
        read_decisions(tmp_path)


def small_frames(count=3):
    rng = np.random.default_rng(0)
    for i in range(count):
        color = rng.integers(0, 256, (30, 40, 3), np.uint8)
        grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)
        depth_m = rng.integers(0, 5000, (30, 40)).astype(np.float32) / np.float32(1000.0)
        stamps_ns = np.arange(5) * 5_000_000 + i * 33_333_333 - 20_000_000
        imu = ImuSamples(stamps_ns, rng.normal(size=(5, 3)), rng.normal(size=(5, 3)))
        yield Frame(i, i * 33_333_333 + 1, grey, color, depth_m, None, imu)


def test_a_recording_gives_back_every_bit(tmp_path):
    frames = list(small_frames())
    with RecordingWriter(tmp_path / "tape", RIG, None) as writer:
        for frame in frames:
            writer.add(frame)
    source = open_source("recorded", tmp_path / "tape")
    assert source.mode is Mode.RGBD and source.rig.left == RIG.left
    for given, read in zip(frames, source, strict=True):
        assert given.stamp_ns == read.stamp_ns
        for name in ("image", "color", "depth_m"):
            np.testing.assert_array_equal(getattr(given, name), getattr(read, name))
        np.testing.assert_array_equal(given.imu.stamps_ns, read.imu.stamps_ns)
        np.testing.assert_array_equal(given.imu.accel_m_s2, read.imu.accel_m_s2)


def test_a_folder_with_files_is_not_recorded_into(tmp_path):
    (tmp_path / "something").write_text("kept")
    with pytest.raises(ConfigError, match="holds files already"):
        RecordingWriter(tmp_path, RIG, None)


def test_a_disk_that_takes_no_more_ends_the_recording_and_says_so(tmp_path):
    writer = RecordingWriter(tmp_path / "tape", RIG, None)
    frames = list(small_frames(20))
    writer.add(frames[0])
    while not writer.written:
        time.sleep(0.01)
    (tmp_path / "tape" / "rgb.txt").rename(tmp_path / "kept")
    (tmp_path / "tape" / "rgb.txt").mkdir()  # nothing can be appended to a folder
    with writer:
        for frame in frames[1:]:
            writer.add(frame)
    (note,) = writer.notes()
    assert "ends after 1 frames: it cannot be written" in note and writer.last_ns == frames[0].stamp_ns


def test_a_camera_does_not_wait_for_a_slow_disk_and_what_is_left_out_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(TumLayout, "write", lambda self, frame: time.sleep(0.05))
    begin = time.perf_counter()
    with RecordingWriter(tmp_path / "tape", RIG, None, waits=False) as writer:
        taken = [writer.add(frame) for frame in small_frames(WAITING + 20)]
        assert time.perf_counter() - begin < 1.0
    assert writer.left_out == taken.count(False) >= 15
    assert writer.notes() == [
        f"the recording {writer.folder} lacks {writer.left_out} frames, for which the disk was too slow"
    ]


def test_decisions_about_frames_that_are_not_there_are_forgotten(tmp_path):
    with DecisionLog(tmp_path) as log:
        for i in range(4):
            log.add(replace(MADE, index=i, stamp_ns=10 + i))
    keep_until(tmp_path, 11)
    assert [made.stamp_ns for made in read_decisions(tmp_path)] == [10, 11]


def test_samples_of_frames_that_were_given_up_belong_to_the_next_one():
    store = InertialStore()
    for frame in small_frames(3):
        store.add(frame.imu)
    frames = list(small_frames(3))
    samples = store.until(frames[1].stamp_ns)
    np.testing.assert_array_equal(samples.stamps_ns, np.concatenate([frames[0].imu.stamps_ns, frames[1].imu.stamps_ns]))
    np.testing.assert_array_equal(store.until(frames[2].stamp_ns).stamps_ns, frames[2].imu.stamps_ns)
    assert store.until(frames[2].stamp_ns) is None


def test_a_script_gives_answers_when_the_log_says_they_came():
    logged = LoggedGraph(InlineGraph())
    logged.poll()
    logged.submit(problem())
    answer = logged.poll()
    assert logged.polls() == (None, "") and logged.polls() == ()
    scripted = ScriptedGraph(InlineGraph())
    scripted.follow((None, None, ""))
    scripted.submit(problem())
    assert [scripted.poll(), scripted.poll()] == [None, None] and scripted.is_busy
    np.testing.assert_array_equal(scripted.poll().T_world_cam, answer.T_world_cam)
    assert not scripted.is_busy


def test_a_scripted_failure_fails_again_whatever_the_graph_says():
    scripted = ScriptedGraph(InlineGraph())
    scripted.follow(("it died",))
    scripted.submit(problem())
    assert scripted.poll().failure == "it died"
    assert not scripted.is_busy and scripted.poll() is None
