"""The benchmark of faults: processes killed, map files damaged, motions that no map can be made of."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.errors import ConfigError
from slam.evaluation import environment
from slam.evaluation.faults_files import damaged_files
from slam.evaluation.faults_kills import (
    KilledRun,
    killed_back_ends,
    killed_programs,
    killed_viewers,
    undisturbed,
)
from slam.evaluation.faults_motions import motion_runs
from slam.evaluation.faults_table import Faults

BACK_END_SHARE, VIEWER_SHARE = 0.35, 0.15  # of the kills; the whole program gets the rest
PAUSE_S = 2.0  # between two times that the tables are written, and progress is told


@dataclass(frozen=True)
class FaultOptions:
    kills: int = 200
    damages: int = 1000
    motions: int = 100
    seed: int = 0
    frames: int = 80  # of a run that is killed


class FaultReport:
    """faults.md and faults.json, written again as the figures come: an interruption loses none."""

    def __init__(self, folder: Path, command: str) -> None:
        self.faults = Faults()
        self._folder, self._command, self._written_s = folder, command, 0.0
        self._machine = {
            "commit": environment.commit(),
            "hardware": environment.hardware(),
            "versions": environment.versions(),
        }

    def write(self, at_once: bool = True) -> bool:
        """Write both files; unless ``at_once``, only when the last time is a while ago. Whether it did."""
        if not at_once and time.monotonic() - self._written_s < PAUSE_S:
            return False
        self._written_s = time.monotonic()
        content = {"command": self._command, **self._machine, **self.faults.as_json()}
        (self._folder / "faults.json").write_text(json.dumps(content, indent=1) + "\n")
        (self._folder / "faults.md").write_text(self.text)
        return True

    @property
    def text(self) -> str:
        """The report in Markdown."""
        hardware = self._machine["hardware"]
        commit, violations = self._machine["commit"] or "unknown", self.faults.violations()
        assert isinstance(hardware, dict)
        origin = f"Command `{self._command}`, commit {commit}, {hardware['cpu']}, {hardware['cores']} cores."
        verdict = "## What must not be\n\n" + ("\n".join(f"- {line}" for line in violations) or "None of it was.")
        return "\n\n".join(["# Faults", origin, *self.faults.sections(), verdict]) + "\n"


def bench_faults_to_folder(
    options: FaultOptions, out: Path, command: str, progress: Callable[[str], object]
) -> tuple[str, bool]:
    """Measure into ``out/<time>``: the tables in Markdown, and whether nothing happened that must not.

    ``progress`` hears a line now and then. Raises ConfigError where processes can't be looked at.
    """
    if not sys.platform.startswith("linux") and options.kills:
        raise ConfigError("bench faults: processes are found through /proc, which only Linux has; add --kills 0")
    folder = out.resolve() / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    report = FaultReport(folder, command)
    for words in measured(options, folder, report.faults):
        if report.write(at_once=False):
            progress(words)
    report.write()
    progress(f"written to {folder}")
    return report.text, not report.faults.violations()


def measured(options: FaultOptions, folder: Path, faults: Faults) -> Iterator[str]:
    """Add one figure after the other to ``faults``, and say how far it is."""
    runs = folder / "runs"
    if options.kills or options.damages:
        runs.mkdir()
        faults.undisturbed = undisturbed(runs, options.frames)
        yield "undisturbed run"
        if faults.undisturbed.failure:
            return  # there is nothing to compare with
    for run in killed_runs(options, runs):
        faults.killed.append(run)
        yield f"{sum(r.kills for r in faults.killed)} of {options.kills} kills, the last: {run.victim}"
    seeds = range(options.seed * options.damages, (options.seed + 1) * options.damages)
    for damaged in damaged_files(runs / "undisturbed.map", folder / "damaged", seeds) if options.damages else ():
        faults.damaged.append(damaged)
        yield f"{len(faults.damaged)} of {options.damages} damaged files"
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    for motion in motion_runs(range(options.seed * options.motions, (options.seed + 1) * options.motions)):
        faults.motions.append(motion)
        yield f"{len(faults.motions)} of {options.motions} sequences of motions"


def killed_runs(options: FaultOptions, folder: Path) -> Iterator[KilledRun]:
    """Every victim's share of the kills."""
    rng = np.random.default_rng(options.seed)
    programs, back_ends, viewers = shares(options.kills)
    yield from killed_back_ends(folder, back_ends, options.frames, rng)
    yield from killed_viewers(folder, viewers, options.frames, rng)
    yield from killed_programs(folder, programs, options.frames, rng)


def shares(kills: int) -> tuple[int, int, int]:
    """Of the whole program, the back end and the viewer; each gets one where there are enough."""
    least = int(kills >= 3)
    back_ends, viewers = (max(least, round(kills * share)) for share in (BACK_END_SHARE, VIEWER_SHARE))
    return kills - back_ends - viewers, back_ends, viewers
