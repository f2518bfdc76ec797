"""``slam bench faults``: what it does, what it counts, and what it calls a violation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import called

from slam.evaluation import faults_bench, faults_files
from slam.evaluation.faults_bench import FaultOptions, FaultReport, bench_faults_to_folder, measured, shares
from slam.evaluation.faults_damage import KINDS
from slam.evaluation.faults_files import (
    CHANGED,
    CRASHED,
    GOOD,
    NOTHING_LEFT,
    RECOVERED,
    UNHARMED,
    DamagedFile,
    damaged_files,
    judged,
)
from slam.evaluation.faults_kills import BACK_END, GOING_ON, OFTEN, PICTURE, PROGRAM, WINDOW, KilledRun
from slam.evaluation.faults_motions import MOTIONS, MotionRun, motion_run, unanswered
from slam.evaluation.faults_processes import WatchedRun
from slam.evaluation.faults_table import Faults
from slam.mapfile.reader import load_map
from slam.running.options import RunOptions
from slam.running.run import run
from slam.types import Track, TrackStatus

SAFE = (
    KilledRun("nobody", ate_m=0.002, trajectory="1 2 3"),
    KilledRun(PROGRAM, 1, "", 12, 1),
    KilledRun(GOING_ON, 0, "", 3, trajectory="4 5 6"),
    KilledRun(BACK_END, 5, "", 16, restarts=5, unsolved=1, ate_m=0.003, trajectory="1 2 4"),
    KilledRun(WINDOW, 1, "", 16, ate_m=0.002, trajectory="1 2 3"),
)
ANSWERED = MotionRun(3, "mono", ("still", "jump"), {"tracking": 40, "lost": 9}, submaps=2)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The map file of a short run of the demo."""
    folder = tmp_path_factory.mktemp("sound")
    options = RunOptions("demo", viewer="none", map=folder / "map", out=folder / "run", max_frames=12)
    run(replace(options, settings=("run.graph_frames=0", *OFTEN)), lambda progress: None)
    return folder / "map"


def test_every_kind_of_damage_to_a_runs_map_is_refused_or_did_no_harm(sound, tmp_path):
    found = list(damaged_files(sound, tmp_path, range(len(KINDS))))
    assert [one.kind for one in found] == list(KINDS)
    assert {one.verdict for one in found} <= set(GOOD)
    assert {UNHARMED, RECOVERED} <= {one.verdict for one in found}


def test_a_file_with_nothing_in_it_is_refused_and_nothing_is_recovered(sound, tmp_path):
    (tmp_path / "map").write_bytes(b"no map" * 1000)
    assert judged(tmp_path / "map", tmp_path / "new", load_map(sound)).verdict == NOTHING_LEFT


def test_a_file_that_loads_as_another_map_is_found_out(sound, tmp_path):
    whole = load_map(sound)
    keyframe = whole.world.last_keyframe
    whole.world.keyframes[keyframe.keyframe_id] = replace(keyframe, T_world_cam=keyframe.T_world_cam + 1e-12)
    (tmp_path / "map").write_bytes(sound.read_bytes())
    assert judged(tmp_path / "map", tmp_path / "new", whole).verdict == CHANGED


def test_a_reader_that_throws_anything_else_is_a_crash(sound, tmp_path, monkeypatch):
    def thrown(path):
        raise IndexError("out of range")

    whole = load_map(sound)
    (tmp_path / "map").write_bytes(b"")
    monkeypatch.setattr(faults_files, "load_map", thrown)
    found = judged(tmp_path / "map", tmp_path / "new", whole)
    assert (found.verdict, found.detail) == (CRASHED, "IndexError: out of range")


@pytest.mark.parametrize("seed", [0, 1])
def test_degenerate_motions_are_answered(seed):
    found = motion_run(seed)
    assert found.failure == "" and found.unanswered == 0
    assert sum(found.statuses.values()) > 40 and set(found.motions) <= MOTIONS.keys()


def test_a_frame_without_a_place_or_a_reason_is_counted():
    nothing = np.zeros(0, np.int64), np.zeros((0, 2), np.float32)
    lost, silent = (Track(0, 0, TrackStatus.LOST, reason, None, *nothing) for reason in ("too dark", ""))
    placed = Track(0, 0, TrackStatus.TRACKING, "", np.eye(4), *nothing)
    assert unanswered([lost, silent, placed]) == 1


def test_the_kills_are_shared_among_the_victims():
    assert shares(200) == (100, 70, 30)
    assert shares(3) == (1, 1, 1)
    assert all(sum(shares(kills)) == kills and min(shares(kills)) >= 0 for kills in range(12))


