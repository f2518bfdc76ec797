"""Finding a board in an image, and saying what is there instead when it is not the board that was named."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from slam.calibration.board import CHARUCO, CHESSBOARD, Board
from slam.calibration.view import FEWEST_CORNERS, View, blur_px, spans_a_plane
from slam.types import Float32, Float64, Int64, Uint8

PROBED_COLUMNS = 3  # inner corners that a probe for boards of other sizes starts from
MISFIT_SHARE = 0.35  # of a square, from one homography: beyond it corners carry wrong ids (lenses bend far less)
DICTIONARIES = ("4X4_1000", "5X5_1000", "6X6_1000", "7X7_1000", "ARUCO_ORIGINAL", "APRILTAG_36h11")
WINDOW_PX = (2, 5)  # half sides of the windows that corners are refined in: shortest, longest
CHESSBOARD_CLEAR = 0.3  # of a square: half a window that sees one corner only, whichever way the board is turned
AGREE_PX = 0.5  # two ways to a corner that differ more have met something else
STEADY_PX = 0.1  # that a corner may move when its window grows or shrinks by a pixel: more, and a marker pulls at it
STEADY_MEDIANS = 4.0  # or so many times the median of an image that is noisy
NEIGHBOURS = 7
REFINED = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)


class Detector:
    """Finds one board; made once, since OpenCV's detectors are costly to set up."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._charuco = None if board.kind == CHESSBOARD else _charuco_detector(board)

    def find(self, image: Uint8, name: str, is_fast: bool = False) -> View | None:
        """The board's corners in a grey image (H, W), or None. ``is_fast`` gives up sooner, for a live camera."""
        found = self._chessboard(image, is_fast) if self._charuco is None else self._squares(image)
        if found is None:
            return None
        ids, xy = found
        if len(ids) < FEWEST_CORNERS or not spans_a_plane(self.board.points[ids]) or self._misfits(ids, xy):
            return None
        height, width = image.shape
        return View(name, (width, height), ids, xy, blur_px(image, xy))

    def _chessboard(self, image: Uint8, is_fast: bool) -> tuple[Int64, Float64] | None:
        """Sector-based detection (Duda & Frese, BMVC 2018), refined: rendered corners are 0.03 px off, not 0.09."""
        flags = 0
        found, corners = cv2.findChessboardCornersSB(image, self.board.inner, flags=flags)
        if not found and not is_fast:
            flags |= cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE
            found, corners = cv2.findChessboardCornersSB(image, self.board.inner, flags=flags)
        if not found:
            return None
        ids, xy = np.arange(len(corners), dtype=np.int64), corners.reshape(-1, 2).astype(np.float32)
        return ids, _refined(image, self.board, ids, xy)

    def _squares(self, image: Uint8) -> tuple[Int64, Float64] | None:
        assert self._charuco is not None
        corners, numbers, _, _ = self._charuco.detectBoard(image)
        if numbers is None or len(numbers) < FEWEST_CORNERS:
            return None
        ids, xy = np.asarray(numbers, np.int64).ravel(), corners.reshape(-1, 2).astype(np.float32)
        refined = _refined(image, self.board, ids, xy)
        agree = np.linalg.norm(refined - xy, axis=1) < AGREE_PX
        for step in (-1, 1):
            moved = np.linalg.norm(_refined(image, self.board, ids, xy, step) - refined, axis=1)
            agree &= moved < max(STEADY_PX, STEADY_MEDIANS * float(np.median(moved)))
        return ids[agree], refined[agree]

    def _misfits(self, ids: Int64, xy: Float64) -> bool:
        """Whether corners lie in another order than the board's, as when rows and columns were swapped."""
        H = cv2.findHomography(xy, self.board.points[ids], cv2.RANSAC, MISFIT_SHARE * self.board.square_m)[0]
        if H is None:
            return True
        flat = cv2.perspectiveTransform(xy[:, None], H)[:, 0]
        off = np.linalg.norm(flat - self.board.points[ids, :2], axis=1)
        return bool(np.median(off) > MISFIT_SHARE * self.board.square_m)


