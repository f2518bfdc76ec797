"""Whole calibrations of rendered boards, from pixels to camera, with noise, blur and a known answer."""

import numpy as np
import pytest
from board_world import CHARUCO, CHESSBOARD, LENS, VERY_WIDE, WIDE, bent_px, held, render, shifted_px
from scipy.spatial.transform import Rotation

from slam.calibration.detect import Detector
from slam.calibration.solve import solve_camera
from slam.calibration.stereo import paired, solve_stereo
from slam.geometry import invert, rotation_angle_rad, transform

FILLS = {(CHARUCO, LENS): (0.45, 1.0), (CHESSBOARD, LENS): (0.35, 0.8), (CHARUCO, WIDE): (0.5, 1.2)}
FILLS |= {(CHESSBOARD, WIDE): (0.35, 0.7), (CHARUCO, VERY_WIDE): (0.6, 1.4)}

CASES = pytest.mark.parametrize(
    "board, camera", [pair for pair in FILLS if pair[1] is not VERY_WIDE], ids=lambda x: getattr(x, "kind", "lens")
)


def found_views(board, camera, poses):
    detector = Detector(board)
    images = (render(board, camera, T, seed=i) for i, T in enumerate(poses))
    return [view for i, image in enumerate(images) if (view := detector.find(image, f"{i}")) is not None]


def calibrated(board, camera, count, seed):
    poses = held(board, camera, count, seed=seed, fill=FILLS[board, camera])
    return solve_camera(found_views(board, camera, poses), board, camera.distortion_model)


@pytest.mark.parametrize(
    "board, camera", [(CHARUCO, LENS), (CHESSBOARD, WIDE)], ids=["charuco-radtan", "chess-fisheye"]
)
def test_sixteen_views_give_focal_length_and_centre(board, camera):
    found = calibrated(board, camera, 16, seed=7).camera
    assert (found.fx, found.fy) == pytest.approx((camera.fx, camera.fy), rel=0.002)
    assert (found.cx, found.cy) == pytest.approx((camera.cx, camera.cy), abs=1.0)  # px
    assert np.median(shifted_px(camera, found)) < 0.3  # px, nothing taken out


@pytest.mark.slow
@CASES
@pytest.mark.parametrize("seed", [1, 2])
def test_sixty_views_give_the_distortion(board, camera, seed):
    """The residual of the distortion, a turn of the camera taken out, which a shifted centre is."""
    found = calibrated(board, camera, 60, seed)
    assert found.camera.fx == pytest.approx(camera.fx, rel=0.0005)
    residual_px = bent_px(camera, found.camera)
    assert np.percentile(residual_px, 99) < 0.1
    if camera is LENS:
        assert residual_px.max() < 0.1


@pytest.mark.slow
def test_a_fisheye_of_152_degrees():
    residual_px = bent_px(VERY_WIDE, calibrated(CHARUCO, VERY_WIDE, 60, seed=1).camera)
    assert np.percentile(residual_px, 99) < 0.1
    assert residual_px.max() < 0.5  # in the image's very corners, 76 degrees off the axis


def test_a_stereo_pair_has_its_baseline_and_turn():
    T_left_right = transform(Rotation.from_rotvec([0.01, 0.03, -0.005]).as_matrix(), [0.11, 0.002, -0.001])
    poses = held(CHARUCO, LENS, 16, seed=3, fill=(0.45, 0.8))
    left = found_views(CHARUCO, LENS, poses)
    right = found_views(CHARUCO, LENS, np.array([invert(T_left_right) @ T for T in poses]))
    found = solve_stereo(paired(left, right), CHARUCO)
    assert found.baseline_m == pytest.approx(0.110023, abs=0.0001)
    assert abs(found.baseline_m - 0.110023) < 4 * found.sigma_baseline_m
    assert rotation_angle_rad(found.T_left_right[:3, :3].T @ T_left_right[:3, :3]) < 0.002
    assert len(found.pairs) >= 10
