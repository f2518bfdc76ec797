"""``report.html`` of a suite: one file without anything from outside, made from results.json and the runs' folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slam.evaluation.run_folder import written_whole
from slam.evaluation.suite.published_rows import published_for
from slam.evaluation.suite.records import CaseResult, RunFigures, SuiteResults, read_results
from slam.evaluation.suite.report_figures import cost_picture, path_picture, time_picture
from slam.evaluation.suite.report_table import header, row
from slam.evaluation.suite.run_curves import RunCurves, run_curves

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class CaseSection:
    """What the page shows of a case."""

    anchor: str
    name: str
    facts: str
    failures: tuple[str, ...]
    pictures: tuple[tuple[str, str], ...]  # caption, SVG


def write_report(folder: Path) -> Path:
    """Write report.html into a folder of results and return its path; runs whose files are gone have no pictures."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    results = read_results(folder / "results.json")
    environment = Environment(
        loader=PackageLoader("slam.evaluation.suite", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template(TEMPLATE).render(
        results=results,
        header=header(results.cases),
        rows=[(_anchor(case), row(case, results.cases)) for case in results.cases],
        failures=sum(bool(run.failure) for case in results.cases for run in case.runs),
        runs=sum(len(case.runs) for case in results.cases),
        without_map=sum(_has_no_map(run) for case in results.cases for run in case.runs),
        published=published_for(results),
        sections=list(_sections(results, folder)),
    )
    with written_whole(folder / "report.html") as path:
        path.write_text(page, encoding="utf-8")
    return folder / "report.html"


def _sections(results: SuiteResults, folder: Path) -> Iterator[CaseSection]:
    for case in results.cases:
        failures = tuple(f"seed {run.seed}: {run.failure}" for run in case.runs if run.failure)
        lost = tuple(f"seed {run.seed}: no map was started" for run in case.runs if _has_no_map(run))
        yield CaseSection(_anchor(case), case.case.name, _facts(case), failures + lost, tuple(_pictures(case, folder)))


def _pictures(case: CaseResult, folder: Path) -> Iterator[tuple[str, str]]:
    drawn, others = _drawn(case, folder)
    if drawn is None:
        return
    run, curves = drawn
    which = f"seed {run.seed}" if len(case.runs) > 1 else "the run"
    if len(curves.path_m):
        yield f"Path of {which}, the run of the median error: from above, and from the side", path_picture(curves)
    yield (
        "Error over time (thin: the other runs) and below it the layer at which the matcher left and the inliers; "
        "shaded where there is no pose",
        time_picture(curves, [other.final for other in others if other.final is not None]),
    )
    yield "Latency of each stage (medians over the runs) and the matcher's exits (all runs)", cost_picture(case)


def _drawn(case: CaseResult, folder: Path) -> tuple[tuple[RunFigures, RunCurves] | None, list[RunCurves]]:
    """The run whose error is the median (the upper of two), with its curves; and those of runs with other poses."""
    found = [(run, run_curves(folder, run, case.case.align)) for run in case.runs]
    there = [(run, curves) for run, curves in found if curves is not None]
    there.sort(key=lambda pair: float("inf") if pair[0].ate_m is None else pair[0].ate_m)
    if not there:
        return None, []
    measured = sum(run.ate_m is not None for run, _ in there) or len(there)
    chosen = there.pop(measured // 2)
    return chosen, [curves for run, curves in there if run.trajectory_sha256 != chosen[0].trajectory_sha256]


def _facts(case: CaseResult) -> str:
    run = next((run for run in case.runs if not run.failure), None)
    options = " ".join(Path(word).name if "/" in word else word for word in case.case.options)
    words = [f"slam run {case.case.source} {case.case.sequence} --mode {case.case.mode} {options}".strip()]
    words += [f"{run.frames} frames"] if run else []
    hashes = {one.trajectory_sha256 for one in case.runs if one.trajectory_sha256}
    if len(case.runs) > 1 and len(hashes) == 1:
        words.append(f"the same trajectory in all {len(case.runs)} runs, byte for byte")
    words += [f"recording {case.data_sha256[:12]}"] if case.data_sha256 else []
    return "; ".join(words)


def _has_no_map(run: RunFigures) -> bool:
    return not run.failure and run.tracked == 0


def _anchor(case: CaseResult) -> str:
    return "case-" + "".join(letter if letter.isalnum() else "-" for letter in case.case.name)
