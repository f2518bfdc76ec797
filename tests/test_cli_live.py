"""A live run through the command line, on a camera that the test plugs, unplugs, silences and starves."""

import json
import threading
import time

import numpy as np
import pytest
from command_line import answer, called, start

from slam.data_files import data_dir
from slam.evaluation.mjpeg import MjpegCamera
from slam.running import feed
from slam.running.decisions import read_decisions
from slam.sources import open_source, webcam
from slam.trajectory import read_tum
from slam.types import Mode

CALIBRATED = ("--intrinsics", "524.8,524.8,319.5,239.5")
WRITTEN = {"trajectory.txt", "trajectory_causal.txt", "health.jsonl", "summary.json", "map.ply", "config.toml"}


@pytest.fixture(scope="module")
def images():
    """The demo there and back, so that it never jumps."""
    there = [path.read_bytes() for path in sorted((data_dir("datasets") / "demo" / "tum" / "rgb").glob("*.jpg"))]
    return there + there[-2:0:-1]


@pytest.fixture
def camera(images):
    with MjpegCamera(lambda index: images[index % len(images)], fps=15.0) as plugged:
        yield plugged


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


def live(slam, camera, *more):
    return slam("run", "webcam", camera.address, *CALIBRATED, "--viewer", "none", "--out", "run", *more)


def summary(folder):
    return json.loads((folder / "run" / "summary.json").read_text())


def health(folder):
    return [json.loads(line) for line in (folder / "run" / "health.jsonl").open()]


def when(folder, lines, act):
    """Act once so many frames were answered."""

    def wait():
        path, end = folder / "run" / "health.jsonl", time.monotonic() + 60
        while not (path.is_file() and path.read_text().count("\n") >= lines) and time.monotonic() < end:
            time.sleep(0.02)
        act()

    threading.Thread(target=wait, daemon=True).start()


def whole(folder):
    """What a run that ended early must leave."""
    assert {path.name for path in (folder / "run").iterdir()} >= WRITTEN
    records = health(folder)
    assert len(read_tum(folder / "run" / "trajectory.txt")) >= 0.5 * len(records) > 0
    return records


def test_a_camera_is_tracked_until_the_frames_asked_for(slam, camera, tmp_path):
    done = slam("run", "webcam", camera.address, *CALIBRATED, "--headless", "--out", "run", "--max-frames", "60",
                "--telemetry", "told.jsonl")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    records = whole(tmp_path)
    assert summary(tmp_path)["frames"] == 60 and records[-1]["status"] == "tracking"
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").open()]
    assert told == records and told[-1]["keyframes"] >= 2
    assert all(record["latency_ms"] > 0 for record in records)


