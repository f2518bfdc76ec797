"""The pictures of a report, as SVG that takes its colours from the page, so that one file does for light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.evaluation.plots import gaps
from slam.evaluation.suite.records import CaseResult
from slam.evaluation.suite.run_curves import ErrorCurve, RunCurves
from slam.types import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for variables of the page's style sheet.
INK, FAINT, GRID, TRUTH, ESTIMATE, CAUSAL, LOST = (f"#0101{number:02x}" for number in range(7))
VARIABLES = {
    **{INK: "var(--ink)", FAINT: "var(--faint)", GRID: "var(--grid)", TRUTH: "var(--truth)"},
    **{ESTIMATE: "var(--estimate)", CAUSAL: "var(--causal)", LOST: "var(--lost)"},
}
STYLE: dict[Any, Any] = {
    **{"font.size": 9.0, "font.family": "DejaVu Sans", "svg.fonttype": "none", "svg.hashsalt": "earlybird"},
    **{"axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK},
    **{"axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "xtick.color": FAINT, "ytick.color": FAINT},
    **{"xtick.major.size": 0, "ytick.major.size": 0},  # a third of the file
    **{"legend.frameon": False, "legend.fontsize": 8.5, "axes.facecolor": "none", "figure.facecolor": "none"},
}
LONG_NUMBER = re.compile(r"(?<![\w.#-])-?\d+\.\d{2,}(?![\w.])")
POINTS = 200  # of a curve, at most


def path_picture(drawn: RunCurves) -> str:
    """The path from above and its height, over the true one where there is one."""
    first, second, third = drawn.axes_by_extent()
    with _figure((5.2, 4.6)) as (figure, svg):
        top, side = figure.subplots(2, 1, height_ratios=[2.6, 1])
        for axes, vertical in ((top, second), (side, third)):
            if drawn.truth_m is not None:
                axes.plot(*_thin(drawn.truth_m[:, [first, vertical]]).T, color=TRUTH, lw=3, label="truth")
            axes.plot(*_thin(drawn.path_m[:, [first, vertical]]).T, color=ESTIMATE, lw=1.2, label="final trajectory")
            axes.set_ylabel(f"{'xyz'[vertical]} (m)")
        top.set_aspect("equal", adjustable="datalim")
        top.margins(0.06)
        top.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
        side.set_xlabel(f"{'xyz'[first]} (m)")
    return svg[0]


def time_picture(drawn: RunCurves, others: Sequence[ErrorCurve]) -> str:
    """Error over time, all runs behind the one that is drawn, and below it the layer at which the matcher left."""
    with _figure((6.4, 4.6)) as (figure, svg):
        has_error = drawn.final is not None
        panels = list(figure.subplots(3, 1, sharex=True, height_ratios=[1.8 if has_error else 0.01, 1, 1]))
        if has_error:
            _draw_errors(panels[0], drawn, others)
        else:
            panels[0].set_axis_off()
        _draw_exits(panels[1], drawn)
        panels[2].plot(*_thin(np.column_stack([drawn.time_s, drawn.inliers])).T, color=INK, lw=0.9)
        panels[2].set_ylabel("inliers")
        panels[2].set_ylim(bottom=0)
        panels[2].set_xlabel("time (s)")
        for panel in panels:
            _shade(panel, drawn)
    return svg[0]


def cost_picture(result: CaseResult) -> str:
    """Latency of each stage at its percentiles, and how often the matcher left at each layer."""
    with _figure((5.2, 4.2)) as (figure, svg):
        stages, exits = figure.subplots(2, 1, height_ratios=[1.7, 1])
        _draw_stages(stages, result)
        _draw_histogram(exits, result)
    return svg[0]


def _draw_errors(axes: Axes, drawn: RunCurves, others: Sequence[ErrorCurve]) -> None:
    for curve in others:
        axes.plot(*_curve(curve), color=ESTIMATE, lw=0.6, alpha=0.35)
    if drawn.causal is not None:
        axes.plot(*_curve(drawn.causal), color=CAUSAL, lw=1.0, label="as emitted")
    assert drawn.final is not None
    axes.plot(*_curve(drawn.final), color=ESTIMATE, lw=1.4, label="final")
    axes.set_ylabel("error (cm)")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)


def _curve(curve: ErrorCurve) -> Float64:
    rows = np.column_stack([curve.time_s, 100 * curve.error_m])
    rows = _peaks(rows)
    broken = gaps(np.round(1e9 * rows[:, 0]).astype(np.int64))
    return np.insert(rows, broken, np.nan, axis=0).T


def _draw_exits(axes: Axes, drawn: RunCurves) -> None:
    rows = _peaks(np.column_stack([drawn.time_s, drawn.exit_layer])[drawn.exit_layer > 0])
    axes.plot(*rows.T, color=ESTIMATE, lw=1.0, drawstyle="steps-mid")
    highest = max(3, int(drawn.exit_layer.max(initial=0)))
    axes.set_ylim(0.4, highest + 0.6)
    axes.set_yticks(range(1, highest + 1))
    axes.set_ylabel("exit layer")


def _shade(axes: Axes, drawn: RunCurves) -> None:
    for begin, end in drawn.spans_without_pose():
        axes.axvspan(begin, end, color=LOST, alpha=0.15, lw=0)


def _draw_stages(axes: Axes, result: CaseResult) -> None:
    names = sorted({name.removesuffix(" p50") for name in result.spreads if name.endswith(" p50")})
    names.sort(key=lambda name: result.spreads[f"{name} p50"].median)
    for row, name in enumerate(names):
        p50, p95, p99 = (result.spreads[f"{name} {part}"].median for part in ("p50", "p95", "p99"))
        axes.barh(row, p50, color=ESTIMATE, height=0.55, label="p50" if row == 0 else None)
        axes.plot([p50, p95], [row, row], color=ESTIMATE, lw=2, label="to p95" if row == 0 else None)
        axes.plot(p99, row, "|", color=CAUSAL, ms=9, mew=1.6, label="p99" if row == 0 else None)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("ms")
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    if names:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0)


def _draw_histogram(axes: Axes, result: CaseResult) -> None:
    counts: dict[int, int] = {}
    for run in result.runs:
        for layer, count in run.exit_histogram.items():
            counts[int(layer)] = counts.get(int(layer), 0) + count
    total = max(sum(counts.values()), 1)
    layers = range(1, max(counts, default=3) + 1)
    axes.bar(layers, [100 * counts.get(layer, 0) / total for layer in layers], color=ESTIMATE, width=0.6)
    axes.set_xticks(layers)
    axes.set_xlabel("exit layer")
    axes.set_ylabel("% of matches")


def _thin(rows: Float64) -> Float64:
    """At most so many rows, evenly, the first and the last among them."""
    if len(rows) <= POINTS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, POINTS).round().astype(np.int64)]


def _peaks(rows: Float64) -> Float64:
    """At most so many rows (time, value): of each stretch the one with the largest value."""
    if len(rows) <= POINTS:
        return rows
    stretches = np.array_split(np.arange(len(rows)), POINTS)
    return rows[[stretch[np.argmax(rows[stretch, 1])] for stretch in stretches]]


@contextmanager
def _figure(size: tuple[float, float]) -> Iterator[tuple[Figure, list[str]]]:
    """A figure to draw on, whose SVG is in the list afterwards."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    svg: list[str] = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, svg
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        svg.append(_for_the_page(text.getvalue()))


def _for_the_page(text: str) -> str:
    """Without prologue and metadata, colours as variables, numbers to a tenth of a pixel, and as wide as its place."""
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    text = re.sub(r"<[^>]*>", lambda tag: LONG_NUMBER.sub(lambda number: f"{float(number[0]):.1f}", tag[0]), text)
    text = re.sub(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">', text, count=1)
    text = re.sub(
        r' id="(figure|patch|axes|matplotlib|[xy]tick|line2d|text|legend)[^"]*"| transform="rotate\(-0 [^"]*"', "", text
    )
    return re.sub(r"\s*\n\s*", " ", text.replace("'DejaVu Sans'", "inherit"))
