"""``slam bench SUITE`` on recordings of a few frames: every run counted, none made twice, files that hold it all."""

import csv
import json
import os
import signal
import time
from dataclasses import replace

import pytest
from command_line import answer, called, short_recording, start, typed

from slam.errors import ConfigError
from slam.evaluation.suite.records import RunFigures, read_results
from slam.evaluation.suite.runner import SuiteOptions, bench_suite, folder_sha256, spreads
from slam.evaluation.suite.task import Task, finished_task, run_task


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite") / "mine"
    short_recording(folder / "short", 8)
    return folder


@pytest.fixture(scope="module")
def finished(recordings, tmp_path_factory):
    """A suite that was run, and what it said."""
    said, out = [], tmp_path_factory.mktemp("out")
    options = SuiteOptions(str(recordings), out, out, repeats=2, only="rgbd")
    return options, bench_suite(options, "slam bench mine", said.append), said


def test_results_hold_every_run_and_what_it_was_run_with(finished):
    _, folder, _ = finished
    results = read_results(folder / "results.json")
    (case,) = results.cases
    assert (results.suite, results.engine, results.repeats, case.case.name) == ("mine", "local", 2, "short rgbd")
    assert [run.seed for run in case.runs] == [0, 1]
    assert all(run.coverage == 1.0 and run.ate_m < 0.01 and run.cpu_s > 0.5 for run in case.runs)
    assert results.weights_sha256.keys() >= {"earlybird-features.pt", "earlybird-matcher.pt"}
    assert len(case.data_sha256) == len(results.config_sha256) == 64
    assert results.hardware["cores"] >= 1


def test_figures_are_those_of_the_runs_own_summary(finished):
    _, folder, _ = finished
    (case,) = read_results(folder / "results.json").cases
    run = case.runs[1]
    summary = json.loads((folder / run.folder / "summary.json").read_text())
    assert run.ate_m == summary["ate"]["rmse"] and run.ate_causal_m == summary["ate_causal"]["rmse"]
    assert run.rpe_deg == summary["rpe"]["rotation_deg"]["rmse"]
    assert run.latency_ms == summary["latency_ms"] and run.exit_histogram == summary["exit_histogram"]
    assert summary["seed"] == 1


def test_csv_has_a_row_per_run_and_the_table_a_row_per_case(finished):
    _, folder, _ = finished
    rows = list(csv.DictReader((folder / "results.csv").open()))
    assert [row["seed"] for row in rows] == ["0", "1"]
    assert float(rows[0]["total_p95_ms"]) > 0 and int(rows[0]["exit_2"]) > 0
    header, *lines = [line for line in (folder / "results.md").read_text().splitlines() if line.startswith("|")]
    assert sum(line.startswith("| short rgbd | 2 |") for line in lines) == 1
    assert {line.count("|") for line in lines} == {header.count("|")}
    assert "ATE m" in header and "KITTI" not in header  # too short a path for its figures: an empty column is none


def test_a_suite_that_goes_on_runs_nothing_twice(finished):
    options, folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/task.json")}
    again = bench_suite(replace(options, resume=folder), "slam bench mine", lambda words: None)
    assert again == folder
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/task.json")} == before


def test_a_run_with_other_settings_or_half_a_record_is_run_again(finished, tmp_path):
    _, folder, _ = finished
    task = Task(read_results(folder / "results.json").cases[0].case, 0, str(folder), "runs/short_rgbd/0", "", "other")
    assert finished_task(task) is None
    (tmp_path / "task.json").write_text('{"key": "other", "figures": {"se')
    assert finished_task(replace(task, results=str(tmp_path), folder=".")) is None


def test_a_run_that_fails_is_counted_with_its_sentence(recordings, finished, tmp_path):
    _, folder, _ = finished
    case = read_results(folder / "results.json").cases[0].case
    wrong = replace(case, options=(*case.options, "--set", "tracker.nonsense=1"))
    figures = run_task(Task(wrong, 0, str(tmp_path), "runs/0", str(recordings / "short"), "key"))
    assert figures.failure.startswith("exit code 2: ") and "nonsense" in figures.failure
    assert figures.ate_m is None
    gone = run_task(Task(case, 0, str(tmp_path), "runs/1", str(tmp_path / "nowhere"), "key"))
    assert gone.failure.startswith("recording not found: ")


