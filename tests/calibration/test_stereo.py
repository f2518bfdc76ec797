"""Stereo: boards that only one camera sees, boards seen from their other end, and pairs that are none."""

from dataclasses import replace

import numpy as np
import pytest
from board_world import CHARUCO, CHESSBOARD, LENS, WIDE, held, seen

from slam.calibration.board import make_board
from slam.calibration.settle import Shot
from slam.calibration.stereo import paired, solve_stereo
from slam.errors import CalibrationError
from slam.geometry import invert, transform

T_LEFT_RIGHT = transform(np.eye(3), (0.1, 0.001, 0.0))
SQUARE = make_board("chessboard", "8x8", 24.0)


def pairs_of(board, camera, count=14, noise_px=0.05, seed=0):
    """Shots of a pair of equal cameras; views without six corners are none."""
    rng = np.random.default_rng(seed)
    shots = []
    for i, T in enumerate(held(board, camera, count, seed=seed)):
        views = [seen(board, camera, pose, f"{i}", noise_px, rng) for pose in (T, invert(T_LEFT_RIGHT) @ T)]
        shots.append(Shot(f"{i}", tuple(view if len(view.ids) > 8 else None for view in views)))
    return shots


@pytest.mark.parametrize("camera", [LENS, WIDE], ids=["radtan", "fisheye"])
def test_the_pose_between_the_cameras_is_found(camera):
    found = solve_stereo(pairs_of(CHARUCO, camera), CHARUCO, camera.distortion_model)
    np.testing.assert_allclose(found.T_left_right[:3, 3], T_LEFT_RIGHT[:3, 3], atol=5 * found.sigma_position_m.max())
    np.testing.assert_allclose(found.T_left_right[:3, :3], np.eye(3), atol=5 * found.sigma_rotation_rad.max())
    assert found.sigma_baseline_m < 0.0001


def test_views_of_one_camera_alone_still_count_for_its_lens():
    shots = pairs_of(CHARUCO, LENS, 16)
    shots[2:5] = [Shot(shot.name, (shot.views[0], None)) for shot in shots[2:5]]
    shots[6] = Shot(shots[6].name, (None, shots[6].views[1]))
    found = solve_stereo(shots, CHARUCO)
    assert len(found.pairs) == sum(None not in shot.views for shot in shots)
    assert {"2", "3", "4"} <= {view.name for view in found.left.views} - {view.name for view in found.right.views}
    assert found.baseline_m == pytest.approx(0.100005, abs=0.0003)


@pytest.mark.parametrize("board, quarters", [(CHESSBOARD, (2,)), (SQUARE, (1, 2, 3))])
def test_a_chessboard_may_be_counted_from_its_other_end(board, quarters):
    columns, rows = board.inner
    grid = np.arange(columns * rows).reshape(rows, columns)
    shots = [shot for shot in pairs_of(board, LENS, 16) if None not in shot.views]
    for i, shot in enumerate(shots[::2]):
        left, right = shot.views
        turned = replace(right, ids=np.rot90(grid, quarters[i % len(quarters)]).ravel()[right.ids])
        shots[2 * i] = Shot(shot.name, (left, turned))
    found = solve_stereo(shots, board)
    assert found.baseline_m == pytest.approx(0.100005, abs=0.0003)
    assert found.left.dropped == []


def test_names_make_the_pairs():
    shots = pairs_of(CHARUCO, LENS, 4)
    left, right = ([shot.views[side] for shot in shots] for side in (0, 1))
    again = paired(left[:3], right[1:])
    assert [(shot.name, *[view is not None for view in shot.views]) for shot in again] == [
        ("0", True, False), ("1", True, True), ("2", True, True), ("3", False, True),
    ]  # fmt: skip


def test_too_few_pairs_and_a_bad_camera_are_one_sentence():
    shots = pairs_of(CHARUCO, LENS, 8)
    with pytest.raises(CalibrationError, match="in 4 pairs; a stereo calibration takes 5"):
        solve_stereo(shots[:4], CHARUCO)
    small = [Shot(s.name, (s.views[0], replace(s.views[1], image_size=(64 + i, 48)))) for i, s in enumerate(shots)]
    with pytest.raises(CalibrationError, match="right camera: images differ in size"):
        solve_stereo(small, CHARUCO)