@pytest.mark.parametrize(
    "unsafe",
    [
        KilledRun(PROGRAM, 1, lost_keyframes=2),
        KilledRun(PROGRAM, 1, lost_frames=1),
        KilledRun(PROGRAM, 1, left_behind=1),
        KilledRun(GOING_ON, lost_keyframes=1),
        KilledRun(BACK_END, 5, restarts=0),
        KilledRun(BACK_END, 1, lost_frames=1),
        KilledRun(PICTURE, 1, failure="exit code 1: KeyError"),
    ],
)
def test_a_run_that_lost_more_than_it_may_is_a_violation(unsafe):
    assert not Faults(SAFE[0], list(SAFE[1:])).violations()
    assert len(Faults(SAFE[0], [*SAFE[1:], unsafe]).violations()) == 1


def test_a_replay_whose_problems_were_solved_gives_the_same_trajectory():
    strayed = KilledRun(BACK_END, 5, restarts=5, trajectory="1 2 4")
    assert Faults(SAFE[0], [strayed]).violations() == ["the back end's process: another trajectory"]
    assert not Faults(SAFE[0], [replace(strayed, unsolved=1)]).violations()


def test_the_table_has_every_figure_and_says_what_must_not_be(tmp_path):
    report = FaultReport(tmp_path, "slam bench faults")
    report.faults = Faults(SAFE[0], list(SAFE[1:]), [DamagedFile(0, "zeroed", RECOVERED, 4, 16)], [ANSWERED])
    assert "None of it was." in report.text
    rows = [line.split(" | ") for line in report.text.splitlines() if line.startswith("| ")]
    assert ["| the back end's process", "5", "1", "0", "16", "0", "0", "0", "0", "5", "1"] in [row[:11] for row in rows]
    assert "0.0030 m, at most 0.0030 m (0.0020 m) | 0 of 1 |" in report.text
    assert len({line.count("|") for line in report.text.split("## Damaged")[0].splitlines() if line[:1] == "|"}) == 1
    assert "| zeroed | 1 | 0 | 1 | 0 | 0 | 0 | 25% |" in report.text
    assert "| mono | 1 | 0 | 49 | 0 | 40 | 9 | 2 |" in report.text
    report.faults.damaged.append(DamagedFile(7, "truncated", CHANGED, detail="it loaded as another map"))
    assert "- truncated (seed 7): accepted, changed: it loaded as another map" in report.text


def test_the_tables_are_there_before_the_end(tmp_path, monkeypatch):
    report = FaultReport(tmp_path, "slam bench faults")
    report.faults.damaged.append(DamagedFile(0, "zeroed", UNHARMED, 4))
    assert report.write(at_once=False) and not report.write(at_once=False)
    found = json.loads((tmp_path / "faults.json").read_text())
    assert found["damages"][0]["verdict"] == UNHARMED and found["violations"] == []


@pytest.mark.parametrize(("motion", "code"), [(ANSWERED, 0), (replace(ANSWERED, unanswered=1), 1)])
def test_the_exit_code_says_whether_anything_was_that_must_not_be(monkeypatch, capsys, tmp_path, motion, code):
    monkeypatch.setattr(faults_bench, "motion_runs", lambda seeds: iter([motion]))
    done = called(
        monkeypatch, capsys, "bench", "faults", "--kills", 0, "--damages", 0, "--motions", 1, "--out", tmp_path
    )
    assert done.code == code and "## Degenerate motions" in done.out and "1 of 1 sequences" in done.err
    assert len(list(tmp_path.glob("*/faults.md"))) == 1


def test_a_run_that_ends_before_its_time_is_noticed_and_says_why(tmp_path):
    with WatchedRun(["run", "demo", "--mode", "sideways"], tmp_path / "run") as run:
        assert not run.until_told(1)
        assert run.ended() == 2 and "write rgbd, stereo or mono" in run.last_line


@pytest.mark.slow
def test_each_victim_is_killed_once_and_nothing_is_lost(tmp_path):
    faults = Faults()
    for _ in measured(FaultOptions(kills=3, damages=0, motions=0, frames=16), tmp_path, faults):
        pass
    assert faults.violations() == []
    assert [run.victim for run in faults.killed] == [BACK_END, WINDOW, PROGRAM, GOING_ON]
    assert [run.kills for run in faults.killed] == [1, 1, 1, 0]


@pytest.mark.slow
def test_the_whole_benchmark_leaves_its_tables(tmp_path):
    text, is_safe = bench_faults_to_folder(FaultOptions(0, 5, 1, frames=12), tmp_path, "slam bench faults", str)
    assert is_safe and "## Damaged map files" in text and "## Degenerate motions" in text
