"""Boards: a chessboard, or a ChArUco board whose squares can be told apart, so that it may leave the image in part.

Sizes count squares, not inner corners: a board of 11x8 squares has 10x7 inner corners.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from slam.errors import CalibrationError
from slam.types import Bool, Float64

CHARUCO, CHESSBOARD = "charuco", "chessboard"
KINDS = (CHARUCO, CHESSBOARD)
MARKER_SHARE = 0.7  # of a square, where nothing else is said: leaves the corners room for sub-pixel refinement
FEWEST_SQUARES = 3  # in a row: four corners of a homography
BORDER_BITS = 1  # black frame of a marker, in its own cells


@dataclass(frozen=True)
class Board:
    """A flat board. Use ``make_board``, which checks the numbers."""

    kind: str
    columns: int  # squares
    rows: int  # squares
    square_m: float
    marker_m: float = 0.0  # ChArUco
    dictionary: str = ""  # ChArUco: one of OpenCV's, as DICT_4X4_50
    is_legacy: bool = False  # ChArUco printed with OpenCV before 4.6: another corner is white when rows are even

    @property
    def name(self) -> str:
        size = f"{self.columns}x{self.rows} squares of {1000 * self.square_m:g} mm"
        if self.kind == CHESSBOARD:
            return f"chessboard, {size}"
        return f"ChArUco, {size}, markers of {1000 * self.marker_m:g} mm, {self.dictionary}"

    @property
    def inner(self) -> tuple[int, int]:
        """Inner corners in a row and in a column."""
        return self.columns - 1, self.rows - 1

    @cached_property
    def points(self) -> Float64:
        """(C, 3) inner corners in the board's frame, m; a corner's id is its row here."""
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        return np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]).astype(np.float64) * self.square_m

    @cached_property
    def aruco(self) -> cv2.aruco.CharucoBoard:
        """OpenCV's own board, for detection and for what its markers look like."""
        codes = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, codes)
        board.setLegacyPattern(self.is_legacy)
        return board

    def black_rectangles(self) -> Float64:
        """(R, 4) black areas as x, y, width, height in m, y down from the board's top left corner. None overlap."""
        squares = [(x, y) for y in range(self.rows) for x in range(self.columns) if self._is_black(x, y)]
        sides = np.full((len(squares), 2), self.square_m)
        rectangles = [np.column_stack([np.array(squares) * self.square_m, sides])]
        if self.kind == CHARUCO:
            rectangles += [self._marker_rectangles(i) for i in range(len(self.aruco.getIds()))]
        return np.concatenate(rectangles)

    def _is_black(self, x: int, y: int) -> bool:
        first_is_black = self.kind == CHESSBOARD or not (self.is_legacy and self.rows % 2 == 0)
        return ((x + y) % 2 == 0) == first_is_black

    def _marker_rectangles(self, index: int) -> Float64:
        """Runs of black cells of a marker, row by row."""
        codes = self.aruco.getDictionary()
        cells = codes.markerSize + 2 * BORDER_BITS
        number = int(np.ravel(self.aruco.getIds())[index])
        black = cv2.aruco.generateImageMarker(codes, number, cells, borderBits=BORDER_BITS) == 0
        cell_m = self.marker_m / cells
        corner = np.asarray(self.aruco.getObjPoints()[index], np.float64)[:, :2].min(0)
        runs = [(x, y, stop - x, 1.0) for y in range(cells) for x, stop in _runs(black[y])]
        return np.array(runs) * cell_m + (*corner, 0.0, 0.0)


def make_board(
    kind: str,
    squares: str,
    square_mm: float,
    marker_mm: float | None = None,
    dictionary: str | None = None,
    is_legacy: bool = False,
) -> Board:
    """A board of the numbers that the command line takes. Raises CalibrationError for one that cannot be."""
    if kind not in KINDS:
        raise CalibrationError(f"board '{kind}' is unknown; known: {', '.join(KINDS)}")
    columns, rows = _squares(squares)
    if not square_mm > 0:
        raise CalibrationError(f"--square-mm must be positive, got {square_mm:g}; measure a square of the print")
    if kind == CHESSBOARD:
        return Board(CHESSBOARD, columns, rows, square_mm / 1000)
    marker_mm = MARKER_SHARE * square_mm if marker_mm is None else marker_mm
    if not 0 < marker_mm < square_mm:
        raise CalibrationError(f"--marker-mm must be between 0 and the square's {square_mm:g}, got {marker_mm:g}")
    codes = _dictionary(dictionary, columns * rows // 2)
    return Board(CHARUCO, columns, rows, square_mm / 1000, marker_mm / 1000, codes, is_legacy)


def _squares(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[xX](\d+)", text.strip())
    columns, rows = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(columns, rows) < FEWEST_SQUARES:
        raise CalibrationError(
            f"--squares must be COLUMNSxROWS of at least {FEWEST_SQUARES} squares, as 11x8, got '{text}'"
        )
    return columns, rows


def _dictionary(name: str | None, markers: int) -> str:
    """The dictionary asked for, else the smallest of 4x4 cells (read from farthest) with enough. CalibrationError."""
    if name is None:
        sizes = [size for size in (50, 100, 250, 1000) if size >= markers]
        if not sizes:
            raise CalibrationError(f"a board with {markers} markers is too large; take fewer, larger squares")
        return f"DICT_4X4_{sizes[0]}"
    full = name.upper() if name.upper().startswith("DICT_") else f"DICT_{name.upper()}"
    if not hasattr(cv2.aruco, full):
        raise CalibrationError(f"--dictionary '{name}' is unknown; write it as OpenCV does, as 4X4_50 or 5X5_100")
    has = len(cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, full)).bytesList)
    if has < markers:
        raise CalibrationError(
            f"--dictionary {name} has {has} markers and the board needs {markers}; take a larger one"
        )
    return full


def _runs(black: Bool) -> list[tuple[int, int]]:
    """Starts and ends of what is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], black, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))
