"""The table at the top of a report: one row per case, medians with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slam.evaluation.suite.records import CaseResult, Spread


@dataclass(frozen=True)
class Column:
    """A figure of every case: its field in ``spreads``, what it is multiplied with, and how it is written."""

    title: str
    help: str
    field: str
    factor: float = 1.0
    form: str = "{:.1f}"


@dataclass(frozen=True)
class Cell:
    """Median, and smallest to largest where the runs differ."""

    text: str
    spread: str = ""
    bad: bool = False


COLUMNS = (
    Column("coverage", "frames with a pose when they were answered, % of all", "coverage", 100),
    Column("after init", "the same, of the frames from the first pose on", "coverage_after_init", 100),
    Column("final", "frames in the final trajectory, % of all", "coverage_final", 100),
    Column("ATE cm", "RMSE of the final trajectory, every frame in it", "ate_m", 100, "{:.2f}"),
    Column("emitted cm", "the same of the poses as they were emitted", "ate_causal_m", 100, "{:.2f}"),
    Column("ATE %", "of the path's length", "ate_percent", 1, "{:.2f}"),
    Column("scale", "true length over estimated; 1 by definition where nothing is corrected", "scale", 1, "{:.4f}"),
    Column("RPE mm", "frame to frame", "rpe_m", 1000, "{:.2f}"),
    Column("RPE deg", "frame to frame", "rpe_deg", 1, "{:.3f}"),
    Column("drift mm/s", "error of the motion over one second", "drift_m_per_s", 1000, "{:.1f}"),
    Column("KITTI %", "translation, over stretches of 100 to 800 m", "kitti_t_percent", 1, "{:.3f}"),
    Column("deg/100 m", "rotation, over the same", "kitti_r_deg_per_100m", 1, "{:.3f}"),
    Column("p50 ms", "time from a frame to its pose", "total p50"),
    Column("p95 ms", "", "total p95"),
    Column("p99 ms", "", "total p99"),
    Column("fps", "frames over the time of the whole run, without start-up", "fps"),
    Column("dropped", "frames given up to keep pace with the camera", "dropped", 1, "{:.0f}"),
    Column("CPU s", "user and system, of the whole process", "cpu_s"),
    Column("MB", "largest resident memory", "peak_memory_mb", 1, "{:.0f}"),
    Column("exit layer", "mean layer at which the matcher left", "mean_exit_layer", 1, "{:.2f}"),
)


def header(cases: Sequence[CaseResult]) -> list[tuple[str, str]]:
    """Title and explanation of every column that some case fills."""
    first = [
        ("case", "sequence and mode"),
        ("runs", "with what became of them"),
        ("aligned", "before errors are taken"),
    ]
    return first + [(column.title, column.help) for column in _filled(cases)]


def row(result: CaseResult, cases: Sequence[CaseResult]) -> list[Cell]:
    """The cells of one of the cases, in the order of their header."""
    first = [Cell(result.case.name), _runs(result), Cell(result.case.align.upper())]
    return first + [_cell(column, result.spreads.get(column.field)) for column in _filled(cases)]


def _filled(cases: Sequence[CaseResult]) -> list[Column]:
    return [column for column in COLUMNS if any(column.field in case.spreads for case in cases)]


def _runs(result: CaseResult) -> Cell:
    failed = sum(bool(run.failure) for run in result.runs)
    lost = sum(not run.failure and run.tracked == 0 for run in result.runs)
    words = [f"{failed} failed"] * bool(failed) + [f"{lost} no map"] * bool(lost)
    return Cell(str(len(result.runs)), ", ".join(words), bad=bool(words))


def _cell(column: Column, spread: Spread | None) -> Cell:
    if spread is None:
        return Cell("")
    values = (spread.median, spread.minimum, spread.maximum)
    middle, low, high = (column.form.format(column.factor * value) for value in values)
    return Cell(middle, "" if low == high else f"{low} to {high}")
