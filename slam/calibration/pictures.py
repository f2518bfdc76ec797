"""Pictures of a calibration: what was covered, what is left over, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from slam.calibration.board import Board
from slam.calibration.certainty import pixel_sigmas
from slam.calibration.coverage import CELLS, coverage_of
from slam.calibration.settle import rms
from slam.calibration.solve import CameraFit
from slam.evaluation.plots import CAUSAL, ESTIMATE, FAINT, GRID, INK, LOST, STYLE
from slam.types import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARROW_SHARE = 0.08  # of the image's width: length of the longest mean arrow
FEWEST_IN_MEAN = 4  # corners of a cell: the mean of fewer is noise


def draw_all(fit: CameraFit, board: Board, folder: Path, prefix: str = "") -> dict[str, str]:
    """Write every picture of a camera; file names by what they show."""
    drawings: dict[str, Callable[[Axes], None]] = {
        "coverage": lambda axes: _draw_coverage(axes, fit, board),
        "residuals": lambda axes: _draw_residuals(axes, fit),
        "certainty": lambda axes: _draw_certainty(axes, fit),
        "errors": lambda axes: _draw_errors(axes, fit),
    }
    for name, draw in drawings.items():
        _draw(folder / f"{prefix}{name}.png", draw)
    return {name: f"{prefix}{name}.png" for name in drawings}


def _draw(path: Path, draw: Callable[[Axes], None]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 5.6), layout="constrained")
        draw(figure.subplots())
        figure.savefig(path, dpi=110, facecolor="white", bbox_inches="tight")


def _image_axes(axes: Axes, fit: CameraFit, title: str) -> None:
    """The image's frame, y down."""
    axes.set(xlim=(-0.5, fit.camera.width - 0.5), ylim=(fit.camera.height - 0.5, -0.5), aspect="equal", title=title)
    axes.grid(False)
    axes.set_xlabel("x (px)")
    axes.set_ylabel("y (px)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)


def _draw_coverage(axes: Axes, fit: CameraFit, board: Board) -> None:
    from matplotlib.patches import Polygon, Rectangle

    coverage = coverage_of(fit.views, board)
    width, height = fit.camera.width / CELLS[0], fit.camera.height / CELLS[1]
    for row, column in np.argwhere(~coverage.covered):
        axes.add_patch(
            Rectangle((column * width - 0.5, row * height - 0.5), width, height, color=LOST, alpha=0.18, lw=0)
        )
    for view in fit.views:
        hull = cv2.convexHull(view.xy.astype(np.float32))[:, 0]
        axes.add_patch(Polygon(hull, closed=True, fill=False, edgecolor=ESTIMATE, alpha=0.3, lw=0.9))
    xy = np.concatenate([view.xy for view in fit.views])
    axes.plot(xy[:, 0], xy[:, 1], ".", color=INK, ms=2.2, alpha=0.7)
    _image_axes(
        axes, fit, f"{len(fit.views)} views, {len(xy)} corners, {100 * coverage.share:.0f} % of the image covered"
    )


def _draw_residuals(axes: Axes, fit: CameraFit) -> None:
    """Mean residual of each cell as an arrow, on a map of their spread: a pattern means the lens model does not fit."""
    xy = np.concatenate([view.xy for view in fit.views])
    residuals = np.concatenate(fit.residuals)
    spread, means, centres = _by_cell(fit, xy, residuals)
    extent: Any = (-0.5, fit.camera.width - 0.5, fit.camera.height - 0.5, -0.5)
    shown = axes.imshow(spread, extent=extent, cmap="Blues", vmin=0, alpha=0.75, interpolation="nearest")
    axes.figure.colorbar(shown, ax=axes, label="RMS residual (px)", shrink=0.8)
    longest = max(float(np.nanmax(np.linalg.norm(means, axis=-1), initial=0.0)), 1e-9)
    scale = ARROW_SHARE * fit.camera.width / longest
    axes.quiver(
        centres[..., 0], centres[..., 1], means[..., 0], means[..., 1],
        angles="xy", scale_units="xy", scale=1 / scale, color=CAUSAL, width=0.0045, zorder=3,
    )  # fmt: skip
    _image_axes(axes, fit, f"mean residuals, {scale:.0f} times enlarged (longest {longest:.3f} px)")


def _by_cell(fit: CameraFit, xy: Float64, residuals: Float64) -> tuple[Float64, Float64, Float64]:
    """RMS (R, C), mean (R, C, 2) and centre (R, C, 2) of the residuals in each cell; NaN where there are too few."""
    cell = np.array([fit.camera.width / CELLS[0], fit.camera.height / CELLS[1]])
    column, row = np.clip((xy + 0.5) // cell, 0, np.array(CELLS) - 1).astype(np.int64).T
    shape = CELLS[::-1]
    count, squares, sums = np.zeros(shape), np.zeros(shape), np.zeros((*shape, 2))
    np.add.at(count, (row, column), 1)
    np.add.at(squares, (row, column), np.sum(residuals**2, axis=1))
    np.add.at(sums, (row, column), residuals)
    sums[count < FEWEST_IN_MEAN] = np.nan
    count[count == 0] = np.nan
    rows, columns = np.indices(shape)
    centres = (np.stack([columns, rows], -1) + 0.5) * cell - 0.5
    return np.sqrt(squares / count), sums / count[..., None], centres


def _draw_certainty(axes: Axes, fit: CameraFit) -> None:
    x, y, sigmas = pixel_sigmas(fit)
    if not np.isfinite(sigmas).any():
        axes.text(0.5, 0.5, "the views leave the camera open", transform=axes.transAxes, ha="center", color=LOST)
        _image_axes(axes, fit, "certainty of a viewing ray's pixel")
        return
    highest = float(np.nanpercentile(sigmas, 98))
    shown = axes.pcolormesh(x, y, sigmas, cmap="viridis", vmin=0, vmax=highest, shading="gouraud")
    axes.figure.colorbar(shown, ax=axes, label="1 sigma (px)", shrink=0.8, extend="max")
    _image_axes(axes, fit, f"how sure a viewing ray's pixel is: median {np.nanmedian(sigmas):.3f} px")


def _draw_errors(axes: Axes, fit: CameraFit) -> None:
    errors = np.array([rms([residual]) for residual in fit.residuals])
    axes.bar(np.arange(len(errors)), errors, color=ESTIMATE, width=0.75)
    axes.axhline(np.median(errors), color=CAUSAL, lw=1.2, ls=(0, (5, 3)), label=f"median {np.median(errors):.3f} px")
    every = max(1, len(errors) // 20)
    names = [view.name if len(view.name) <= 14 else f"{view.name[:13]}…" for view in fit.views]
    axes.set_xticks(np.arange(0, len(errors), every), names[::every], rotation=60, ha="right", fontsize=7.5)
    axes.grid(color=GRID, axis="y")
    axes.grid(False, axis="x")
    axes.tick_params(colors=FAINT)
    axes.set_ylabel("RMS error (px)")
    axes.set_title("error of each view that was kept")
    axes.legend(loc="upper right")
