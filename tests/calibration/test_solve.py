"""The least squares: right where the answer is known, honest about its uncertainty, deaf to outliers."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from board_world import CHARUCO, CHESSBOARD, LENS, WIDE, exact_pixels, held, seen, shifted_px

from slam.calibration.bundle import adjust
from slam.calibration.certainty import pixel_sigmas
from slam.calibration.projection import composed, parameters_of, project
from slam.calibration.settle import FEWEST_VIEWS, Shot, outliers, settle, sights_of
from slam.calibration.solve import folds_px, solve_camera, usable_camera
from slam.calibration.start import first_state
from slam.camera import KANNALA_BRANDT, RADTAN, Camera
from slam.errors import CalibrationError
from slam.geometry import transform

WITH_K3 = replace(LENS, distortion=(-0.31, 0.14, 0.0009, -0.0006, -0.04))
NEARLY_ORTHOGRAPHIC = Camera(640, 480, 2600.0, 2590.0, 318.0, 243.0, RADTAN, (-0.3, 0.6, 0.001, 0.0005))


def views_of(board, camera, count, noise_px=0.0, seed=0, **how):
    rng = np.random.default_rng(seed + 1000)
    poses = held(board, camera, count, seed=seed, **how)
    return [seen(board, camera, T, f"view {i}", noise_px, rng) for i, T in enumerate(poses)]


def differences(function, at):
    """Derivatives of a function by central differences, last axis the parameters."""
    steps = 1e-6 * np.maximum(1.0, np.abs(at)) * np.eye(len(at))
    return np.stack([(function(at + s) - function(at - s)) / (2 * s.max()) for s in steps], -1)


@pytest.mark.parametrize("camera", [LENS, WIDE, WITH_K3], ids=["radtan", "fisheye", "k3"])
def test_derivatives_are_those_of_the_projection(camera):
    parameters, pose = parameters_of(camera), np.array([0.2, -0.3, 0.1, -0.05, 0.02, 0.3])
    model, points = camera.distortion_model, CHARUCO.points
    found = project(model, parameters, pose, points)
    by_camera = differences(lambda p: project(model, p, pose, points).xy, parameters)
    by_pose = differences(lambda p: project(model, parameters, p, points).xy, pose)
    np.testing.assert_allclose(found.by_camera, by_camera, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.by_pose, by_pose, atol=1e-4, rtol=1e-5)


def test_composed_poses_and_their_derivatives():
    rng = np.random.default_rng(2)
    b_c, a_b = 0.4 * rng.normal(size=(2, 6))
    pose, by_first, by_second = composed(b_c, a_b)
    matrix = [transform(cv2.Rodrigues(p[:3])[0], p[3:]) for p in (b_c, a_b, pose)]
    np.testing.assert_allclose(matrix[2], matrix[1] @ matrix[0], atol=1e-12)
    np.testing.assert_allclose(by_first, differences(lambda p: composed(p, a_b)[0], b_c), atol=1e-7)
    np.testing.assert_allclose(by_second, differences(lambda p: composed(b_c, p)[0], a_b), atol=1e-7)


@pytest.mark.parametrize("board", [CHARUCO, CHESSBOARD], ids=lambda board: board.kind)
@pytest.mark.parametrize("camera", [LENS, WIDE, WITH_K3, NEARLY_ORTHOGRAPHIC], ids=["radtan", "fisheye", "k3", "tele"])
def test_exact_corners_give_the_exact_camera(board, camera):
    found = solve_camera(views_of(board, camera, 12), board, camera.distortion_model)
    assert shifted_px(camera, found.camera).max() < 1e-3
    assert len(found.names) == 4 + len(camera.distortion)
    assert found.dropped == [] and found.dropped_corners == 0 and found.rms_px < 1e-4


def test_opencv_finds_the_same_radtan_camera():
    views = views_of(CHARUCO, LENS, 15, noise_px=0.1)
    found = solve_camera(views, CHARUCO)
    points = [CHARUCO.points[view.ids].astype(np.float32) for view in views]
    xy = [view.xy.astype(np.float32)[:, None] for view in views]
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
    rms, K, d, _, _ = cv2.calibrateCamera(
        points, xy, LENS.image_size, None, None, flags=cv2.CALIB_FIX_K3, criteria=criteria
    )
    assert found.rms_px == pytest.approx(rms, rel=1e-4)
    np.testing.assert_allclose(found.camera.K, K, rtol=1e-4)
    np.testing.assert_allclose(found.camera.distortion, d.ravel()[:4], atol=1e-4)


def test_opencv_finds_the_same_fisheye():
    views = views_of(CHESSBOARD, WIDE, 15, noise_px=0.1, fill=(0.35, 0.6))
    found = solve_camera(views, CHESSBOARD, KANNALA_BRANDT)
    points, xy = [CHESSBOARD.points[view.ids][None] for view in views], [view.xy[None] for view in views]
    flags = cv2.CALIB_RECOMPUTE_EXTRINSIC | cv2.CALIB_FIX_SKEW
    _, K, d, _, _ = cv2.fisheye.calibrate(points, xy, WIDE.image_size, np.eye(3), np.zeros(4), flags=flags)
    np.testing.assert_allclose(found.camera.K, K, rtol=2e-4, atol=0.02)
    np.testing.assert_allclose(found.camera.distortion, d.ravel(), atol=2e-3)


@pytest.mark.parametrize("camera", [LENS, WIDE], ids=["radtan", "fisheye"])
def test_stated_sigmas_are_those_of_repeated_calibrations(camera):
    """Monte Carlo: 64 noises on the same views. A standard deviation of 64 is known to 9 %; 35 % is four of them."""
    clean, rng = views_of(CHARUCO, camera, 12), np.random.default_rng(5)
    fits = []
    for _ in range(64):
        noisy = [replace(view, xy=view.xy + rng.normal(0, 0.2, view.xy.shape)) for view in clean]
        shots = [Shot(view.name, (view,)) for view in noisy]
        state = first_state(noisy, CHARUCO, camera.distortion_model)
        fits.append(adjust(state, sights_of(shots, CHARUCO)))
    values = np.array([fit.state.cameras[0] for fit in fits])
    stated = np.mean([np.sqrt(np.diag(fit.covariance)) for fit in fits], axis=0)
    np.testing.assert_allclose(values.std(0, ddof=1), stated, rtol=0.35)
    assert np.mean([fit.sigma_px for fit in fits]) == pytest.approx(0.2, rel=0.02)


def test_the_map_of_certainty_is_the_spread_of_the_pixels():
    clean, rng = views_of(CHARUCO, LENS, 12), np.random.default_rng(6)
    rays = np.array([[0.0, 0.0, 1.0], [0.45, 0.3, 1.0]])
    xy = []
    for _ in range(40):
        noisy = [replace(view, xy=view.xy + rng.normal(0, 0.2, view.xy.shape)) for view in clean]
        fit = solve_camera(noisy, CHARUCO)
        xy.append(exact_pixels(fit.camera, rays))
    spread = np.sqrt(np.linalg.eigvalsh([np.cov(np.array(xy)[:, i].T) for i in range(2)])[:, -1])
    x, y, sigmas = pixel_sigmas(fit)
    where = exact_pixels(LENS, rays)
    stated = [sigmas[np.abs(y - py).argmin(), np.abs(x - px).argmin()] for px, py in where]
    np.testing.assert_allclose(spread, stated, rtol=0.45)


def test_a_bent_view_is_dropped_and_named():
    views = views_of(CHARUCO, LENS, 15, noise_px=0.1)
    wave = 1.5 * np.sin(views[4].xy[:, ::-1] / 40)
    views[4] = replace(views[4], xy=views[4].xy + wave)
    found = solve_camera(views, CHARUCO)
    assert [item.name for item in found.dropped] == ["view 4"]
    assert "stands out from the median" in found.dropped[0].reason
    without = solve_camera([*views[:4], *views[5:]], CHARUCO)
    np.testing.assert_allclose(found.camera.K, without.camera.K, atol=1e-4)


def test_a_board_found_a_row_too_low_takes_no_other_corner_with_it():
    views = views_of(CHESSBOARD, LENS, 15, noise_px=0.05)
    below = views[6].ids + CHESSBOARD.inner[0] < len(CHESSBOARD.points)
    views[6] = replace(views[6], ids=views[6].ids[below] + CHESSBOARD.inner[0], xy=views[6].xy[below])
    views[6].xy[:, 0] += 1.5 * np.sin(views[6].xy[:, 1] / 30)
    found = solve_camera(views, CHESSBOARD)
    assert [item.name for item in found.dropped] == ["view 6"] and found.dropped_corners <= 1


def test_wrong_corners_are_dropped_and_their_views_stay():
    views = views_of(CHARUCO, LENS, 15, noise_px=0.1)
    for i in (2, 7):
        views[i].xy[3] += (4.0, -3.0)
    found = solve_camera(views, CHARUCO)
    assert found.dropped == [] and found.dropped_corners == 2
    assert [len(found.views[i].ids) for i in (2, 7)] == [len(views[i].ids) - 1 for i in (2, 7)]


def test_some_views_stay_whatever_they_look_like():
    views = views_of(CHARUCO, LENS, FEWEST_VIEWS, noise_px=0.1)
    for view in views[:2]:
        view.xy[:] += 2.0 * np.sin(view.xy[:, ::-1] / 40)
    shots = [Shot(view.name, (view,)) for view in views]
    assert len(settle(first_state(views, CHARUCO, RADTAN), shots, CHARUCO).shots) == FEWEST_VIEWS


def test_the_rule_for_outliers():
    errors = np.array([0.10, 0.11, 0.09, 0.10, 0.12, 0.30])
    assert outliers(errors).tolist() == [False] * 5 + [True]
    assert not outliers(np.array([0.100, 0.101, 0.099, 0.100, 0.101, 0.120])).any()  # far by MAD, but not worth it


def test_boards_held_parallel_leave_the_focal_length_open_and_it_says_so():
    views = views_of(CHESSBOARD, LENS, 12, noise_px=0.1, tilt_rad=1e-6)
    found = solve_camera(views, CHESSBOARD)
    tilted = solve_camera(views_of(CHESSBOARD, LENS, 12, noise_px=0.1), CHESSBOARD)
    assert found.sigmas[0] > 5 * tilted.sigmas[0]
    assert tilted.notes == []
    assert len(found.notes) == 1 and "leave the focal length open by" in found.notes[0]


def test_too_few_views_other_sizes_and_unknown_models_are_one_sentence():
    views = views_of(CHARUCO, LENS, 6)
    with pytest.raises(CalibrationError, match="seen in 4 views; calibrating takes 5"):
        solve_camera(views[:4], CHARUCO)
    other = replace(views[5], image_size=(320, 240))
    with pytest.raises(CalibrationError, match=r"320x240 \(view 5\) and 640x480 \(view 0\)"):
        solve_camera([*views[:5], other], CHARUCO)
    with pytest.raises(CalibrationError, match="--model 'omni' is unknown"):
        solve_camera(views, CHARUCO, "omni")


def test_cameras_that_no_lens_can_be_are_one_sentence():
    with pytest.raises(CalibrationError, match="fit no camera"):
        usable_camera(RADTAN, np.array([500.0, 500.0, 900.0, 240.0, 0, 0, 0, 0]), (640, 480))
    folding = np.array([400.0, 400.0, 320.0, 240.0, -0.9, 0.0, 0.0, 0.0])
    with pytest.raises(CalibrationError, match=r"folds back inside the image.*--model kannala_brandt"):
        usable_camera(RADTAN, folding, (640, 480))
    assert folds_px(LENS) < 0.01