def instead(board: Board, images: list[Uint8]) -> str:
    """What these images, in which the board was not found, show of other boards; empty when nothing is known."""
    for image in images:
        said = _other_markers(board, image) if board.kind == CHARUCO else ""
        said = said or _unwanted_markers(board, image) or _other_chessboard(image, board)
        if said:
            return said
    return ""


def _unwanted_markers(board: Board, image: Uint8) -> str:
    is_charuco = board.kind == CHESSBOARD and any(len(_marker_ids(f"DICT_{name}", image)) > 3 for name in DICTIONARIES)
    return "markers are seen: is it --board charuco?" if is_charuco else ""


def _other_chessboard(image: Uint8, board: Board) -> str:
    """The size of a chessboard of any size; longer side first, since a print can be turned."""
    pattern = (PROBED_COLUMNS, PROBED_COLUMNS)
    flags = cv2.CALIB_CB_LARGER | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_NORMALIZE_IMAGE
    found, _, meta = cv2.findChessboardCornersSBWithMeta(image, pattern, flags)
    if not found:
        return ""
    rows, columns = sorted(size + 1 for size in np.shape(meta)[:2])
    kind = "" if board.kind == CHESSBOARD else "--board chessboard "
    return f"a chessboard of {columns}x{rows} squares is seen: is it {kind}--squares {columns}x{rows}? (not corners)"


def _other_markers(board: Board, image: Uint8) -> str:
    """Markers of the board's dictionary, or of another one."""
    ids = _marker_ids(board.dictionary, image)
    own = len(board.aruco.getIds())
    if len(ids) and ids.max() >= own:
        return f"markers up to {ids.max()} are seen and this board has {own}: check --squares"
    if len(ids) > 3:
        return f"{len(ids)} of its markers are seen but not in its order: check --squares (columns first) and --legacy"
    for name in DICTIONARIES:
        if len(_marker_ids(f"DICT_{name}", image)) > 3:
            return f"markers of another dictionary are seen ({name}): check --dictionary"
    return ""


def _marker_ids(dictionary: str, image: Uint8) -> Int64:
    codes = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary))
    ids = cv2.aruco.ArucoDetector(codes, cv2.aruco.DetectorParameters()).detectMarkers(image)[1]
    return np.zeros(0, np.int64) if ids is None else ids.ravel().astype(np.int64)


def _charuco_detector(board: Board) -> cv2.aruco.CharucoDetector:
    return cv2.aruco.CharucoDetector(board.aruco)


def _refined(image: Uint8, board: Board, ids: Int64, xy: Float32, step_px: int = 0) -> Float64:
    """Corners refined in windows that end before what else has edges: the next corners, or the markers in between.

    ``step_px`` makes the windows larger or smaller.
    """
    clear = (board.square_m - board.marker_m) / 2 / board.square_m if board.marker_m else CHESSBOARD_CLEAR
    reaches = np.clip(np.floor(clear * _square_px(board, ids, xy)), *WINDOW_PX).astype(np.int64) + step_px
    refined = xy.copy()
    for reach in np.unique(reaches):
        rows = np.flatnonzero(reaches == reach)
        window = (int(reach), int(reach))
        refined[rows] = cv2.cornerSubPix(image, np.ascontiguousarray(xy[rows]), window, (-1, -1), REFINED)
    return refined.astype(np.float64)


def _square_px(board: Board, ids: Int64, xy: Float32) -> Float64:
    """(N,) side of a square around each corner, in the direction in which it looks shortest; 0 where unknown."""
    squares = board.points[ids, :2] / board.square_m
    nearest = cKDTree(squares).query(squares, min(NEIGHBOURS, len(ids)))[1]
    steps, moves = squares[nearest] - squares[:, None], xy[nearest] - xy[:, None]
    normal = np.einsum("nki,nkj->nij", steps, steps)
    is_plane = np.linalg.det(normal) > 1e-6  # neighbours in one line leave the other direction open
    normal[~is_plane] = np.eye(2)
    affine = np.linalg.solve(normal, np.einsum("nki,nkj->nij", steps, moves.astype(np.float64)))
    return np.where(is_plane, np.linalg.svd(affine, compute_uv=False)[:, -1], 0.0)
