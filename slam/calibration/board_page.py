"""A board as a page to print: PDF in true millimetres, or PNG at a stated resolution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slam.calibration.board import CHARUCO, Board
from slam.errors import CalibrationError
from slam.types import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPERS_MM = {
    "a5": (148.0, 210.0), "a4": (210.0, 297.0), "a3": (297.0, 420.0), "a2": (420.0, 594.0), "a1": (594.0, 841.0),
    "a0": (841.0, 1189.0), "letter": (215.9, 279.4), "tabloid": (279.4, 431.8),
}  # fmt: skip
MARGIN_MM = 6.0  # that most printers leave white
CAPTION_MM = 12.0  # below the board
MM_PER_INCH = 25.4
RULER_MM = 100.0


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet and where the board's top left corner lies on it, from the sheet's top left."""

    width_mm: float
    height_mm: float
    left_mm: float
    top_mm: float


def page_for(board: Board, paper: str) -> Page:
    """The sheet, upright or lying, as the board fits. Raises CalibrationError with the largest square that does."""
    if paper.lower() not in PAPERS_MM:
        raise CalibrationError(f"--paper '{paper}' is unknown; known: {', '.join(PAPERS_MM)}")
    short, long = PAPERS_MM[paper.lower()]
    fitting = [
        (_largest_square_mm(board, width, height), width, height) for width, height in ((short, long), (long, short))
    ]
    largest, width, height = max(fitting)
    square_mm = 1000 * board.square_m
    if square_mm > largest + 1e-9:
        raise CalibrationError(
            f"{board.columns}x{board.rows} squares of {square_mm:g} mm do not fit on {paper}; "
            f"squares of up to {np.floor(10 * largest) / 10:g} mm do"
        )
    spare_mm = height - board.rows * square_mm - CAPTION_MM - MARGIN_MM
    return Page(width, height, (width - board.columns * square_mm) / 2, MARGIN_MM + spare_mm / 2)


def print_board(board: Board, paper: str, out: Path, dpi: int) -> Page:
    """Write the page as PDF or PNG, by the ending of ``out``. Raises CalibrationError: unknown ending or paper."""
    page = page_for(board, paper)
    if out.suffix.lower() not in (".pdf", ".png"):
        raise CalibrationError(f"{out}: a board is written as .pdf or .png; choose one of these endings")
    if not 50 <= dpi <= 2400:
        raise CalibrationError(f"--dpi must be from 50 to 2400, got {dpi}")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A stamp of the time in the file would make two prints of the same board differ.
    about = {"CreationDate": None} if out.suffix.lower() == ".pdf" else None
    with mpl.rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(page.width_mm / MM_PER_INCH, page.height_mm / MM_PER_INCH), dpi=dpi)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, page.width_mm), ylim=(page.height_mm, 0))
        axes.set_axis_off()
        _draw_board(axes, board, page)
        _draw_caption(axes, board, page)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=dpi, facecolor="white", metadata=about)
    return page


def _largest_square_mm(board: Board, width_mm: float, height_mm: float) -> float:
    across = (width_mm - 2 * MARGIN_MM) / board.columns
    return min(across, (height_mm - MARGIN_MM - CAPTION_MM) / board.rows)


def _draw_board(axes: Axes, board: Board, page: Page) -> None:
    """All black as one path: separate shapes would show light seams where they meet."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    rectangles = 1000 * board.black_rectangles() + (page.left_mm, page.top_mm, 0.0, 0.0)
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY]
    outline = Outline(np.concatenate([_corners(rectangle) for rectangle in rectangles]), codes * len(rectangles))
    axes.add_patch(PathPatch(outline, facecolor="black", edgecolor="none", linewidth=0))


def _corners(rectangle: Float64) -> Float64:
    x, y, width, height = rectangle
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)])


def _draw_caption(axes: Axes, board: Board, page: Page) -> None:
    """What it is, how to name it to the program, and a ruler that shows whether the printer scaled it."""
    top = page.top_mm + 1000 * board.rows * board.square_m
    left, right = page.left_mm, page.width_mm - page.left_mm
    ruler = min(RULER_MM, 10 * np.floor((right - left) / 20))
    axes.text(left, top + 3.4, board.name, fontsize=6.5, va="baseline")
    axes.text(left, top + 6.2, f"slam calibrate camera IMAGES {options_of(board)}", fontsize=5.2, family="monospace")
    axes.text(
        left, top + 8.8, "Print at 100 %, not fitted to the page; glue it flat on a stiff board. "
        "Then measure ten squares: if they differ, give --square-mm what you measured.", fontsize=4.6,
    )  # fmt: skip
    axes.plot([right - ruler, right], [top + 3.0] * 2, color="black", lw=0.5, solid_capstyle="butt")
    for tick in np.arange(0, ruler + 0.1, 10):
        axes.plot([right - ruler + tick] * 2, [top + 2.0, top + 3.0], color="black", lw=0.5, solid_capstyle="butt")
    axes.text(right, top + 5.6, f"{ruler:g} mm", fontsize=5.2, ha="right")


def options_of(board: Board) -> str:
    """The command line's options for a board."""
    text = f"--board {board.kind} --squares {board.columns}x{board.rows} --square-mm {1000 * board.square_m:g}"
    if board.kind != CHARUCO:
        return text
    legacy = " --legacy" if board.is_legacy else ""
    return f"{text} --marker-mm {1000 * board.marker_m:g} --dictionary {board.dictionary.removeprefix('DICT_')}{legacy}"
