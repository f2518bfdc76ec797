"""The tables of `slam bench long` in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slam.evaluation import environment
from slam.evaluation.long_figures import LongRun
from slam.evaluation.nees import DIMENSIONS, Consistency

LONG_HEADER = (
    "run|aligned|ATE with loops|without|scale drift with|without|keyframes with|without|loops (refused)"
    "|ms per frame at 500, at the end|ratio|MB at 500, at the end|kB per keyframe"
)
NEES_HEADER = "mode|rooms|moments|mean NEES|median over moments|95 % bounds|moments within|above"


@dataclass(frozen=True)
class LongRow:
    """One way of running a long recording."""

    name: str
    align: str
    frames: int
    with_loops: LongRun
    without: LongRun


def rendered_table(rows: Sequence[LongRow], found: Mapping[str, Consistency | str], command: str) -> str:
    """Both tables, with what is left of either, and under them how they were made."""
    parts = []
    if rows:
        parts.append(_table(LONG_HEADER, [_long_cells(row) for row in rows]))
        parts.append(
            "ms per frame: median within 100 frames, without extraction; MB: resident, of the run's own process; kB "
            "per keyframe: of the map, landmarks included. Scale drift: lengths of the last round over those of the "
            "first, less 1.\n"
        )
    if found:
        parts.append(_table(NEES_HEADER, [_nees_cells(mode, figures) for mode, figures in found.items()]))
        parts.append(
            f"NEES of the poses as emitted: {DIMENSIONS} on average where covariances are right, above the bounds "
            "where they promise too much, below where too little. Bounds: of the mean over the rooms at one moment.\n"
        )
    hardware = environment.hardware()
    machine = f"{hardware['cpu']}, {hardware['cores']} cores"
    made = f"One run each. Command `{command}`, commit {environment.commit() or 'unknown'}, {machine}.\n"
    return "\n".join([*parts, made])


def _table(header: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [header.split("|"), ["---"] * (header.count("|") + 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _long_cells(row: LongRow) -> list[str]:
    run, other = row.with_loops, row.without
    if run.failure:
        return [f"{row.name}, {row.frames} frames", run.failure, *[""] * 11]
    return [
        f"{row.name}, {row.frames} frames",
        row.align.upper(),
        _error(run),
        other.failure or _error(other),
        _percent(run.scale_drift),
        _percent(other.scale_drift),
        str(run.keyframes),
        str(other.keyframes),
        f"{run.loops} ({run.refused})",
        f"{_number(run.early_ms, 1)}, {_number(run.late_ms, 1)}",
        _number(run.ratio, 2),
        f"{_number(run.early_mb, 0)}, {_number(run.late_mb, 0)}",
        _number(run.keyframe_kb, 0),
    ]


def _nees_cells(mode: str, figures: Consistency | str) -> list[str]:
    if isinstance(figures, str):
        return [mode, figures, *[""] * 6]
    return [
        mode,
        str(figures.runs),
        str(figures.moments),
        f"{figures.mean:.1f}",
        f"{figures.median_of_moments:.1f}",
        f"{figures.low:.1f} to {figures.high:.1f}",
        f"{figures.within:.0%}",
        f"{figures.above:.0%}",
    ]


def _error(run: LongRun) -> str:
    if run.ate_m is None:
        return "no trajectory"
    return f"{run.ate_m:.4f} m" + ("" if run.coverage == 1.0 else f" of {run.coverage:.1%}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.2%}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
