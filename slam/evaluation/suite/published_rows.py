"""Published tables with our rows in them, as a report shows them: whatever is theirs is printed as they printed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slam.evaluation.suite.published import MARKS, PublishedRow, PublishedTable, published_tables
from slam.evaluation.suite.records import CaseResult, SuiteResults

UNKNOWN = "not known"
OUR_PROTOCOL = "every frame of the final trajectory; {align}; median of {runs}"


@dataclass(frozen=True)
class ShownRow:
    """A line of a table."""

    name: str
    cells: tuple[str, ...]  # one per sequence, and the mean
    protocol: str
    hardware: str
    source: str
    is_ours: bool = False


@dataclass(frozen=True)
class ShownTable:
    """A published table, ours first: not for being best, but to be found."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[ShownRow, ...]
    note: str


def published_for(results: SuiteResults) -> list[ShownTable]:
    """The tables about sequences of the suite's cases; none for rendered recordings and folders of one's own."""
    return [shown for table in published_tables() for shown in _shown(table, results)]


def _shown(table: PublishedTable, results: SuiteResults) -> Iterator[ShownTable]:
    ours = _our_row(table, results)
    if ours is None:
        return
    rows = (ours, *(_their_row(row, len(table.sequences)) for row in table.rows))
    yield ShownTable(table.title, (*table.sequences, "mean"), rows, table.note)


def _our_row(table: PublishedTable, results: SuiteResults) -> ShownRow | None:
    """Our cases of the table's sequences, mode and alignment; None where the suite has none."""
    way = (table.dataset, table.mode, table.align)
    found = {r.case.sequence: r for r in results.cases if (r.case.dataset, r.case.mode, r.case.align) == way}
    there = [found.get(name) for name in table.full_names()]
    if not any(there):
        return None
    medians = [case.spreads["ate_m"].median for case in there if case and "ate_m" in case.spreads]
    mean = _mean(sum(medians) / len(medians), len(medians), len(there)) if medians else ""
    hardware = f"{results.hardware.get('cpu', '')}, {results.hardware.get('cores', '')} cores"
    protocol = OUR_PROTOCOL.format(align=table.align.upper(), runs=results.repeats)
    if any(case and case.case.realtime for case in there):
        protocol += "; paced in real time"
    cells = (*(_our_cell(case) for case in there), mean)
    return ShownRow("Earlybird SLAM (ours)", cells, protocol, hardware, f"this report, commit {results.commit}", True)


def _our_cell(case: CaseResult | None) -> str:
    """The median, and beside it whatever makes it incomplete: runs that failed, frames without a pose."""
    if case is None:
        return ""
    without = sum(run.ate_m is None for run in case.runs)
    if without == len(case.runs) or "ate_m" not in case.spreads:
        return "failed"
    coverage = case.spreads["coverage_final"].median if "coverage_final" in case.spreads else 1.0
    words = [f"{without} of {len(case.runs)} failed"] * bool(without) + [f"{coverage:.1%} of frames"] * (coverage < 1)
    return _metres(case.spreads["ate_m"].median) + (f" ({', '.join(words)})" if words else "")


def _their_row(row: PublishedRow, sequences: int) -> ShownRow:
    values = row.values or ("",) * sequences
    cells = tuple(value if isinstance(value, str) else _metres(value) for value in values)
    mean = "" if row.mean is None else _mean(row.mean, row.mean_of, sequences)
    frames, align, runs = (words or UNKNOWN for words in (row.frames, row.align, row.runs))
    protocol = f"frames: {frames}; aligned: {align}; runs: {runs}"
    notes = "; ".join(words for words in (row.note, row.mean_note) if words)
    source = f"{row.source} ({MARKS[row.mark]})" + (f"; {notes}" if notes else "")
    return ShownRow(row.system, (*cells, mean), protocol, row.hardware or UNKNOWN, source)


def _mean(mean: float, count: int, sequences: int) -> str:
    if count == sequences:
        return _metres(mean)
    return f"{_metres(mean)} (of {count})" if count else f"{_metres(mean)} (of fewer)"


def _metres(value: float) -> str:
    return f"{value:.3f}"