def test_spreads_are_of_the_runs_that_have_a_figure():
    runs = [
        RunFigures(0, "a", ate_m=3.0, latency_ms={"total": {"p50": 1.0, "p95": 2.0, "p99": 3.0}}),
        RunFigures(1, "b", failure="lost"),
        RunFigures(2, "c", ate_m=1.0),
        RunFigures(3, "d", ate_m=None),
    ]
    found = spreads(runs)
    assert (found["ate_m"].median, found["ate_m"].minimum, found["ate_m"].maximum) == (2.0, 1.0, 3.0)
    assert found["ate_m"].count == 2 and found["total p95"].median == 2.0
    assert "rpe_m" not in found


def test_a_hash_of_data_changes_with_a_byte_and_with_a_name(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    first = folder_sha256(tmp_path)
    (tmp_path / "a").write_bytes(b"two")
    assert folder_sha256(tmp_path) != first
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "a").rename(tmp_path / "b")
    assert folder_sha256(tmp_path) != first
    assert folder_sha256(tmp_path / "nowhere") == ""


def test_sequences_that_are_not_there_are_a_sentence_or_counted_as_failed(tmp_path):
    options = SuiteOptions("tum-rgbd3", tmp_path / "data", tmp_path / "out", repeats=1)
    with pytest.raises(ConfigError, match=r"tum/freiburg1_desk: .* 2 more.*slam download tum freiburg1_desk"):
        bench_suite(options, "slam bench tum-rgbd3", lambda words: None)
    folder = bench_suite(replace(options, skips_missing=True), "slam bench tum-rgbd3", lambda words: None)
    cases = read_results(folder / "results.json").cases
    assert len(cases) == 3
    assert all(case.runs[0].failure == f"recording not found: {case.case.path}" for case in cases)
    assert (folder / "results.md").read_text().count("1, 1 FAILED") == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--repeats", "0"), "must be at least 1"),
        (("--only", "nothing"), "--only nothing: fits no case of "),
        (("--engine", "slurm", "--only", "rgbd"), "--engine slurm: is unknown; write local or ray"),
        (("--resume", "nowhere"), "--resume nowhere: is not a folder"),
        (("--set", "tracker.nonsense=1", "--only", "rgbd"), "nonsense"),
    ],
)
def test_bad_options_are_one_sentence(words, sentence, recordings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    done = called(monkeypatch, capsys, "bench", recordings, "--repeats", "1", *words)
    assert done.code == 2 and sentence in done.err
    assert not list(tmp_path.glob("runs/bench/*/runs"))


@pytest.mark.slow
def test_a_suite_as_typed_is_stopped_and_goes_on_to_the_same_numbers(recordings, finished, tmp_path):
    words = ("bench", recordings, "--repeats", "3", "--only", "rgbd", "--workers", "1")
    process = start(tmp_path, *words)
    wait_for(lambda: list(tmp_path.glob("runs/bench/*/runs/*/0/task.json")))
    os.killpg(process.pid, signal.SIGINT)
    stopped = answer(process, 30)
    (folder,) = tmp_path.glob("runs/bench/*")
    assert stopped.code == 130 and f"go on with the same command and --resume {folder}" in stopped.err

    assert typed(tmp_path, *words, "--resume", folder).code == 0
    runs = read_results(folder / "results.json").cases[0].runs
    expected = read_results(finished[1] / "results.json").cases[0].runs
    assert [run.trajectory_sha256 for run in runs[:2]] == [run.trajectory_sha256 for run in expected]
    assert len(runs) == 3


def wait_for(is_there, timeout_s=60):
    end_s = time.monotonic() + timeout_s
    while not is_there() and time.monotonic() < end_s:
        time.sleep(0.05)
