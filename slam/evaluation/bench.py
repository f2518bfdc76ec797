"""The benchmark: every case through the real command line, every run counted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slam.errors import ConfigError
from slam.evaluation import environment
from slam.evaluation.bench_cases import CASES, BenchCase
from slam.evaluation.bench_table import BenchRow, BenchRun, table
from slam.running.child_process import ended

TIMEOUT_S = 1800


def bench_to_folder(
    data: Path | None, out: Path, repeats: int, only: str | None, progress: Callable[[str], object]
) -> str:
    """Run the cases whose name contains ``only`` into ``out/<time>`` and return the table in Markdown.

    ``data`` holds ``sequences/``; without it only the embedded demo is run. ``progress`` hears a line before each run.
    Raises ConfigError when no case fits.
    """
    cases = [case for case in CASES if (only or "") in case.name and (data is not None or not case.path)]
    if not cases:
        names = ", ".join(case.name for case in CASES)
        raise ConfigError(f"--only {only}: fits no case that can be run; give the data folder, and a part of: {names}")
    folder = out / time.strftime("%Y%m%d-%H%M%S")
    run_bench(
        *(data or Path(), folder, repeats, cases),
        on_run=lambda case, number: progress(f"{case.name}, run {number + 1} of {repeats}"),
    )
    return (folder / "bench.md").read_text()


def run_bench(
    data_dir: Path,
    out_dir: Path,
    repeats: int = 1,
    cases: Sequence[BenchCase] = CASES,
    on_run: Callable[[BenchCase, int], object] = lambda case, number: None,
) -> list[BenchRow]:
    """Run every case ``repeats`` times with seeds 0, 1, ... and write bench.md and bench.json into ``out_dir``.

    ``on_run`` hears of each run before it starts. A run that fails becomes a row that says so.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in cases:
        runs = []
        for number in range(repeats):
            on_run(case, number)
            runs.append(run_case(case, data_dir, out_dir / f"{case.name.replace(' ', '_')}_{number}", number))
        rows.append(BenchRow(case, tuple(runs)))
        (out_dir / "bench.md").write_text(table(rows))
        (out_dir / "bench.json").write_text(json.dumps(_as_json(rows), indent=2) + "\n")
    return rows


def run_case(case: BenchCase, data_dir: Path, out: Path, seed: int) -> BenchRun:
    """One run of a case through ``python -m slam run``, results in ``out``."""
    recording = data_dir / case.path
    if case.path and not recording.exists():
        return BenchRun(failure="recording not found")
    command = [sys.executable, "-m", "slam", *arguments(case, str(recording)), "--out", str(out), "--seed", str(seed)]
    done = ended(command, TIMEOUT_S)
    if done.code is None:
        return BenchRun(failure=f"not done after {TIMEOUT_S} s")
    if done.code != 0:
        return BenchRun(failure=f"exit code {done.code}: {done.last_line.replace(str(data_dir), 'DATA')}")
    return bench_run(json.loads((out / "summary.json").read_text()))


def arguments(case: BenchCase, recording: str) -> list[str]:
    """What follows ``slam`` on the command line."""
    place = [recording] if case.path else []
    return ["run", case.source, *place, "--mode", case.mode, *case.options, "--viewer", "none"]


def bench_run(summary: dict[str, Any]) -> BenchRun:
    """The figures of a summary.json."""
    ate, total = summary["ate"], summary["latency_ms"].get("total")
    shares = ("coverage", "coverage_after_init", "coverage_final")
    same = (*shares, "frames", "tracked", "first_tracked_index", "fps", "peak_memory_mb")
    return BenchRun(
        ate_m=ate["rmse"] if ate else None,
        ate_percent=ate["percent"] if ate else None,
        p95_ms=total["p95"] if total else None,
        **{name: summary[name] for name in same},
    )


def _as_json(rows: Sequence[BenchRow]) -> dict[str, Any]:
    machine = {"commit": environment.commit(), "hardware": environment.hardware(), "versions": environment.versions()}
    return {**machine, "rows": [{**asdict(row), "met": row.is_met} for row in rows]}
