"""The benchmark's table: all runs of every case, judged by the worst and shown by the median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from slam.evaluation import environment
from slam.evaluation.bench_cases import BenchCase


@dataclass(frozen=True)
class BenchRun:
    """One run of a case; ``failure`` says why there are no figures."""

    failure: str = ""
    coverage: float = 0.0
    coverage_after_init: float = 0.0
    coverage_final: float = 0.0
    frames: int = 0
    tracked: int = 0
    first_tracked_index: int = -1
    ate_m: float | None = None
    ate_percent: float | None = None
    fps: float = 0.0
    p95_ms: float | None = None
    peak_memory_mb: float = 0.0


@dataclass(frozen=True)
class BenchRow:
    """A case and all its runs."""

    case: BenchCase
    runs: tuple[BenchRun, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether every run, not the best one, meets the target."""
        return bool(self.runs) and all(_meets(self.case, run) for run in self.runs)


def table(rows: Sequence[BenchRow]) -> str:
    """Markdown: one row per case, the median and all runs, with the commit and hardware under it."""
    names = "recording|coverage|ATE (all runs)|aligned|of path|fps|p95 ms|target|met|ORB-SLAM3"
    header = "| " + " | ".join(names.split("|")) + " |\n" + "|---" * (names.count("|") + 1) + "|\n"
    return header + "".join(f"| {' | '.join(_cells(row))} |\n" for row in rows) + "\n" + _caption(rows)


def _caption(rows: Sequence[BenchRow]) -> str:
    hardware = environment.hardware()
    repeats = max((len(row.runs) for row in rows), default=0)
    return (
        f"Every input frame counted; coverage: as emitted, after initialisation, final trajectory. Median of {repeats} "
        f"run(s), all runs in brackets. Command `slam bench trajectory`, commit {environment.commit() or 'unknown'}, "
        f"{hardware['cpu']}, {hardware['cores']} cores. "
        "ORB-SLAM3 (C++): same files, two cores, paced in real time.\n"
    )


def _cells(row: BenchRow) -> list[str]:
    case, good = row.case, [run for run in row.runs if not run.failure]
    met = "yes" if row.is_met else "no"
    if not good:
        failure = row.runs[0].failure if row.runs else "not run"
        return [case.name, failure, "", case.align, "", "", "", _target(case), met, case.yardstick]
    shares = ("coverage", "coverage_after_init", "coverage_final")
    coverage = ", ".join(f"{median(getattr(r, share) for r in good):.1%}" for share in shares)
    percents = [r.ate_percent for r in good if r.ate_percent is not None]
    return [
        case.name,
        coverage if case.initialises else f"{median(r.tracked for r in good):.0f} poses",
        _errors(row.runs),
        case.align.upper(),
        f"{median(percents):.2f} %" if percents else "",
        f"{median(r.fps for r in good):.1f}",
        f"{median(r.p95_ms for r in good if r.p95_ms is not None):.0f}" if any(r.p95_ms for r in good) else "",
        _target(case),
        met if _target(case) else "",
        case.yardstick,
    ]


def _errors(runs: Sequence[BenchRun]) -> str:
    errors = [run.ate_m for run in runs if run.ate_m is not None]
    if not errors:
        return ""
    every = ", ".join("failed" if run.ate_m is None else f"{run.ate_m:.4f}" for run in runs)
    return f"{median(errors):.4f} m" + (f" ({every})" if len(runs) > 1 else "")


def _target(case: BenchCase) -> str:
    if not case.initialises:
        return "no map"
    share = "" if case.least_coverage == 1.0 else f" at {case.least_coverage:.0%}"
    if case.target_percent is not None:
        return f"{case.target_percent:g} % of path{share}"
    return f"{case.target_m:.3f} m{share}" if case.target_m is not None else ""


def _meets(case: BenchCase, run: BenchRun) -> bool:
    if run.failure:
        return False
    if not case.initialises:
        return run.tracked == 0
    covered = min(run.coverage_after_init, run.coverage_final) >= case.least_coverage
    early = 0 <= run.first_tracked_index <= (case.latest_start * run.frames if case.mode == "mono" else 0)
    near = case.target_m is None or (run.ate_m is not None and run.ate_m <= case.target_m)
    straight = case.target_percent is None or (run.ate_percent or float("inf")) <= case.target_percent
    return covered and early and near and straight
