"""A suite's runs on Ray: what comes back is what the local engine leaves, with a worker killed on the way too."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import short_recording

from slam.evaluation.suite.ray_engine import SentTask, code_version, keep_returned, run_all_on_ray, run_away
from slam.evaluation.suite.records import SuiteCase
from slam.evaluation.suite.task import DONE, Task, finished_task, run_task


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return short_recording(tmp_path_factory.mktemp("recording") / "short", 12)


def task_of(recording, results, seed=0, mode="rgbd"):
    options = ("--rig", str(recording / "rig.toml"))
    case = SuiteCase(f"short {mode}", "", "short", "tum", str(recording), mode, "se3", options)
    return Task(case, seed, str(results), f"runs/short_{mode}/{seed}", str(recording), key=f"key {mode} {seed}")


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def runs_of(recording):
    """(process, its parent) of every ``slam run`` on this recording that is alive."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            if str(recording).encode() in words and b"run" in words:
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile


def kill_the_first_worker(recording, killed):
    """Kill -9 the Ray worker that waits for the first run that is seen."""
    end_s = time.monotonic() + 60
    while not killed and time.monotonic() < end_s:
        for _, worker in runs_of(recording):
            os.kill(worker, 9)
            killed.append(worker)
            return
        time.sleep(0.05)


def test_a_run_away_brings_back_every_file_and_the_figures_of_a_run_here(recording, tmp_path):
    here, away = task_of(recording, tmp_path / "here"), task_of(recording, tmp_path / "away")
    expected = run_task(here)
    returned = run_away(SentTask(away, code_version()))
    keep_returned(away, returned)
    assert expected.failure == ""
    assert returned.figures.trajectory_sha256 == expected.trajectory_sha256
    assert finished_task(away) == returned.figures
    assert files_of(tmp_path / "away") == files_of(tmp_path / "here")


def test_what_was_there_before_is_gone_once_a_run_is_back(recording, tmp_path):
    task = task_of(recording, tmp_path)
    old = tmp_path / task.folder / "old.txt"
    old.parent.mkdir(parents=True)
    old.write_text("of a run that was cut off")
    keep_returned(task, run_away(SentTask(replace(task, recording="/nowhere"), code_version())))
    assert not old.exists()


def test_a_recording_that_a_machine_lacks_names_the_machine_and_is_tried_again(recording, tmp_path):
    task = replace(task_of(recording, tmp_path), recording="/nowhere/short")
    returned = run_away(SentTask(task, code_version()))
    keep_returned(task, returned)
    assert returned.figures.failure == f"node {os.uname().nodename}: has no recording /nowhere/short"
    assert finished_task(task) is None


def test_a_machine_with_other_code_does_not_take_part(recording, tmp_path):
    returned = run_away(SentTask(task_of(recording, tmp_path), "0.0.1 abc"))
    assert f"slam is {code_version()} there, 0.0.1 abc here" in returned.figures.failure
    assert returned.folder.files == {}


@pytest.mark.slow
def test_with_two_workers_of_which_one_is_killed_the_numbers_are_those_of_the_local_engine(recording, tmp_path):
    pytest.importorskip("ray")
    kinds = [(seed, mode) for mode in ("rgbd", "mono") for seed in (0, 1)]
    expected = {kind: run_task(task_of(recording, tmp_path / "here", *kind)) for kind in kinds}
    tasks, found, killed = [task_of(recording, tmp_path / "ray", *kind) for kind in kinds], {}, []
    killer = threading.Thread(target=kill_the_first_worker, args=(recording, killed))
    killer.start()
    run_all_on_ray(tasks, lambda task, figures: found.update({(task.seed, task.case.mode): figures}), workers=2)
    killer.join()

    assert len(killed) == 1
    for kind in kinds:
        same = ("failure", "trajectory_sha256", "ate_m", "ate_causal_m", "rpe_m", "coverage", "keyframes", "landmarks")
        assert [getattr(found[kind], name) for name in same] == [getattr(expected[kind], name) for name in same]
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "here")
    assert all((tmp_path / "ray" / task.folder / DONE).exists() for task in tasks)
    assert list(runs_of(recording)) == []  # the run of the killed worker is not left behind


@pytest.mark.slow
def test_an_interruption_ends_the_runs_that_are_under_way_and_leaves_no_half_run(recording, tmp_path):
    pytest.importorskip("ray")

    def interrupt(task, figures):
        raise KeyboardInterrupt

    tasks = [task_of(recording, tmp_path, seed) for seed in range(6)]
    with pytest.raises(KeyboardInterrupt):
        run_all_on_ray(tasks, interrupt, workers=2)
    assert list(runs_of(recording)) == []
    assert [finished_task(task) is not None for task in tasks].count(True) == 1
    assert len(list((tmp_path / "runs" / "short_rgbd").iterdir())) == 1