def test_an_unplugged_camera_ends_the_run_with_everything_saved_and_says_why(slam, camera, tmp_path, monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_S", 1.0)
    when(tmp_path, 20, camera.unplug)
    done = live(slam, camera)
    assert done.code == 2 and "is gone, and did not come back within 1 s" in done.err
    assert len(whole(tmp_path)) >= 20
    assert any(note.startswith("ended early: camera") for note in summary(tmp_path)["notes"])


@pytest.mark.slow
def test_a_camera_that_comes_back_is_tracked_on(slam, camera, tmp_path, monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_EVERY_S", 0.2)
    monkeypatch.setattr(feed, "SILENCE_S", 1.0)  # less than it is away: sought, it is not silent

    def pull_out_and_in():
        camera.unplug()
        time.sleep(1.5)
        camera.plug_in()

    when(tmp_path, 20, pull_out_and_in)
    done = live(slam, camera, "--max-frames", "60")
    assert done.code == 0 and any("was gone for" in note for note in summary(tmp_path)["notes"])
    assert whole(tmp_path)[-1]["status"] in ("tracking", "relocalized")


def test_a_silent_camera_is_an_error_within_two_seconds(slam, camera, tmp_path):
    silent_s = []

    def silence():
        camera.silence()
        silent_s.append(time.monotonic())

    when(tmp_path, 20, silence)
    done = live(slam, camera)
    assert done.code == 2 and "no frame for 2 s: the camera is silent" in done.err
    heard_s = (tmp_path / "run" / "trajectory.txt").stat().st_mtime - time.time() + time.monotonic()
    assert heard_s - silent_s[0] < 4.0  # 2 s of patience, and the writing
    whole(tmp_path)


@pytest.mark.slow
def test_a_third_of_the_frames_lost_on_the_way_costs_no_tracking(slam, images, tmp_path):
    arriving = [i for i in range(len(images)) if np.random.default_rng(i).uniform() > 0.3]
    with MjpegCamera(lambda index: images[arriving[index % len(arriving)]], fps=10.0) as camera:
        assert live(slam, camera, "--max-frames", "70").code == 0
    records = whole(tmp_path)
    first = next(i for i, record in enumerate(records) if record["tracked"])
    assert np.mean([record["tracked"] for record in records[first:]]) > 0.95


def test_a_disk_that_fills_ends_the_recording_and_not_the_run(slam, camera, tmp_path):
    def fill():
        (tmp_path / "tape" / "rgb.txt").rename(tmp_path / "kept.txt")
        (tmp_path / "tape" / "rgb.txt").symlink_to("/dev/full")

    when(tmp_path, 20, fill)
    done = live(slam, camera, "--max-frames", "50", "--record", "tape")
    (note,) = [note for note in summary(tmp_path)["notes"] if "recording" in note]
    assert done.code == 0 and "No space left on device" in note
    assert len(whole(tmp_path)) > 20
    kept = (tmp_path / "kept.txt").read_text().splitlines()
    assert len(read_decisions(tmp_path / "tape")) == len(kept)


def test_what_a_live_run_recorded_is_replayed_to_the_byte(slam, camera, tmp_path):
    assert live(slam, camera, "--max-frames", "45", "--record", "tape").code == 0
    assert slam("replay", "tape", "--headless", "--out", "again").code == 0
    for name in ("trajectory.txt", "trajectory_causal.txt"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_ctrl_c_ends_a_live_run_with_everything_saved(camera, tmp_path):
    process = start(tmp_path, "run", "webcam", camera.address, *CALIBRATED, "--viewer", "none", "--out", "run")
    when(tmp_path, 15, lambda: process.send_signal(2))
    done = answer(process, 60)
    assert (done.code, done.err) == (0, "")
    whole(tmp_path)
    assert any(note.startswith("stopped by Ctrl-C after") for note in summary(tmp_path)["notes"])


# --- recording without tracking ---


def test_a_camera_is_recorded_and_the_recording_runs(slam, camera, tmp_path):
    done = slam("record", "tape", "webcam", camera.address, *CALIBRATED, "--max-frames", "45")
    recorded = json.loads((tmp_path / "tape" / "recording.json").read_text())
    written, missed = recorded["written"], recorded["missed"]
    assert written + missed == 45 and missed < 5  # a busy machine may miss a frame, and says so
    assert (recorded["skipped"], recorded["notes"]) == ([], [])
    assert (done.code, done.err) == (0, "")
    assert f"{written} written of {written}, 0 left out, {missed} missed" in done.out
    assert slam("run", "tum", "tape", "--viewer", "none", "--out", "run").code == 0
    assert len(whole(tmp_path)) == written


def test_seconds_end_a_recording(slam, camera, tmp_path):
    done = slam("record", "tape", "webcam", camera.address, "--seconds", "1")
    assert done.code == 0
    recorded = json.loads((tmp_path / "tape" / "recording.json").read_text())
    assert 8 <= recorded["written"] <= 17 and "its focal length is a guess" in recorded["notes"][0]


def test_an_unplugged_camera_ends_a_recording_with_what_there_is(slam, camera, tmp_path, monkeypatch):
    monkeypatch.setattr(webcam, "RETRY_S", 0.5)
    threading.Timer(1.5, camera.unplug).start()
    done = slam("record", "tape", "webcam", camera.address)
    assert done.code == 2 and "is gone" in done.err
    recorded = json.loads((tmp_path / "tape" / "recording.json").read_text())
    assert recorded["written"] == len((tmp_path / "tape" / "rgb.txt").read_text().splitlines()) > 5


def test_a_stereo_recording_is_copied_with_its_samples(slam, tmp_path):
    assert slam("record", "tape", "demo", "--mode", "stereo", "--max-frames", "5").code == 0
    assert {"rgb.txt", "right.txt", "imu.csv", "rig.toml"} <= {path.name for path in (tmp_path / "tape").iterdir()}


def test_a_disk_that_fills_ends_a_recording_with_one_clear_sentence(slam, camera, tmp_path):
    def fill():
        (tmp_path / "tape" / "rgb.txt").rename(tmp_path / "kept.txt")
        (tmp_path / "tape" / "rgb.txt").symlink_to("/dev/full")

    threading.Timer(1.5, fill).start()
    done = slam("record", "tape", "webcam", camera.address, "--max-frames", "200")
    assert done.code == 2 and "No space left on device" in done.err and done.err.count("\n") == 1


def test_a_recording_in_the_layout_of_euroc_has_the_same_pictures_and_samples(slam, tmp_path):
    given = list(open_source("demo", None, mode=Mode.STEREO, max_frames=5))
    assert slam("record", "tape", "demo", "--mode", "stereo", "--max-frames", "5", "--layout", "euroc").code == 0
    read = list(open_source("euroc", tmp_path / "tape"))
    assert [frame.stamp_ns for frame in read] == [frame.stamp_ns for frame in given]
    for a, b in zip(given[1:], read[1:]):
        assert np.abs(a.image.astype(int) - b.image).max() <= 1 and np.abs(a.right.astype(int) - b.right).max() <= 1
        np.testing.assert_array_equal(a.imu.stamps_ns, b.imu.stamps_ns)
        np.testing.assert_array_equal(a.imu.gyro_rad_s, b.imu.gyro_rad_s)


def test_depth_finds_no_place_in_eurocs_layout_and_an_unknown_layout_is_refused(slam):
    for arguments, words in (
        (("--layout", "euroc"), "has no place for depth; write --layout tum"),
        (("--layout", "bag"), "--layout bag: is unknown; write tum or euroc"),
    ):
        done = slam("record", "tape", "demo", *arguments)
        assert done.code == 2 and words in done.err
