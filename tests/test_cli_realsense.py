"""``slam run realsense`` and ``slam devices`` as typed, on files that the SDK recorded."""

import json
from dataclasses import replace

import numpy as np
import pyrealsense2 as rs
import pytest
from command_line import called, called_in, short_recording, typed
from software_camera import SoftwareCamera, feeding, write_realsense_file

from slam.evaluation.ate import ate
from slam.sources import open_source, realsense_listing
from slam.trajectory import read_tum
from slam.types import Mode

WARM_UP = 240  # frames for which the camera stands still while the run gets ready
no_camera = pytest.mark.skipif(len(rs.context().query_devices()) > 0, reason="a RealSense is connected")


@pytest.fixture
def demo_file(tmp_path):
    """Eight frames of the demo, and the folder they come from."""
    folder = short_recording(tmp_path / "demo", 8)
    write_realsense_file(open_source("tum", folder), tmp_path / "demo.db3")
    return folder, tmp_path / "demo.db3"


def test_a_file_runs_as_the_folder_that_it_was_recorded_from(tmp_path, demo_file):
    folder, file = demo_file
    for out, args in (("rs", ("realsense", "--file", file)), ("tum", ("tum", folder))):
        answer = called_in(tmp_path, "run", *args, "--viewer", "none", "--out", out)
        assert answer.code == 0, answer.err
    ours, theirs = (read_tum(tmp_path / out / "trajectory.txt") for out in ("rs", "tum"))
    np.testing.assert_allclose(ours.T_world_cam, theirs.T_world_cam, atol=1e-6)
    summary = json.loads((tmp_path / "rs" / "summary.json").read_text())
    assert summary["frames"] == 8


def test_a_file_is_named_as_a_path_too_and_by_a_launch_file(tmp_path, demo_file, monkeypatch, capsys):
    _, file = demo_file
    answer = called(
        monkeypatch,
        capsys,
        "run",
        "realsense_rgbd",
        file,
        "--viewer",
        "none",
        "--max-frames",
        "2",
        "--out",
        tmp_path / "out",
    )
    assert answer.code == 0 and "2 given" in answer.out


def test_what_a_file_cannot_be_asked_for_is_a_note_of_the_run(tmp_path, demo_file, monkeypatch, capsys):
    _, file = demo_file
    args = ("run", "realsense", "--file", file, "--no-emitter", "--viewer", "none", "--max-frames", "2")
    answer = called(monkeypatch, capsys, *args, "--out", tmp_path / "out")
    notes = json.loads((tmp_path / "out" / "summary.json").read_text())["notes"]
    assert answer.code == 0 and any("plays as it was recorded; emitter cannot be chosen" in note for note in notes)


def test_a_file_that_is_cut_short_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "cut.db3").write_bytes(b"SQLite format 3\0" + bytes(3000))
    answer = called(monkeypatch, capsys, "run", "realsense", "--file", tmp_path / "cut.db3", "--viewer", "none")
    assert answer.code == 2 and "cannot be played, it is cut short or no RealSense recording" in answer.err


@no_camera
def test_without_a_camera_it_is_said_what_to_check(monkeypatch, capsys):
    answer = called(monkeypatch, capsys, "run", "realsense", "--viewer", "none")
    assert answer.code == 2 and "no RealSense camera is connected; check the cable" in answer.err
    answer = called(monkeypatch, capsys, "devices")
    assert answer.code == 0 and "no RealSense camera is connected; check the cable" in answer.out


@pytest.mark.slow
def test_recorded_frames_give_the_same_error_through_the_sdk_within_a_tenth(tmp_path, recorded):
    folder = recorded / "sequences" / "sevenscenes_300"
    assert write_realsense_file(open_source("tum", folder, mode=Mode.RGBD), tmp_path / "seven.db3") == 300
    for out, args in (("rs", ("realsense", "--file", tmp_path / "seven.db3")), ("tum", ("tum", folder))):
        assert typed(tmp_path, "run", *args, "--viewer", "none", "--out", out).code == 0
    truth = read_tum(folder / "groundtruth.txt")
    ours_m, theirs_m = (ate(read_tum(tmp_path / out / "trajectory.txt"), truth).rmse for out in ("rs", "tum"))
    assert ours_m == pytest.approx(theirs_m, rel=0.1)


@pytest.mark.slow
def test_a_live_run_through_the_sdk_maps_what_it_sees_and_says_how_it_ended(tmp_path, monkeypatch, capsys):
    source = open_source("demo", None, mode=Mode.RGBD)
    camera, frames = SoftwareCamera(source, 30), list(source)
    first_ns = frames[0].stamp_ns
    waiting = [replace(frames[0], stamp_ns=first_ns - (WARM_UP - i) * 33_333_333) for i in range(WARM_UP)]
    monkeypatch.setattr(realsense_listing, "chosen_device", lambda serial: camera.device)
    with feeding(camera, [*waiting, *frames], 1 / 30):
        answer = called(
            monkeypatch, capsys, "run", "realsense", "--viewer", "none", "--no-emitter", "--out", tmp_path / "out"
        )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert answer.code == 2 and "is silent, no image for 1.8 s" in answer.err  # the recording ended
    assert any("has no emitter to switch off" in note for note in summary["notes"])
    assert any("ended early" in note and "is silent" in note for note in summary["notes"])
    poses = read_tum(tmp_path / "out" / "trajectory.txt")
    assert ate(poses, source.ground_truth).rmse < 0.02  # m
