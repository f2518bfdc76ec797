"""The results of a suite as a table in Markdown, and as CSV with a row per run."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict

from slam.evaluation.suite.records import CaseResult, RunFigures, Spread, SuiteResults

HEADER = (
    *(
        "case",
        "runs",
        "coverage",
        "after init",
        "final",
        "ATE m",
        "as emitted m",
        "aligned",
        "scale",
        "RPE mm",
        "KITTI %, deg/100 m",
    ),
    *("fps", "p50, p95, p99 ms", "dropped", "CPU s", "MB", "exit layer"),
)
FLAT = ("exit_histogram", "latency_ms")  # fields that become columns of their own


def table(results: SuiteResults) -> str:
    """Markdown: medians, with minimum and maximum where they differ; failures counted in words; no empty column."""
    rows = [_cells(case) for case in results.cases]
    kept = [i for i in range(len(HEADER)) if any(row[i] for row in rows)]
    lines = [
        f"# {results.suite}",
        "",
        f"`{results.command}`, {results.repeats} runs per case, engine {results.engine}; commit {results.commit}, "
        f"{results.hardware.get('cpu', '')}, {results.hardware.get('cores', '')} cores. Medians (minimum to maximum "
        "where runs differ); every input frame counts; errors of the final trajectory and of the poses as emitted, "
        "RMSE after the alignment named.",
        "",
        *(f"| {' | '.join(row[i] for i in kept)} |" for row in (HEADER, ("---",) * len(HEADER), *rows)),
    ]
    failed = [(case.case.name, run) for case in results.cases for run in case.runs if run.failure]
    lines += ["", *(f"FAILED: {name}, seed {run.seed}: {run.failure}" for name, run in failed)]
    return "\n".join(lines).rstrip() + "\n"


def csv_text(results: SuiteResults) -> str:
    """CSV: a row per run, its case first; stages and exit layers as columns."""
    rows = [_flat(case, run) for case in results.cases for run in case.runs]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(case: CaseResult, run: RunFigures) -> dict[str, object]:
    plain = {name: value for name, value in asdict(run).items() if name not in FLAT}
    stages = {f"{stage}_{part}_ms": ms for stage, parts in run.latency_ms.items() for part, ms in parts.items()}
    exits = {f"exit_{layer}": count for layer, count in run.exit_histogram.items()}
    about = {"case": case.case.name, "dataset": case.case.dataset, "sequence": case.case.sequence}
    return {**about, "mode": case.case.mode, "align": case.case.align, **plain, **stages, **exits}


def _cells(result: CaseResult) -> list[str]:
    found, failures = result.spreads, sum(bool(run.failure) for run in result.runs)
    lost = sum(not run.failure and run.tracked == 0 for run in result.runs)
    runs = f"{len(result.runs)}" + (f", {failures} FAILED" if failures else "") + (f", {lost} no map" if lost else "")
    return [
        result.case.name,
        runs,
        *(_text(found.get(name), 100, "{:.1f}%") for name in ("coverage", "coverage_after_init", "coverage_final")),
        _text(found.get("ate_m"), 1, "{:.4f}"),
        _text(found.get("ate_causal_m"), 1, "{:.4f}"),
        result.case.align.upper(),
        _text(found.get("scale"), 1, "{:.4f}") if result.case.align == "sim3" else "",
        _text(found.get("rpe_m"), 1000, "{:.2f}"),
        _segments(found),
        _text(found.get("fps"), 1, "{:.1f}"),
        ", ".join(_median(found.get(f"total {part}")) for part in ("p50", "p95", "p99")),
        _text(found.get("dropped"), 1, "{:.0f}"),
        _text(found.get("cpu_s"), 1, "{:.1f}"),
        _text(found.get("peak_memory_mb"), 1, "{:.0f}"),
        _text(found.get("mean_exit_layer"), 1, "{:.2f}"),
    ]


def _text(spread: Spread | None, factor: float, form: str) -> str:
    if spread is None:
        return ""
    middle, low, high = (form.format(factor * value) for value in (spread.median, spread.minimum, spread.maximum))
    return middle if low == high else f"{middle} ({low} to {high})"


def _segments(found: dict[str, Spread]) -> str:
    if "kitti_t_percent" not in found:
        return ""
    return f"{found['kitti_t_percent'].median:.3f}, {found['kitti_r_deg_per_100m'].median:.3f}"


def _median(spread: Spread | None) -> str:
    return f"{spread.median:.0f}" if spread else ""
