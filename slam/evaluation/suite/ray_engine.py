"""The runs of a suite as tasks of Ray, one per case and seed: the same runs, with their files brought back.

A run goes into a new folder of the machine it is on, never into the results: when a worker is killed, the process it
had started may still write while the run is made again elsewhere.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import slam
from slam.evaluation import environment
from slam.evaluation.suite.records import RunFigures
from slam.evaluation.suite.task import DONE, Task, run_task
from slam.running.engines import Lost, results_on_ray
from slam.running.packed_folder import PackedFolder

OnDone = Callable[[Task, RunFigures], object]


@dataclass(frozen=True)
class SentTask:
    """A task, and the code that it is to be run with."""

    task: Task
    code: str


@dataclass(frozen=True)
class ReturnedRun:
    """The figures of a run and the files it left."""

    figures: RunFigures
    folder: PackedFolder


def run_all_on_ray(tasks: Sequence[Task], on_done: OnDone, workers: int, address: str = "") -> None:
    """Run all tasks, at most ``workers`` at a time, and write every run into its folder as if it had run here.

    A run whose worker is lost too often has that as its failure, and is run again by ``--resume``.
    Raises what ``results_on_ray`` raises.
    """
    code = code_version()
    sent = [SentTask(task, code) for task in tasks]
    for item, returned in results_on_ray(run_away, sent, workers, address):
        if isinstance(returned, Lost):
            on_done(item.task, RunFigures(item.task.seed, item.task.folder, returned.why))
        else:
            keep_returned(item.task, returned)
            on_done(item.task, returned.figures)


def run_away(sent: SentTask) -> ReturnedRun:
    """On the worker: run a task in a folder of its own that is removed, and return what it left there."""
    with tempfile.TemporaryDirectory(prefix="slam-run-") as scratch:
        task = replace(sent.task, results=scratch)
        here = code_version()
        if here != sent.code:
            why = f"slam is {here} there, {sent.code} here"
            return ReturnedRun(_failed(task, why), PackedFolder({}))
        if not Path(task.recording).exists():
            return ReturnedRun(_failed(task, f"has no recording {task.recording}"), PackedFolder({}))
        figures = run_task(task)
        return ReturnedRun(figures, PackedFolder.of(Path(scratch) / task.folder))


def keep_returned(task: Task, returned: ReturnedRun) -> None:
    """Write a run into its folder among the results; ``task.json``, which says that it is whole, last."""
    folder = Path(task.results) / task.folder
    shutil.rmtree(folder, ignore_errors=True)
    files = dict(returned.folder.files)
    done = files.pop(DONE, None)
    replace(returned.folder, files=files).unpack(folder)
    if done is not None:
        PackedFolder({DONE: done}).unpack(folder)


def code_version() -> str:
    """Version and commit of slam on this machine, since runs of different code must not share a table."""
    return f"{slam.__version__} {environment.commit()}".strip()


def _failed(task: Task, why: str) -> RunFigures:
    return RunFigures(task.seed, task.folder, f"node {socket.gethostname()}: {why}")
