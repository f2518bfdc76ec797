"""slam calibrate as it is typed: images, videos and folders in, a report out, and sentences for what is wrong."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from board_world import CHARUCO, CHESSBOARD, LENS, Look, held, render, smaller

from slam.calibration.inputs import find_pairs
from slam.calibration.stereo import paired, solve_stereo
from slam.geometry import invert, transform
from slam.rig_file import load_rig

sys.path.insert(0, str(Path(__file__).parents[1]))
from command_line import called

SMALL = smaller(LENS, 0.75)
CHESS = ("--board", "chessboard", "--squares", "10x7")


def write_images(folder, board, poses, names="{:02d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, T in enumerate(poses):
        cv2.imwrite(str(folder / names.format(i)), render(board, SMALL, T, Look(), seed=i))
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten views, one image without a board, and one that is no image."""
    poses = held(CHARUCO, SMALL, 10, seed=2, fill=(0.5, 0.8))
    folder = write_images(tmp_path_factory.mktemp("boards") / "images", CHARUCO, poses)
    cv2.imwrite(str(folder / "wall.png"), np.full((SMALL.height, SMALL.width), 90, np.uint8))
    (folder / "zcut.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture(scope="module")
def chess_images(tmp_path_factory):
    poses = held(CHESSBOARD, SMALL, 8, seed=2, fill=(0.4, 0.7))
    return write_images(tmp_path_factory.mktemp("chess") / "images", CHESSBOARD, poses)


def test_a_folder_of_images_gives_a_rig_a_page_and_pictures(images, tmp_path, monkeypatch, capsys):
    said = called(monkeypatch, capsys, "calibrate", "camera", images, "--out", tmp_path / "out")
    assert said.code == 0 and "px RMS over" in said.out and "views are few" in said.out
    rig = load_rig(tmp_path / "out" / "rig.toml")
    assert rig.left.fx == pytest.approx(SMALL.fx, rel=0.01)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "wall.png" in page and "the board was not found" in page and "zcut.png" in page and "cut short" in page
    for name in ("coverage", "residuals", "certainty", "errors"):
        assert cv2.imread(str(tmp_path / "out" / f"{name}.png")).std() > 5
    again = called(monkeypatch, capsys, "calibrate", "camera", images, "--out", tmp_path / "out")
    assert again.code == 2 and "holds a calibration already" in again.err


def test_a_video_is_calibrated_too(images, tmp_path, monkeypatch, capsys):
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 5, SMALL.image_size)
    for path in sorted(images.glob("0*.png")):
        writer.write(cv2.imread(str(path)))
    writer.release()
    said = called(monkeypatch, capsys, "calibrate", "camera", tmp_path / "v.avi", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert load_rig(tmp_path / "out" / "rig.toml").left.fx == pytest.approx(SMALL.fx, rel=0.01)


def test_stereo_from_folders_and_from_one_folder(images, tmp_path, monkeypatch, capsys):
    T_left_right = transform(np.eye(3), (0.06, 0.0, 0.0))
    poses = held(CHARUCO, SMALL, 10, seed=2, fill=(0.5, 0.8))
    right = write_images(tmp_path / "r", CHARUCO, [invert(T_left_right) @ T for T in poses])
    said = called(monkeypatch, capsys, "calibrate", "stereo", images, right, "--out", tmp_path / "a")
    assert said.code == 0 and "baseline" in said.out
    assert load_rig(tmp_path / "a" / "rig.toml").baseline_m == pytest.approx(0.06, abs=0.0005)
    assert (tmp_path / "a" / "right_coverage.png").is_file()
    both = tmp_path / "both"
    both.mkdir()
    for side, folder in (("left", images), ("right", right)):
        for path in folder.glob("0*.png"):
            (both / f"{side}{path.name}").symlink_to(path)
    views = [found.views for found in find_pairs([both], CHARUCO, lambda done, total: None)]
    assert [view.name for view in views[0]] == [f"{i:02d}" for i in range(10)]
    assert solve_stereo(paired(*views), CHARUCO).baseline_m == pytest.approx(0.06, abs=0.0005)


def test_a_board_is_printed_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    said = called(monkeypatch, capsys, "calibrate", "board", "--out", tmp_path / "b.pdf")
    assert said.code == 0 and (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    assert "slam calibrate camera IMAGES --board charuco --squares 11x8 --square-mm 24" in said.out


def test_convert_writes_and_says_what_is_left_out(tmp_path, monkeypatch, capsys):
    said = called(monkeypatch, capsys, "calibrate", "convert", "euroc", tmp_path / "camchain.yaml")
    assert said.code == 0 and "written as kalibr" in said.out and "left out: the inertial unit's noise" in said.out
    back = called(monkeypatch, capsys, "calibrate", "convert", tmp_path / "camchain.yaml", tmp_path / "rig.toml")
    assert back.code == 0
    assert load_rig(tmp_path / "rig.toml").baseline_m == pytest.approx(load_rig("euroc").baseline_m)


@pytest.mark.parametrize(
    "options, complaint",
    [
        (("--board", "chessboard", "--squares", "9x6"), "a chessboard of 10x7 squares is seen: is it --squares 10x7"),
        (("--board", "charuco"), "is it --board chessboard --squares 10x7"),
        ((*CHESS, "--model", "omni"), "--model 'omni' is unknown"),
    ],
)
def test_a_wrong_board_is_told_with_what_is_seen(options, complaint, chess_images, tmp_path, monkeypatch, capsys):
    files = sorted(chess_images.iterdir())
    few = files if "--model" in options else files[:2]
    said = called(monkeypatch, capsys, "calibrate", "camera", *few, *options, "--out", tmp_path / "out")
    assert said.code == 2 and complaint in " ".join(said.err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options, complaint",
    [
        (("--squares", "6x5"), "check --squares"),
        (("--squares", "8x11"), "not in its order: check --squares"),
        (("--dictionary", "5X5_100"), "another dictionary are seen (4X4_1000): check --dictionary"),
        pytest.param(CHESS, "is it --board charuco", marks=pytest.mark.slow),
    ],
)
def test_other_markers_are_told(options, complaint, images, tmp_path, monkeypatch, capsys):
    few = sorted(images.glob("0*.png"))[:2]
    said = called(monkeypatch, capsys, "calibrate", "camera", *few, *options, "--out", tmp_path / "out")
    assert said.code == 2 and complaint in " ".join(said.err.split())


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("camera", "nowhere"), "nowhere: does not exist"),
        (("camera", "webcam", "0", "1"), "takes one address, got 2"),
        (("stereo", "a", "b", "c"), "or one folder that holds both, got 3 paths"),
        (("stereo", "."), "holds no image"),
        (("convert", "nothing.yaml", "x.toml"), "cannot be read"),
    ],
)
def test_wrong_words_are_one_sentence(words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said = called(monkeypatch, capsys, "calibrate", *words)
    assert said.code == 2 and complaint in " ".join(said.err.split())


def test_a_folder_that_does_not_tell_left_from_right_is_one_sentence(images, monkeypatch, capsys):
    said = called(monkeypatch, capsys, "calibrate", "stereo", images)
    assert said.code == 2 and "left and right cannot be told apart" in said.err
