"""``slam calibrate``: print a board, calibrate a camera or a stereo pair, convert rig files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slam.commands.options import Height, Width

if TYPE_CHECKING:
    from slam.calibration.board import Board
    from slam.calibration.report import Report

app = typer.Typer(help="Print a board, calibrate cameras with it, convert calibrations.", no_args_is_help=True)
BoardKind = Annotated[str, typer.Option("--board", help="charuco or chessboard.")]
Squares = Annotated[str, typer.Option(help="Columns x rows of squares, not of inner corners.")]
SquareMm = Annotated[float, typer.Option(help="Side of a square, measured on the print.")]
MarkerMm = Annotated[float | None, typer.Option(help="ChArUco: side of a marker; 0.7 of the square by default.")]
Dictionary = Annotated[str | None, typer.Option(help="ChArUco: OpenCV's name; smallest of 4X4_* by default.")]
Legacy = Annotated[bool, typer.Option("--legacy", help="ChArUco printed with OpenCV before 4.6.")]
Model = Annotated[str, typer.Option(help="radtan, or kannala_brandt for fisheye lenses.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the report; calibrations/<time> by default.")]


@app.command("board")
def board_command(
    kind: Annotated[str, typer.Argument(help="charuco or chessboard.")] = "charuco",
    squares: Squares = "11x8",
    square_mm: SquareMm = 24.0,
    marker_mm: MarkerMm = None,
    dictionary: Dictionary = None,
    legacy: Legacy = False,
    paper: Annotated[str, typer.Option(help="a5 to a0, letter or tabloid.")] = "a4",
    out: Annotated[Path, typer.Option(help="File to write: .pdf, or .png.")] = Path("board.pdf"),
    dpi: Annotated[int, typer.Option(help="Of a PNG: pixels per inch.")] = 300,
) -> None:
    """Write a board to print, in true millimetres."""
    from slam.calibration.board import make_board
    from slam.calibration.board_page import options_of, print_board

    board = make_board(kind, squares, square_mm, marker_mm, dictionary, legacy)
    page = print_board(board, paper, out, dpi)
    typer.echo(f"{board.name} on {page.width_mm:g} x {page.height_mm:g} mm, written to {out}")
    typer.echo("print it at 100 % (not fitted to the page), glue it flat on a stiff board, and measure ten squares")
    typer.echo(f"then: slam calibrate camera IMAGES {options_of(board)}")


@app.command("camera")
def camera_command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PATH...|webcam [ADDRESS]", help="Folders, images, videos; or a live camera.")
    ],
    board: BoardKind = "charuco",
    squares: Squares = "11x8",
    square_mm: SquareMm = 24.0,
    marker_mm: MarkerMm = None,
    dictionary: Dictionary = None,
    legacy: Legacy = False,
    model: Model = "radtan",
    out: Out = None,
    width: Width = None,
    height: Height = None,
) -> None:
    """Calibrate a camera, from images or live.

    Live, it takes views by itself, shows what is covered and says what to do next; it ends when there is enough, or at
    Ctrl-C with what it has. The folder written holds rig.toml (for --rig), report.html and its pictures.
    """
    from slam.calibration.board import make_board
    from slam.calibration.work import LIVE, calibrate_images, default_folder
    from slam.terminal import counting

    made = make_board(board, squares, square_mm, marker_mm, dictionary, legacy)
    folder = out or default_folder()
    if inputs[0] in LIVE:
        report = _live(inputs, made, model, folder, (width, height))
    else:
        with counting("looking for the board") as progress:
            report = calibrate_images([Path(item) for item in inputs], made, model, folder, progress)
    _show(report, folder)


@app.command("stereo")
def stereo_command(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="LEFT RIGHT", help="Two folders, two videos, or one folder with both.")
    ],
    board: BoardKind = "charuco",
    squares: Squares = "11x8",
    square_mm: SquareMm = 24.0,
    marker_mm: MarkerMm = None,
    dictionary: Dictionary = None,
    legacy: Legacy = False,
    model: Model = "radtan",
    out: Out = None,
) -> None:
    """Calibrate a stereo pair: both lenses and the pose between the cameras."""
    from slam.calibration.board import make_board
    from slam.calibration.work import calibrate_pair, default_folder
    from slam.terminal import counting

    made = make_board(board, squares, square_mm, marker_mm, dictionary, legacy)
    folder = out or default_folder()
    with counting("looking for the board") as progress:
        report = calibrate_pair(inputs, made, model, folder, progress)
    _show(report, folder)


@app.command("convert")
def convert_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Calibration of any format below, or a name in calib/.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; for EuRoC with two cameras a folder.")],
    from_: Annotated[str | None, typer.Option("--from", help="Format of IN; recognised by default.")] = None,
    to: Annotated[str | None, typer.Option(help="toml, kalibr, euroc, opencv, ros or tum; by OUT's name.")] = None,
) -> None:
    """Convert between rig TOML, Kalibr, EuRoC, OpenCV, ROS camera_info and TUM."""
    from slam.calibration.formats import leaves_out, read_rig, write_rig_as
    from slam.rig_file import load_rig

    rig = read_rig(source, from_) if source.exists() else load_rig(str(source))
    name = write_rig_as(rig, out, to)
    typer.echo(f"{source} written as {name} to {out}")
    for part in leaves_out(rig, name):
        typer.echo(f"left out: {part} (this format has no place for it)")


def _live(inputs: list[str], board: Board, model: str, folder: Path, size: tuple[int | None, int | None]) -> Report:
    from slam.calibration.work import calibrate_live, open_camera
    from slam.running.stopping import StopSignals
    from slam.terminal_calibration import CaptureDisplay

    source = open_camera(inputs, size)
    with StopSignals() as stop, CaptureDisplay() as display:
        report = calibrate_live(source, board, model, folder, display.update, _asked(stop.check))
    for note in source.notes:
        typer.echo(note)
    return report


def _asked(check: Callable[[], None]) -> Callable[[], bool]:
    """Whether a signal came, as an answer in place of an exception."""
    from slam.running.stopping import Stopped

    def is_asked() -> bool:
        try:
            check()
        except Stopped:
            return True
        return False

    return is_asked


def _show(report: Report, folder: Path) -> None:
    from slam.calibration.report import PAGE_FILE, RIG_FILE, summary_rows
    from slam.terminal import show_rows

    show_rows([*summary_rows(report), ("report", str(folder / PAGE_FILE)), ("rig", str(folder / RIG_FILE))])
