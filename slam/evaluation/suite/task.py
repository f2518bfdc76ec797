"""One run of one case: a process of its own with the real command line, and its figures from what it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slam.evaluation.suite.records import RunFigures, SuiteCase
from slam.running.child_process import ended

TIMEOUT_S = 3600.0
DONE = "task.json"
SAME = (  # fields of a summary that a RunFigures has under the same name
    *("frames", "tracked", "dropped", "coverage", "coverage_after_init", "coverage_final", "fps", "latency_ms"),
    *("peak_memory_mb", "keyframes", "landmarks", "mean_exit_layer", "exit_histogram", "mean_pruned"),
)
ERRORS = {  # field of a RunFigures -> where a summary has it
    "ate_m": ("ate", "rmse"),
    "ate_max_m": ("ate", "max"),
    "ate_percent": ("ate", "percent"),
    "ate_causal_m": ("ate_causal", "rmse"),
    "scale": ("ate", "scale"),
    "rpe_m": ("rpe", "translation_m", "rmse"),
    "rpe_deg": ("rpe", "rotation_deg", "rmse"),
    "drift_m_per_s": ("rpe_per_second", "translation_m", "rmse"),
    "drift_deg_per_s": ("rpe_per_second", "rotation_deg", "rmse"),
    "kitti_t_percent": ("kitti_segments", "t_percent"),
    "kitti_r_deg_per_100m": ("kitti_segments", "r_deg_per_100m"),
}


@dataclass(frozen=True)
class Task:
    """A case with a seed, and where its run goes. All paths are absolute."""

    case: SuiteCase
    seed: int
    results: str  # folder of results
    folder: str  # of this run, below ``results``
    recording: str
    key: str  # hash of everything that decides the result: a run with another key is run again


def run_task(task: Task) -> RunFigures:
    """Run a task in an empty folder and leave its figures beside the run; of a failed run, the reason."""
    folder = Path(task.results) / task.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not Path(task.recording).exists():
        return _kept(task, RunFigures(task.seed, task.folder, f"recording not found: {task.case.path}"))
    run = ended(command(task, folder), TIMEOUT_S)
    if run.code is None:
        return _kept(task, RunFigures(task.seed, task.folder, f"not done after {TIMEOUT_S:.0f} s"))
    if run.code != 0:
        reason = f"exit code {run.code}: {run.last_line.replace(task.recording, task.case.sequence)}"
        return _kept(task, RunFigures(task.seed, task.folder, reason))
    return _kept(task, run_figures(folder, task.seed, task.folder, run.cpu_s, run.wall_s))


def finished_task(task: Task) -> RunFigures | None:
    """The figures of a task that was run before with the same key, or None."""
    try:
        plain = json.loads((Path(task.results) / task.folder / DONE).read_text(encoding="utf-8"))
        return RunFigures(**plain["figures"]) if plain["key"] == task.key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def command(task: Task, folder: Path) -> list[str]:
    """The command line of a run."""
    case = task.case
    place = [task.recording] if case.source != "demo" else []
    pace = ["--realtime"] if case.realtime else []
    end = ["--seed", str(task.seed), "--viewer", "none", "--out", str(folder)]
    return [sys.executable, "-m", "slam", "run", case.source, *place, "--mode", case.mode, *case.options, *pace, *end]


def run_figures(folder: Path, seed: int, name: str, cpu_s: float | None, wall_s: float | None) -> RunFigures:
    """The figures of a run that ended well, from its summary.json and trajectory.txt."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    errors = {name: _inner(summary, *path) for name, path in ERRORS.items()}
    same: dict[str, Any] = {name: summary[name] for name in SAME}
    digest = hashlib.sha256((folder / "trajectory.txt").read_bytes()).hexdigest()
    return RunFigures(seed, name, cpu_s=cpu_s, wall_s=wall_s, trajectory_sha256=digest, **errors, **same)


def _inner(summary: dict[str, Any], *path: str) -> Any:
    """A value inside dictionaries of which some may be None."""
    value: Any = summary
    for name in path:
        value = None if value is None else value.get(name)
    return value


def _kept(task: Task, figures: RunFigures) -> RunFigures:
    """Write the figures whole or not at all, so that a run that was killed is not taken for one that ended."""
    folder = Path(task.results) / task.folder
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{DONE}.{os.getpid()}"
    unfinished.write_text(json.dumps({"key": task.key, "figures": asdict(figures)}, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / DONE)
    return figures
