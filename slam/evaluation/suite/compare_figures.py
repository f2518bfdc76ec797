"""The figures that two folders of results are compared by, and their value in every run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slam.evaluation.suite.records import CaseResult, RunFigures


@dataclass(frozen=True)
class Figure:
    """A figure that is compared."""

    name: str  # of ``CaseResult.spreads``
    title: str
    factor: float
    form: str
    is_cost: bool = False  # of the machine: never judged across hardware
    higher_is_better: bool = False


ACCURACY = (
    Figure("coverage", "coverage %", 100, "{:.1f}", higher_is_better=True),
    Figure("coverage_final", "final coverage %", 100, "{:.1f}", higher_is_better=True),
    Figure("ate_m", "ATE cm", 100, "{:.3f}"),
    Figure("ate_causal_m", "ATE as emitted cm", 100, "{:.3f}"),
    Figure("rpe_m", "RPE mm", 1000, "{:.2f}"),
    Figure("rpe_deg", "RPE deg", 1, "{:.4f}"),
    Figure("kitti_t_percent", "KITTI %", 1, "{:.4f}"),
    Figure("kitti_r_deg_per_100m", "KITTI deg/100 m", 1, "{:.4f}"),
)
COSTS = (
    Figure("total p50", "latency p50 ms", 1, "{:.1f}", True),
    Figure("total p95", "latency p95 ms", 1, "{:.1f}", True),
    Figure("fps", "fps", 1, "{:.1f}", True, True),
    Figure("cpu_s", "CPU s", 1, "{:.1f}", True),
    Figure("peak_memory_mb", "MB", 1, "{:.0f}", True),
)


def run_values(result: CaseResult, figure: Figure) -> list[float]:
    """The values of the runs that have the figure; the errors of a run that failed or made no map are infinite."""
    found = [_value(run, figure) for run in result.runs]
    return [value for value in found if value is not None]


def _value(run: RunFigures, figure: Figure) -> float | None:
    stage, _, part = figure.name.partition(" ")
    if part:
        return run.latency_ms.get(stage, {}).get(part)
    value = getattr(run, figure.name)
    has_no_map = bool(run.failure) or run.tracked == 0
    return math.inf if value is None and has_no_map and not figure.is_cost else value
