"""Real boards: OpenCV's left01.jpg to right14.jpg, which Debian has in opencv-doc. They are not part of the project.

Set OPENCV_SAMPLES to their folder. What is expected is OpenCV's own left_intrinsics.yml beside them, whose fit of
0.39 px is coarser than this one.
"""

import os
from pathlib import Path

import pytest

from slam.calibration.board import make_board
from slam.calibration.formats import read_rig
from slam.calibration.inputs import find_pairs, find_views
from slam.calibration.solve import solve_camera
from slam.calibration.stereo import paired, solve_stereo

PLACES = [os.environ.get("OPENCV_SAMPLES", ""), "/usr/share/doc/opencv-doc/examples/data"]
BOARD = make_board("chessboard", "10x7", 25.0)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    for place in PLACES:
        files = sorted(Path(place).glob("*[0-9][0-9].jpg")) if place else []
        if any(file.name == "left01.jpg" for file in files):
            folder = tmp_path_factory.mktemp("samples")
            for file in files:
                if file.name.startswith(("left", "right")):
                    (folder / file.name).symlink_to(file)
            (folder / "opencv.yml").symlink_to(Path(place) / "left_intrinsics.yml")
            return folder
    pytest.skip("OPENCV'S SAMPLES NOT FOUND: install opencv-doc or set OPENCV_SAMPLES; this test was not run")


def test_real_boards_give_the_camera_that_opencv_found(samples):
    found = solve_camera(find_views(sorted(samples.glob("left*.jpg")), BOARD, lambda done, total: None).views, BOARD)
    theirs = read_rig(samples / "opencv.yml").left
    assert len(found.views) == 13 and found.rms_px < 0.25
    assert (found.camera.fx, found.camera.fy) == pytest.approx((theirs.fx, theirs.fy), rel=0.01)
    assert (found.camera.cx, found.camera.cy) == pytest.approx((theirs.cx, theirs.cy), abs=3.0)


def test_real_pairs_have_one_baseline(samples):
    left, right = find_pairs([samples], BOARD, lambda done, total: None)
    found = solve_stereo(paired(left.views, right.views), BOARD)
    assert len(found.pairs) >= 12 and found.left.rms_px < 0.3 and found.right.rms_px < 0.3
    assert found.baseline_m == pytest.approx(0.0832, abs=0.0003)
