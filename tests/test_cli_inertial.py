"""Recordings with inertial samples, through the real command line: metric when the motion shows it, else not."""

import json
import math

import pytest
from command_line import called

from slam.evaluation.ate import ate
from slam.sources import open_source
from slam.trajectory import read_tum


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args, "--viewer", "none")


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_a_flight_with_one_camera_becomes_metric(recorded, slam, tmp_path):
    path = recorded / "sequences" / "euroc_v101_moving_90"
    assert slam("run", "euroc", path, "--mode", "mono", "--out", "run").code == 0
    figures = summary(tmp_path / "run")
    start = figures["info"]["inertial"]
    assert figures["align"] == "se3" and start["started"] and figures["coverage_final"] == 1.0
    truth = open_source("euroc", path).ground_truth
    off = math.log(ate(read_tum(tmp_path / "run" / "trajectory.txt"), truth, "sim3", 0.02).scale)
    assert abs(off) < 0.1 and abs(off) < 4 * start["scale_sigma"]
    assert any("before it have no scale" in note for note in figures["notes"])


@pytest.mark.slow
def test_a_metric_map_is_metric_still_for_the_next_run(recorded, slam, tmp_path):
    path = recorded / "sequences" / "euroc_v101_moving_90"
    for number, more in enumerate(((), ("--localize-only",), ())):
        args = ("run", "euroc", path, "--mode", "mono", "--map", "flight.map", "--out", f"run{number}", *more)
        assert slam(*args).code == 0
        figures = summary(tmp_path / f"run{number}")
        assert figures["align"] == "se3" and figures["info"]["inertial"]["started"]
        assert figures["coverage_final"] == 1.0 and figures["ate"]["rmse"] < 0.02
    assert figures["info"]["inertial"]["start_s"] is None  # it was an earlier run's


@pytest.mark.slow
def test_without_its_samples_the_flight_has_no_scale(recorded, slam, tmp_path):
    path = recorded / "sequences" / "euroc_v101_moving_90"
    assert slam("run", "euroc", path, "--mode", "mono", "--set", "inertial.use=false", "--out", "run").code == 0
    figures = summary(tmp_path / "run")
    assert figures["align"] == "sim3" and figures["info"]["inertial"] is None


def test_a_body_that_stands_still_never_becomes_metric(recorded, slam, tmp_path):
    path = recorded / "sequences" / "euroc_v101_static_stereo_12"
    assert slam("run", "euroc", path, "--mode", "mono", "--out", "run").code == 0
    assert summary(tmp_path / "run")["tracked"] == 0


@pytest.mark.slow
def test_a_realtime_run_with_samples_is_replayed_to_the_byte(recorded, slam, tmp_path):
    path = recorded / "sequences" / "euroc_v101_moving_90"
    args = ("run", "euroc", path, "--mode", "mono", "--realtime", "--record", "tape", "--out", "live")
    assert slam(*args).code == 0
    assert slam("replay", "tape", "--out", "again").code == 0
    for name in ("trajectory.txt", "trajectory_causal.txt"):
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    live, again = (summary(tmp_path / name)["info"]["inertial"] for name in ("live", "again"))
    assert live == again
