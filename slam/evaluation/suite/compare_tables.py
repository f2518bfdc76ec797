"""A comparison as text and as a page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from slam.evaluation.suite.compare import SMALLEST_RATIO, Change, Comparison, Verdict
from slam.evaluation.suite.compare_noise import LEVEL
from slam.evaluation.suite.records import Spread, SuiteResults

HEADER = ("case", "figure", "before", "after", "change", "verdict", "p")
SHOWN = (Verdict.WORSE, Verdict.BETTER, Verdict.UNKNOWN)  # in this order; the rest only when all are asked for
METHOD = (
    "Each figure: median (smallest to largest) of the runs. Accuracy: the same where the seeds of both sides gave the "
    "same trajectories, to the byte; where all runs of a case have one trajectory, any difference counts; else a "
    "permutation test on ranks, in which a failed run has an infinite error. Costs: Welch's t-test on logarithms, and "
    f"a ratio of medians of at least {SMALLEST_RATIO}. Both corrected for the number of comparisons: of those called "
    f"better or worse, {LEVEL:.0%} at most are expected to be noise (Benjamini and Hochberg). p is the value before "
    "that. With one run on a side noise is unknown, and nothing is called better or worse."
)


def comparison_text(found: Comparison, before: SuiteResults, after: SuiteResults, with_all: bool = False) -> str:
    """Markdown: what else differs first, then what changed, then counts of the rest."""
    rows = comparison_rows(found, with_all)
    table = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}", *(f"| {' | '.join(row)} |" for row in rows)]
    parts = [
        [f"- {warning}" for warning in found.warnings],
        table if rows else ["Nothing changed beyond noise."],
        [f"Byte-identical trajectories: {', '.join(found.same_cases)}."] if found.same_cases else [],
        [f"Figures: {counts(found)}."],
        [METHOD],
    ]
    title = f"# {about(before)} against {about(after)}"
    return "\n\n".join([title, *("\n".join(part) for part in parts if part)]) + "\n"


def comparison_page(found: Comparison, before: SuiteResults, after: SuiteResults) -> str:
    """HTML of the same, with every figure in it; nothing is fetched."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("slam.evaluation.suite", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("compare.html.j2").render(
        before=about(before),
        after=about(after),
        warnings=found.warnings,
        header=HEADER,
        rows=comparison_rows(found, with_all=True),
        same=found.same_cases,
        counts=counts(found),
        method=METHOD,
    )


def write_comparison_page(path: Path, found: Comparison, before: SuiteResults, after: SuiteResults) -> None:
    """The page into a file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(comparison_page(found, before, after), encoding="utf-8")


def comparison_rows(found: Comparison, with_all: bool) -> list[tuple[str, ...]]:
    """Cells of every change, what got worse first."""
    order = [*SHOWN, *(verdict for verdict in Verdict if verdict not in SHOWN)]
    shown = [change for change in found.changes if with_all or change.verdict in SHOWN]
    return [_row(change) for change in sorted(shown, key=lambda change: order.index(change.verdict))]


def counts(found: Comparison) -> str:
    """How many figures have which verdict."""
    number = Counter(change.verdict for change in found.changes)
    return ", ".join(f"{number[verdict]} {verdict.value}" for verdict in Verdict if number[verdict]) or "none in both"


def about(results: SuiteResults) -> str:
    """Suite, commit and time of a folder."""
    return f"{results.suite} of {results.started} (commit {results.commit or 'unknown'}, {results.repeats} runs)"


def _row(change: Change) -> tuple[str, ...]:
    ratio = "" if change.ratio is None else f"{100 * (change.ratio - 1):+.1f} %"
    p = "" if change.p is None else f"{change.p:.2g}"
    verdict = change.verdict.value + (f" ({change.why})" if change.why else "")
    sides = (_spread(change, side) for side in (change.before, change.after))
    return change.case, change.figure.title, *sides, ratio, verdict, p


def _spread(change: Change, spread: Spread | None) -> str:
    if spread is None:
        return "failed"
    values = (spread.median, spread.minimum, spread.maximum)
    middle, low, high = (change.figure.form.format(change.figure.factor * value) for value in values)
    return middle if low == high else f"{middle} ({low} to {high})"
