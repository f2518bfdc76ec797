"""Whole runs on real input, most of them through the real command line: what they leave, and how they end."""

import itertools
import json
import multiprocessing
import os
import signal
import time

import cv2
import numpy as np
import pytest
from command_line import answer, called, replace_image, short_recording, start, typed

from slam.config import SlamConfig, load_config
from slam.running.options import RunOptions
from slam.running.run import run
from slam.trajectory import read_tum

FRAMES = 30
REALTIME_FRAMES = 110
HEALTH_KEYS = {
    *("stamp_ns", "status", "reason", "features", "matches", "inliers", "exit_layer", "pruned"),
    *("ms", "total_ms", "dropped", "hurried", "latency_ms"),
}
LEFT_BEHIND = {
    *("config.toml", "trajectory.txt", "trajectory_causal.txt", "health.jsonl", "summary.json"),
    *("truth.txt", "trajectory.png", "error.png", "map.ply", "run.map", "recording.toml"),
}


def health(folder):
    return [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def twins(folder, *options):
    """The same run twice, side by side: two answers and the two folders."""
    processes = [
        start(folder, "run", "demo", "--max-frames", FRAMES, "--viewer", "none", *options, "--out", name)
        for name in "ab"
    ]
    return [answer(process) for process in processes], [folder / "a", folder / "b"]


@pytest.fixture(scope="module")
def rgbd(tmp_path_factory):
    return twins(tmp_path_factory.mktemp("rgbd"))


@pytest.fixture(scope="module")
def mono(tmp_path_factory):
    return twins(tmp_path_factory.mktemp("mono"), "--mode", "mono")


@pytest.fixture
def slam(monkeypatch, capsys, tmp_path):
    """``slam("run", "demo")`` in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return lambda *args: called(monkeypatch, capsys, *args)


# --- what a run leaves ---


def test_a_run_leaves_all_its_files_and_nothing_else(rgbd):
    answers, (folder, _) = rgbd
    assert [(a.code, a.err) for a in answers] == [(0, "")] * 2
    assert {path.name for path in folder.iterdir()} == LEFT_BEHIND
    assert all(path.stat().st_size > 0 for path in folder.iterdir())


def test_the_terminal_ends_with_a_bar_and_a_table(rgbd):
    (first, _), _ = rgbd
    for word in (f"{FRAMES}/{FRAMES}", "fps", "tracking", "exit layer", "coverage", "ATE", "frame time", "results"):
        assert word in first.out


def test_the_configuration_that_was_written_is_read_back(rgbd):
    assert load_config(rgbd[1][0] / "config.toml") == SlamConfig()


def test_health_has_a_record_for_every_frame(rgbd):
    records = health(rgbd[1][0])
    assert len(records) == FRAMES
    for record in records:
        assert record.keys() >= HEALTH_KEYS
        assert record["status"] == "tracking" and record["dropped"] == 0
        assert not record["hurried"] and record["latency_ms"] is None
        assert 0 < record["ms"]["extract"] <= record["total_ms"]
    assert all(1 <= record["exit_layer"] <= 6 and record["ms"]["match"] > 0 for record in records[1:])


def test_the_summary_tells_error_coverage_speed_and_versions(rgbd):
    figures = summary(rgbd[1][0])
    assert (figures["frames"], figures["tracked"], figures["coverage"]) == (FRAMES, FRAMES, 1.0)
    assert figures["align"] == "se3"
    assert figures["ate"]["rmse"] < 0.010 and figures["ate_causal"]["rmse"] < 0.010  # m
    assert {"p50", "p95", "p99"} <= figures["latency_ms"]["match"].keys()
    assert figures["versions"]["torch"] and figures["seed"] == 0 and figures["peak_memory_mb"] > 0
    assert figures["hurried"] == 0 and figures["info"]["exit"].startswith("exit ")
    assert figures["command"].startswith("slam run demo") and figures["notes"] == []


def test_the_trajectories_hold_every_tracked_frame(rgbd):
    folder = rgbd[1][0]
    stamps = [record["stamp_ns"] for record in health(folder)]
    for name in ("trajectory.txt", "trajectory_causal.txt"):
        assert read_tum(folder / name).stamps_ns.tolist() == stamps


def test_the_pictures_are_pictures(rgbd):
    for name in ("trajectory.png", "error.png"):
        assert cv2.imread(str(rgbd[1][0] / name)).std() > 5


def test_without_out_the_run_is_the_latest(slam, tmp_path):
    assert slam("run", "demo", "--max-frames", "3", "--viewer", "none").code == 0
    assert (tmp_path / "runs" / "latest" / "summary.json").is_file()
    assert not os.path.isabs(os.readlink(tmp_path / "runs" / "latest"))


# --- two runs are one run ---


@pytest.mark.parametrize("name", ["trajectory.txt", "trajectory_causal.txt", "map.ply", "config.toml"])
def test_two_rgbd_runs_give_the_same_bytes(rgbd, name):
    _, (a, b) = rgbd
    first, second = (folder.joinpath(name).read_bytes() for folder in (a, b))
    if name == "config.toml":  # names its own folder
        first, second = (text.split(b"[features]")[1] for text in (first, second))
    assert first == second


@pytest.mark.parametrize("name", ["trajectory.txt", "trajectory_causal.txt", "map.ply"])
def test_two_mono_runs_give_the_same_bytes(mono, name):
    _, (a, b) = mono
    assert (a / name).read_bytes() == (b / name).read_bytes()


# --- the other modes ---


def test_mono_waits_for_parallax_says_so_and_then_keeps_every_frame(mono):
    answers, (folder, _) = mono
    figures, records = summary(folder), health(folder)
    assert answers[0].code == 0 and figures["mode"] == "mono" and figures["align"] == "sim3"
    assert records[0]["status"] == "initializing" and records[1]["reason"]
    assert figures["initializing"] <= FRAMES / 3 and figures["coverage_after_init"] == 1.0
    assert figures["ate"]["rmse"] < 0.010  # m, after Sim3


def test_stereo_is_metric(slam, tmp_path):
    assert slam("run", "demo", "--mode", "stereo", "--max-frames", "12", "--viewer", "none", "--out", "run").code == 0
    figures = summary(tmp_path / "run")
    assert (figures["mode"], figures["coverage"], figures["align"]) == ("stereo", 1.0, "se3")
    assert figures["ate"]["rmse"] < 0.020  # m


def test_a_screenshot_needs_no_display(tmp_path):
    pytest.importorskip("open3d")
    done = typed(tmp_path, "run", "demo", "--max-frames", 8, "--out", "run", "--screenshot", "shot.png")
    picture = cv2.imread(str(tmp_path / "shot.png"))
    assert (done.code, done.err) == (0, "")
    assert picture.shape[1] >= 640 and picture.std() > 10
    assert (picture[:, : picture.shape[1] // 2].max(2) > 60).sum() > 500  # px of the map, at the left


def test_a_rate_that_cannot_be_held_hurries_the_matcher_and_loses_no_frame(slam, tmp_path):
    args = (
        "--features",
        "sift",
        "--fps",
        "1000",
        "--runtime",
        "torch",
        "--max-frames",
        "8",
        "--set",
        "matcher.exit=off",
    )
    done = slam("run", "demo", *args, "--viewer", "none", "--out", "run")
    figures, records = summary(tmp_path / "run"), health(tmp_path / "run")
    assert (done.code, done.err, figures["tracked"]) == (0, "", 8)
    assert 1 <= figures["hurried"] == sum(r["hurried"] for r in records)
    assert f"{figures['hurried']} frames hurried" in " ".join(done.out.split())
    assert all(r["exit_layer"] == 6 or r["hurried"] for r in records[1:])
    assert figures["info"]["runtime"] == "torch"


def test_audits_of_two_replays_say_the_same(slam, tmp_path):
    for name in "ab":
        args = ("--features", "sift", "--set", "matcher.audit_share=0.5", "--max-frames", "10", "--viewer", "none")
        assert slam("run", "demo", *args, "--out", name).code == 0
    first, second = (summary(tmp_path / name)["audit"] for name in "ab")
    assert first == second and 2 <= first["count"] <= 8
    assert 0.0 <= first["low"] <= first["loss"] <= first["high"] <= 1.0


# --- broken images ---


def test_a_broken_image_is_skipped_counted_and_reported(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 16)
    replace_image(folder, 8, sorted((folder / "rgb").iterdir())[8].read_bytes()[:2000])
    done = slam("run", "tum", folder, "--viewer", "none", "--out", "run")
    figures = summary(tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    assert (figures["frames"], figures["tracked"], figures["skipped"]) == (16, 15, 1)
    assert figures["info"]["skips"][0]["index"] == 8
    assert "skipped" in done.out and "1600000000.266667.jpg" in done.out.replace("\n", "").replace(" ", "")


def test_what_was_written_stays_when_all_images_break(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 20)
    for index in range(10, 20):
        replace_image(folder, index, b"")
    done = slam("run", "tum", folder, "--viewer", "none", "--out", "run")
    figures = summary(tmp_path / "run")
    assert done.code == 0
    assert (figures["frames"], figures["tracked"], figures["skipped"], figures["coverage"]) == (20, 10, 10, 0.5)
    assert len(read_tum(tmp_path / "run" / "trajectory.txt")) == 10


def test_frames_without_texture_are_lost_with_a_reason(slam, tmp_path):
    folder = short_recording(tmp_path / "short", 12)
    grey = cv2.imencode(".jpg", np.full((480, 640, 3), 128, np.uint8))[1].tobytes()
    for index in (6, 7):
        replace_image(folder, index, grey)
    assert slam("run", "tum", folder, "--viewer", "none", "--out", "run").code == 0
    records = health(tmp_path / "run")
    assert [(r["status"], bool(r["reason"])) for r in records[6:8]] == [("lost", True)] * 2
    assert records[8]["status"] == "relocalized" and records[9]["status"] == "tracking"


# --- how a run ends ---


def stopped(folder, number):
    """The answer of a run that gets the signal when it has tracked a few frames."""
    process = start(folder, "run", "demo", "--viewer", "none", "--out", "run")
    path, end = folder / "run" / "health.jsonl", time.monotonic() + 60
    while not (path.is_file() and path.read_text().count("\n") >= 5):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, number)
    return answer(process, 30)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), pytest.param(signal.SIGTERM, "SIGTERM", marks=pytest.mark.slow)]
)
def test_a_signal_ends_the_run_with_its_results_written(tmp_path, number, name):
    done = stopped(tmp_path, number)
    figures, records = summary(tmp_path / "run"), health(tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    assert {path.name for path in (tmp_path / "run").iterdir()} == LEFT_BEHIND
    assert figures["notes"] == [f"stopped by {name} after {len(records)} frames"]
    assert 5 <= len(records) < 150 and figures["coverage"] == 1.0
    assert len(read_tum(tmp_path / "run" / "trajectory.txt")) == len(records)


def test_ctrl_c_before_the_first_frame_ends_without_a_traceback(tmp_path):
    process = start(tmp_path, "run", "demo", "--viewer", "none")
    time.sleep(0.7)  # s: somewhere in the imports
    os.killpg(process.pid, signal.SIGINT)
    done = answer(process, 30)
    assert "Traceback" not in done.err and done.code in (130, -signal.SIGINT)


# --- in real time ---


@pytest.fixture(scope="module")
def realtime(tmp_path_factory):
    """The demo at its own pace, its graph process killed on the way: result, seconds, pids of the graph."""
    folder, pids = tmp_path_factory.mktemp("realtime"), []

    def kill_once(progress):
        graphs = [child for child in multiprocessing.active_children() if child.name == "slam-graph"]
        if not pids and progress.done > 30:
            os.kill(graphs[0].pid, signal.SIGKILL)
        if progress.done > 30 and graphs and graphs[0].pid not in pids:
            pids.append(graphs[0].pid)

    begin = time.perf_counter()
    options = RunOptions("demo", out=folder / "run", viewer="none", realtime=True, max_frames=REALTIME_FRAMES)
    result = run(options, kill_once)
    return result, time.perf_counter() - begin, pids


def test_realtime_takes_as_long_as_the_recording(realtime):
    result, seconds, _ = realtime
    assert seconds >= (REALTIME_FRAMES - 1) / 30  # s from the first stamp to the last
    assert result.error is None and result.summary.info["realtime"]


def test_realtime_counts_what_it_drops(realtime):
    result = realtime[0]
    records = health(result.folder)
    assert records[-1]["index"] == REALTIME_FRAMES - 1  # the newest wins: the last frame always arrives
    assert sum(r["dropped"] for r in records) == result.summary.dropped == REALTIME_FRAMES - len(records)
    for before, after in itertools.pairwise(records):
        assert after["index"] == before["index"] + 1 + after["dropped"]


def test_realtime_says_how_old_a_frame_was_when_it_was_answered(realtime):
    result = realtime[0]
    assert all(r["latency_ms"] >= r["total_ms"] - 0.01 for r in health(result.folder))  # ms, of rounding
    assert result.summary.latency_ms["camera to answer"]["p95"] > 0


def test_a_killed_graph_is_started_again_and_costs_the_run_nothing(realtime):
    result, _, pids = realtime
    assert len(pids) == 2  # it was started again
    assert result.summary.info["graph"]["failures"] == {}  # its problem was posed again
    assert result.summary.tracked == result.summary.processed


def test_no_process_outlives_the_run(realtime):
    assert [child.name for child in multiprocessing.active_children()] == []
