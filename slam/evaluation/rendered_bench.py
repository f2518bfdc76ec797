"""The benchmark on rendered recordings: long ones with loops and without, and whether covariances can be believed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from slam.errors import ConfigError, SlamError, TrajectoryError
from slam.evaluation import environment
from slam.evaluation.bench import run_case
from slam.evaluation.bench_cases import BenchCase
from slam.evaluation.long_figures import LongRun, long_run
from slam.evaluation.nees import Consistency, consistency, known_poses, nees
from slam.evaluation.rendered_cases import (
    LONG_CASES,
    ROOM_MODES,
    ROUNDS,
    LongCase,
    Rendering,
    corridors,
    room_case,
    rooms,
)
from slam.evaluation.rendered_table import LongRow, rendered_table
from slam.geometry import invert
from slam.sources import open_source
from slam.trajectory import Trajectory, read_tum
from slam.types import Float64, Mode

Say = Callable[[str], object]


@dataclass(frozen=True)
class RenderedOptions:
    """What is rendered and run."""

    recordings: Path  # folder for the recordings; those that are there already are used
    frames: int = 3000  # of the long ones
    rooms: int = 10
    room_s: float = 12.0
    processes: int = 1  # that render
    only: str = ""  # ways of running the long ones whose name contains this

    def __post_init__(self) -> None:
        if self.frames < 0 or self.rooms < 0:
            raise ConfigError(f"--frames {self.frames} --rooms {self.rooms}: must not be negative; 0 leaves them out")
        if self.rooms == 1:
            raise ConfigError("--rooms 1: a mean over rooms needs at least 2; 0 leaves them out")


def bench_rendered_to_folder(options: RenderedOptions, out: Path, command: str, say: Say) -> str:
    """Render what is missing, run everything into ``out/<time>``, and return the tables in Markdown.

    rendered.md and rendered.json are written anew after every run. Raises ConfigError when nothing is left to run.
    """
    cases = [case for case in LONG_CASES if options.frames and options.only in case.name]
    if not cases and not options.rooms:
        raise ConfigError(f"--only {options.only}: fits none of {', '.join(case.name for case in LONG_CASES)}")
    folder = out / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    rows: list[LongRow] = []
    found: dict[str, Consistency | str] = {}

    def keep() -> None:
        (folder / "rendered.md").write_text(rendered_table(rows, found, command))
        plain = {"long": [asdict(row) for row in rows], "consistency": {m: _plain(c) for m, c in found.items()}}
        plain |= {"commit": environment.commit(), "hardware": environment.hardware()}
        (folder / "rendered.json").write_text(json.dumps(plain, indent=2) + "\n")

    for recording in corridors(options.frames) if cases else ():
        if any(case.case.path == recording.name for case in cases):
            _render(recording, options, say)
    for case in cases:
        rows.append(_both(case, options, folder, say))
        keep()
    if options.rooms:
        chosen = rooms(options.rooms, options.room_s)
        for room in chosen:
            _render(room, options, say)
        for mode in ROOM_MODES:
            found[mode] = _consistency([room_case(room, mode) for room in chosen], options, folder, say)
            keep()
    return (folder / "rendered.md").read_text()


def _render(recording: Rendering, options: RenderedOptions, say: Say) -> None:
    """Make a recording unless it is there, whole or not at all."""
    place = options.recordings / recording.name
    if place.exists():
        return
    say(f"rendering {recording.name}")
    unfinished = place.with_name(f"{place.name}.unfinished-{time.time_ns()}")
    more = ("--processes", str(options.processes))
    words = [sys.executable, "-m", "slam", "render", str(unfinished), *recording.options, *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or "no message").splitlines()[-1].removeprefix("error: ")
        raise SlamError(f"rendering {recording.name}: {why}")
    unfinished.rename(place)


def _both(case: LongCase, options: RenderedOptions, folder: Path, say: Say) -> LongRow:
    with_loops, without = (
        _long(run, options, folder / run.name.replace(" ", "_"), say)
        for run in (case.with_loops(), case.without_loops())
    )
    return LongRow(case.name, case.case.align, options.frames, with_loops, without)


def _long(case: BenchCase, options: RenderedOptions, out: Path, say: Say) -> LongRun:
    say(case.name)
    ran = run_case(case, options.recordings, out, seed=0)
    if ran.failure:
        return LongRun(ran.failure)
    return long_run(out, _truth(case, options.recordings), read_tum(out / "trajectory.txt"), ROUNDS)


def _consistency(cases: list[BenchCase], options: RenderedOptions, folder: Path, say: Say) -> Consistency | str:
    """NEES over the rooms, or why there is none: a room that is left out would flatter."""
    runs: list[Float64] = []
    for case in cases:
        out = folder / case.name.replace(" ", "_")
        say(case.name)
        ran = run_case(case, options.recordings, out, seed=0)
        if ran.failure:
            return f"{case.name}: {ran.failure}"
        try:
            runs.append(_nees(out, _truth(case, options.recordings)))
        except TrajectoryError as error:
            return f"{case.name}: {error}"
    return consistency(runs)


def _nees(run: Path, truth: Trajectory) -> Float64:
    causal = read_tum(run / "trajectory_causal.txt")
    first = int(np.argmin(np.abs(truth.stamps_ns - causal.stamps_ns[0])))
    T_truth_world = truth.T_world_cam[first] @ invert(causal.T_world_cam[0])
    return nees(known_poses(causal, run / "health.jsonl"), truth, T_truth_world)[1]


def _truth(case: BenchCase, recordings: Path) -> Trajectory:
    """The true poses of the left camera."""
    truth = open_source(case.source, recordings / case.path, mode=Mode(case.mode)).ground_truth
    assert truth is not None  # whatever is rendered has it
    return truth


def _plain(found: Consistency | str) -> object:
    return found if isinstance(found, str) else asdict(found)
