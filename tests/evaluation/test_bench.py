"""The benchmark's bookkeeping; the runs themselves are tested through the command line."""

import json
from dataclasses import replace

import pytest

from slam.errors import ConfigError
from slam.evaluation.bench import arguments, bench_to_folder, run_bench
from slam.evaluation.bench_cases import CASES, BenchCase
from slam.evaluation.bench_table import BenchRow, BenchRun, table

CASE = BenchCase(
    "box mono", "tum", "sequences/box", "mono", "sim3", ("--rig", "box"), target_m=0.03, least_coverage=0.9
)
GOOD = BenchRun("", 0.8, 0.95, 1.0, 100, 80, 20, 0.02, 0.4, 15.0, 80.0, 500.0)


def test_the_command_line_is_the_users():
    expected = ["run", "tum", "DATA/box", "--mode", "mono", "--rig", "box", "--viewer", "none"]
    assert arguments(CASE, "DATA/box") == expected
    assert arguments(replace(CASE, path="", source="demo", options=()), "x")[:3] == ["run", "demo", "--mode"]


@pytest.mark.parametrize(
    "worse",
    [
        {"failure": "exit code 2"},
        {"coverage_after_init": 0.89},
        {"coverage_final": 0.89},
        {"ate_m": 0.031},
        {"ate_m": None},
        {"first_tracked_index": 34},
        {"first_tracked_index": -1},
    ],
)
def test_one_bad_run_of_three_misses_the_target(worse):
    assert BenchRow(CASE, (GOOD, GOOD)).is_met
    assert not BenchRow(CASE, (GOOD, replace(GOOD, **worse), GOOD)).is_met


def test_a_still_camera_must_give_no_map():
    still = replace(CASE, initialises=False)
    nothing = BenchRun(frames=12)
    assert BenchRow(still, (nothing,)).is_met
    assert not BenchRow(still, (replace(nothing, tracked=1),)).is_met


def test_the_share_of_the_path_can_be_the_target():
    case = replace(CASE, target_m=None, target_percent=0.5)
    assert BenchRow(case, (GOOD,)).is_met
    assert not BenchRow(case, (replace(GOOD, ate_percent=0.6),)).is_met


def test_the_table_shows_the_median_and_all_runs():
    runs = (GOOD, replace(GOOD, ate_m=0.05), replace(GOOD, ate_m=0.025))
    text = table([BenchRow(CASE, runs)])
    assert "0.0250 m (0.0200, 0.0500, 0.0250)" in text
    assert "| no |" in text
    assert len({line.count("|") for line in text.splitlines()[:3]}) == 1


def test_a_missing_recording_is_a_row_that_says_so(tmp_path):
    started = []
    rows = run_bench(tmp_path / "data", tmp_path / "out", 2, [CASE], lambda case, number: started.append(number))
    assert [run.failure for run in rows[0].runs] == ["recording not found"] * 2
    assert started == [0, 1]
    assert "recording not found" in (tmp_path / "out/bench.md").read_text()
    assert json.loads((tmp_path / "out/bench.json").read_text())["rows"][0]["met"] is False


def test_every_case_has_its_own_name_and_its_recording(recorded):
    assert len({case.name for case in CASES}) == len(CASES)
    assert all((recorded / case.path).is_dir() for case in CASES if case.path)


def test_a_case_that_does_not_exist_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="--only lunar: fits no case"):
        bench_to_folder(tmp_path, tmp_path / "out", 1, "lunar", progress=str)
