"""Boards: what they are, and that the page printed has them at their size."""

import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from slam.calibration.board import make_board
from slam.calibration.board_page import options_of, page_for, print_board
from slam.calibration.detect import Detector
from slam.errors import CalibrationError

BOARDS = [make_board("charuco", "11x8", 24), make_board("chessboard", "10x7", 25)]


@pytest.mark.parametrize("squares, legacy", [("8x6", False), ("7x5", False), ("8x6", True), ("7x6", True)])
def test_black_areas_are_those_of_opencv(squares, legacy):
    board = make_board("charuco", squares, 30, 18, "4X4_50", legacy)
    width, height = board.columns * 60, board.rows * 60
    drawn = np.full((height, width), 255, np.uint8)
    for x, y, w, h in board.black_rectangles() / 0.0005:
        drawn[round(y) : round(y + h), round(x) : round(x + w)] = 0
    assert np.mean(drawn != board.aruco.generateImage((width, height))) < 0.002


def test_corners_are_counted_row_by_row_from_the_first_square():
    board = make_board("chessboard", "5x4", 10)
    assert board.points.shape == (12, 3)
    np.testing.assert_allclose(board.points[[0, 3, 4]], [[0.01, 0.01, 0], [0.04, 0.01, 0], [0.01, 0.02, 0]])


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("charucco", "8x6", 30), "'charucco' is unknown"),
        (("chessboard", "8", 30), "COLUMNSxROWS"),
        (("chessboard", "2x6", 30), "at least 3"),
        (("chessboard", "8x6", 0), "must be positive"),
        (("charuco", "8x6", 30, 30), "between 0 and the square"),
        (("charuco", "8x6", 30, None, "5X5_51"), "is unknown; write it as OpenCV does"),
        (("charuco", "20x20", 30, None, "4X4_50"), "has 50 markers and the board needs 200"),
        (("charuco", "60x60", 5), "too large"),
    ],
)
def test_a_board_that_cannot_be_is_one_sentence(words, complaint):
    with pytest.raises(CalibrationError, match=re.escape(complaint)):
        make_board(*words)


def test_the_smallest_dictionary_that_suffices_is_taken():
    assert make_board("charuco", "8x6", 30).dictionary == "DICT_4X4_50"
    assert make_board("charuco", "11x10", 30).dictionary == "DICT_4X4_100"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.kind)
def test_a_png_has_the_board_at_its_size(board, tmp_path):
    page = print_board(board, "a4", tmp_path / "board.png", 150)
    image = cv2.imread(str(tmp_path / "board.png"), cv2.IMREAD_GRAYSCALE)
    off_mm = printed_mm(board, image, 150) - (1000 * board.points[:, :2] + (page.left_mm, page.top_mm))
    assert image.shape == pytest.approx((210 / 25.4 * 150, 297 / 25.4 * 150), abs=1)
    assert np.abs(off_mm).max() < 0.15


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="POPPLER NOT FOUND: install poppler-utils")
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.kind)
def test_a_pdf_has_the_board_at_its_size(board, tmp_path):
    page = print_board(board, "a4", tmp_path / "board.pdf", 300)
    subprocess.run(
        ["pdftoppm", "-r", "200", "-gray", "-png", "-singlefile", "board.pdf", "b"], cwd=tmp_path, check=True
    )
    image = cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_GRAYSCALE)
    off_mm = printed_mm(board, image, 200) - (1000 * board.points[:, :2] + (page.left_mm, page.top_mm))
    assert np.abs(off_mm).max() < 0.1
    assert print_board(board, "a4", tmp_path / "again.pdf", 300) == page
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / "board.pdf").read_bytes()


def printed_mm(board, image, dpi):
    """(C, 2) where the corners are on the sheet."""
    view = Detector(board).find(image, "print")
    assert len(view.ids) == len(board.points)
    mm = (view.xy + 0.5) * 25.4 / dpi
    return mm if np.all(mm[0] < mm[-1]) else mm[::-1]  # a chessboard's order may start at its other end


def test_a_board_too_large_for_the_paper_says_what_fits():
    with pytest.raises(CalibrationError, match="squares of up to 24 mm do"):
        page_for(make_board("charuco", "11x8", 24.5), "a4")
    assert page_for(make_board("charuco", "8x11", 24), "a4").width_mm == 210  # upright
    with pytest.raises(CalibrationError, match="'a9' is unknown"):
        page_for(BOARDS[0], "a9")


@pytest.mark.parametrize("name, dpi, complaint", [("b.svg", 300, ".pdf or .png"), ("b.png", 5, "from 50 to 2400")])
def test_a_page_that_cannot_be_written_is_one_sentence(name, dpi, complaint, tmp_path):
    with pytest.raises(CalibrationError, match=complaint):
        print_board(BOARDS[0], "a4", tmp_path / name, dpi)


def test_the_options_printed_make_the_same_board():
    board = make_board("charuco", "8x6", 30, 20, "5X5_100", True)
    words = options_of(board).split()
    values = dict(zip(words[::2], words[1::2]))
    again = make_board(
        values["--board"], values["--squares"], float(values["--square-mm"]), float(values["--marker-mm"]),
        values["--dictionary"], words[-1] == "--legacy",
    )  # fmt: skip
    assert again == board
    assert options_of(BOARDS[1]) == "--board chessboard --squares 10x7 --square-mm 25"
