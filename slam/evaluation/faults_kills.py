"""Runs of the demo whose processes are killed (``kill -9``) at random moments, and what is left of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from slam.errors import MapError
from slam.evaluation.faults_processes import Process, WatchedRun, left_behind
from slam.mapfile.reader import load_map
from slam.mapfile.told import compared_with_health

PROGRAM, GOING_ON, BACK_END, WINDOW, PICTURE = "program", "going on", "back end", "viewer", "picture"
# A keyframe every few frames instead of one in fifteen: more is being written and optimised at any moment.
OFTEN = ("keyframes.tracked_share=0.95", "keyframes.new_share=0.2", "keyframes.max_frames=4")
GONE_ON_WITH = 5  # every so many killed programs, a run goes on from what the last one left, to its end
GOING_ON_FRAMES = 30
FRAMES_PER_KILL = 8  # of the back end
LONGEST_DELAY_S = 0.1  # after a frame was told of
PICTURE_S = 1.0  # that the viewer takes for its picture, about
LEAVES = ("trajectory.txt", "trajectory_causal.txt", "health.jsonl", "summary.json", "map.ply", "config.toml")


@dataclass(frozen=True, slots=True)
class KilledRun:
    """One run, and what its kills did to it. ``failure`` says why there is no more to say."""

    victim: str
    kills: int = 0
    failure: str = ""
    told_keyframes: int = 0  # in health.jsonl
    lost_keyframes: int = 0  # told of, and not in the map file
    lost_frames: int = 0  # tracked up to the file's last keyframe, and not in the file; or not tracked
    left_behind: int = 0  # processes that went on without their program
    restarts: int = 0  # of the back end, as the summary says
    unsolved: int = 0  # problems of the back end whose processes were killed twice: the run went on without
    ate_m: float | None = None
    trajectory: str = field(default="", repr=False)  # of the finished run

    @property
    def was_unsafe(self) -> bool:
        """Whether more was lost than may be: the last keyframe of a killed program, nothing of one that lives."""
        allowed = 1 if self.victim == PROGRAM else 0
        is_quiet = self.victim == BACK_END and self.kills > 1 and not self.restarts
        lost = self.lost_keyframes > allowed or self.lost_frames or self.left_behind
        return bool(self.failure or lost or is_quiet)


def undisturbed(folder: Path, frames: int) -> KilledRun:
    """The run that the others are compared with; its map is left in ``undisturbed.map``."""
    file = folder / "undisturbed.map"
    with _run(folder / "undisturbed", file, frames) as run:
        return _finished(run, file, KilledRun("nobody"), frames)


def killed_programs(folder: Path, kills: int, frames: int, rng: Generator) -> Iterator[KilledRun]:
    """The whole program, killed once in each run."""
    for number in range(kills):
        file = folder / f"program{number}.map"
        yield _killed_program(folder / f"program{number}", file, frames, rng)
        if number % GONE_ON_WITH == 0:
            yield _going_on(folder / f"going_on{number}", file)


def killed_back_ends(folder: Path, kills: int, frames: int, rng: Generator) -> Iterator[KilledRun]:
    """The back end's process, killed in each run once every so many frames."""
    number, done = 0, 0
    while done < kills:
        slots = np.arange(min(kills - done, max(1, frames // FRAMES_PER_KILL)))
        moments = 1 + slots * FRAMES_PER_KILL + rng.integers(0, FRAMES_PER_KILL, len(slots))
        file = folder / f"back_end{number}.map"
        with _run(folder / f"back_end{number}", file, frames) as run:
            killed = sum(_kill_beneath(run, int(frame), rng) for frame in moments)
            yield _finished(run, file, KilledRun(BACK_END, killed), frames)
        number, done = number + 1, done + max(killed, 1)


def killed_viewers(folder: Path, kills: int, frames: int, rng: Generator) -> Iterator[KilledRun]:
    """The viewer's process, killed in each run once; in every third run while it draws the picture at the end."""
    for number in range(kills):
        draws = number % 3 == 2
        file, out = folder / f"viewer{number}.map", folder / f"viewer{number}"
        with _run(out, file, frames, "open3d", with_window=not draws) as run:
            if draws:
                killed = _kill_picture(run, frames, rng)
            else:
                killed = _kill_beneath(run, int(rng.integers(1, frames + 1)), rng, is_viewer=True)
            yield _finished(run, file, KilledRun(PICTURE if draws else WINDOW, killed), frames)


def _run(out: Path, file: Path, frames: int, viewer: str = "none", with_window: bool = False) -> WatchedRun:
    settings = [word for setting in OFTEN for word in ("--set", setting)]
    arguments = ["run", "demo", "--map", str(file), "--max-frames", str(frames), "--viewer", viewer, *settings]
    return WatchedRun(arguments, out, with_window)


def _killed_program(out: Path, file: Path, frames: int, rng: Generator) -> KilledRun:
    with _run(out, file, frames) as run:
        if not run.until_told(int(rng.integers(1, frames + 1))):
            return KilledRun(PROGRAM, failure=f"ended before it was killed: {run.last_line}")
        time.sleep(rng.uniform(0.0, LONGEST_DELAY_S))
        beneath = run.beneath()
        run.kill()
        return _compared(file, out, KilledRun(PROGRAM, 1, left_behind=left_behind(beneath)))


def _going_on(out: Path, file: Path) -> KilledRun:
    """A run that goes on from what killed ones left, to its end."""
    try:
        before = load_map(file).world.next_keyframe_id
    except (MapError, OSError) as error:
        return KilledRun(GOING_ON, failure=str(error))
    with _run(out, file, GOING_ON_FRAMES) as run:
        result = _finished(run, file, KilledRun(GOING_ON), GOING_ON_FRAMES)
    if result.failure:
        return result
    return replace(result, lost_keyframes=max(0, before - load_map(file).world.next_keyframe_id))


def _kill_beneath(run: WatchedRun, frame: int, rng: Generator, is_viewer: bool = False) -> int:
    """Kill the back end, or the viewer, some time after a frame was told of; 0 when the run had ended by then."""
    run.until_told(frame)
    time.sleep(rng.uniform(0.0, LONGEST_DELAY_S))
    process = run.first(lambda: _chosen(run.beneath(), is_viewer))
    if process is None:
        return 0
    process.kill()
    return 1


def _kill_picture(run: WatchedRun, frames: int, rng: Generator) -> int:
    """Kill the process that draws the picture at the end, some time after it started."""
    run.until_told(frames)
    process = run.first(lambda: _chosen(run.beneath(), is_viewer=True))
    time.sleep(rng.uniform(0.0, PICTURE_S))
    if process is None or not process.is_alive:
        return 0
    process.kill()
    return 1


def _chosen(processes: list[Process], is_viewer: bool) -> Process | None:
    """A run without a viewer has only the back end beneath it, which leads no group yet while it starts."""
    return next((process for process in processes if not (is_viewer and process.leads_group)), None)


def _finished(run: WatchedRun, file: Path, so_far: KilledRun, frames: int) -> KilledRun:
    """What a run has left whose program was not killed."""
    code = run.ended()
    if code != 0:
        return replace(so_far, failure=f"{'no end' if code is None else f'exit code {code}'}: {run.last_line}")
    missing = [name for name in LEAVES if not (run.folder / name).is_file()]
    if missing:
        return replace(so_far, failure=f"not written: {', '.join(missing)}")
    summary: dict[str, Any] = json.loads((run.folder / "summary.json").read_text())
    compared = _compared(file, run.folder, so_far)
    return replace(
        compared,
        lost_frames=compared.lost_frames + frames - summary["tracked"],
        restarts=summary["info"]["graph"]["restarts"],
        unsolved=summary["info"]["graph"]["failed"],
        ate_m=summary["ate"]["rmse"] if summary["ate"] else None,
        trajectory=(run.folder / "trajectory.txt").read_text(),
    )


def _compared(file: Path, out: Path, so_far: KilledRun) -> KilledRun:
    """The map file beside what the run told of."""
    try:
        told = compared_with_health(load_map(file), out / "health.jsonl")
    except (MapError, OSError) as error:
        return replace(so_far, failure=str(error))
    return replace(
        so_far,
        told_keyframes=told.keyframes,
        lost_keyframes=len(told.lost_keyframes),
        lost_frames=len(told.lost_stamps_ns),
    )
