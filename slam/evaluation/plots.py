"""Pictures of a run: the path against the ground truth, and the error and effort over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.evaluation.ate import AteResult
from slam.trajectory import Trajectory
from slam.types import Float64, Int64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
TRUTH, ESTIMATE, CAUSAL, LOST = "#9aa5b1", "#0b6bcb", "#f0883e", "#d64545"
STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
}


@dataclass(frozen=True, eq=False)
class Effort:
    """What every processed frame took, to be drawn over time."""

    stamps_ns: Int64  # (F,)
    exit_layer: Int64  # (F,) 0 where nothing was matched
    inliers: Int64  # (F,)
    tracked: Sequence[bool]  # (F,)


def plot_trajectory(path: Path, estimate: Trajectory, gt: Trajectory | None, title: str) -> None:
    """Draw the estimate (already in the ground truth's frame) from above and from the side, as a PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    positions, broken = estimate.T_world_cam[:, :3, 3], gaps(estimate.stamps_ns)
    truth = np.zeros((0, 3)) if gt is None else _during(gt, estimate)
    first, second, third = _axes_by_extent(truth if len(truth) else positions)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, vertical, name in ((left, second, "top view: the two widest axes"), (right, third, "side view")):
            _draw_path(axes, np.insert(positions, broken, np.nan, axis=0), truth, (first, vertical))
            axes.set_title(name, color=FAINT)
        _finish(figure, path, left, title)


def plot_comparison(path: Path, result: AteResult, gt: Trajectory, title: str) -> None:
    """Draw two trajectories from above and from the side, and the error over time, in the format of the file's name."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    positions, broken = result.aligned.T_world_cam[:, :3, 3], gaps(result.aligned.stamps_ns)
    truth = _during(gt, result.aligned)
    first, second, third = _axes_by_extent(truth)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 8.2), layout="constrained")
        panels = figure.subplot_mosaic([["top", "side"], ["error", "error"]], height_ratios=[1.6, 1])
        for name, vertical in (("top", second), ("side", third)):
            _draw_path(panels[name], np.insert(positions, broken, np.nan, axis=0), truth, (first, vertical))
        _draw_error(panels["error"], (result.stamps_ns - result.stamps_ns[0]) * 1e-9, result)
        panels["error"].set_xlabel("time (s)")
        panels["error"].legend(loc="upper right", fontsize=9, ncols=2)
        _finish(figure, path, panels["top"], title)


def plot_error(path: Path, effort: Effort, result: AteResult | None, title: str) -> None:
    """Draw the position error (where there is ground truth), the inliers and the exit layer over time, as a PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    start_ns = effort.stamps_ns[0] if len(effort.stamps_ns) else 0
    time_s = (effort.stamps_ns - start_ns) * 1e-9
    with mpl.rc_context(STYLE):
        rows = 3 if result is not None else 2
        figure = Figure(figsize=(11, 1.2 + 1.75 * rows), layout="constrained")
        panels = list(figure.subplots(rows, 1, sharex=True, height_ratios=[1.7, 1, 1][-rows:]))
        if result is not None:
            _draw_error(panels[0], (result.stamps_ns - start_ns) * 1e-9, result)
        _draw_inliers(panels[-2], time_s, effort.inliers)
        _draw_exits(panels[-1], time_s, effort.exit_layer)
        for panel in panels:
            _shade_lost(panel, time_s, effort.tracked)
        panels[-1].set_xlabel("time (s)")
        _finish(figure, path, panels[0], title)


def _draw_path(axes: Axes, positions: Float64, truth: Float64, columns: tuple[int, int]) -> None:
    x, y = columns
    if len(truth):
        axes.plot(truth[:, x], truth[:, y], color=TRUTH, lw=3.2, label="ground truth", solid_capstyle="round")
    axes.plot(positions[:, x], positions[:, y], color=ESTIMATE, lw=1.4, label="estimate")
    if len(positions):
        axes.plot(*positions[0, [x, y]], "o", ms=7, mfc="white", mec=ESTIMATE, mew=1.6, label="start", ls="none")
    axes.set_xlabel(f"{'xyz'[x]} (m)")
    axes.set_ylabel(f"{'xyz'[y]} (m)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)


def _draw_error(axes: Axes, time_s: Float64, result: AteResult) -> None:
    unit, factor = ("m", 1.0) if result.rmse >= 1.0 else ("cm", 100.0)
    broken = gaps(result.stamps_ns)
    time_s = np.insert(time_s, broken, np.nan)
    errors, rmse = np.insert(result.errors_m * factor, broken, np.nan), result.rmse * factor
    axes.fill_between(time_s, errors, color=ESTIMATE, alpha=0.12, lw=0)
    axes.plot(time_s, errors, color=ESTIMATE, lw=1.3, label="position error")
    axes.axhline(rmse, color=CAUSAL, lw=1.2, ls=(0, (5, 3)), label=f"RMSE {rmse:.2f} {unit}")
    axes.set_ylabel(f"error ({unit})")
    axes.set_ylim(0, max(1.25 * factor * result.max, 1e-6))


def _draw_inliers(axes: Axes, time_s: Float64, inliers: Int64) -> None:
    axes.plot(time_s, inliers, color=INK, lw=1.1)
    axes.set_ylabel("inliers")
    axes.set_ylim(bottom=0)


def _draw_exits(axes: Axes, time_s: Float64, exit_layer: Int64) -> None:
    matched = exit_layer > 0
    axes.scatter(time_s[matched], exit_layer[matched], c=exit_layer[matched], cmap="viridis_r", s=9, lw=0, vmin=0)
    axes.set_ylabel("exit layer")
    axes.set_ylim(0.4, max(3, exit_layer.max(initial=0)) + 0.6)
    axes.set_yticks(range(1, max(3, exit_layer.max(initial=0)) + 1))


def _shade_lost(axes: Axes, time_s: Float64, tracked: Sequence[bool]) -> None:
    lost = np.concatenate([[0], 1 - np.asarray(tracked, np.int64), [0]])
    edges = np.flatnonzero(np.diff(lost))
    for number, (begin, end) in enumerate(zip(edges[::2], edges[1::2])):
        label = "no pose" if number == 0 else None
        axes.axvspan(time_s[begin], time_s[min(end, len(time_s) - 1)], color=LOST, alpha=0.12, lw=0, label=label)


def _finish(figure: Figure, path: Path, legend_axes: Axes, title: str) -> None:
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if legend_axes.get_legend_handles_labels()[0]:
        legend_axes.legend(loc="upper right", fontsize=9, ncols=3)
    figure.savefig(path, dpi=120, facecolor="white")


def _axes_by_extent(positions: Float64) -> tuple[int, int, int]:
    if len(positions) == 0:
        return 0, 1, 2
    first, second, third = np.argsort(-np.ptp(positions, axis=0), kind="stable")
    return int(first), int(second), int(third)


def gaps(stamps_ns: Int64) -> Int64:
    """Where a line must break: before the poses that come after a pause of several frames."""
    steps = np.diff(stamps_ns)
    return np.flatnonzero(steps > 3.5 * np.median(steps)) + 1 if len(steps) else np.zeros(0, np.int64)


def _during(gt: Trajectory, estimate: Trajectory) -> Float64:
    """Positions of the ground truth while the estimate lasts, half a second more at both ends."""
    margin_ns = 500_000_000
    begin, end = np.searchsorted(gt.stamps_ns, [estimate.stamps_ns[0] - margin_ns, estimate.stamps_ns[-1] + margin_ns])
    return gt.T_world_cam[begin:end, :3, 3]
