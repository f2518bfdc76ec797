"""The pose of a frame: exact without noise, robust with it, and its jacobian is the derivative."""

import numpy as np
import pytest
from synthetic_world import CAMERA, RIG

from slam.geometry import apply, exp_se3, invert, rotation_angle_rad
from slam.tracking.pose import PointMeasurements, _whitened, errors_px, refine_pose, solve_pnp

T_WORLD_CAM = exp_se3(np.array([0.3, -0.5, 0.2, 1.0, -0.4, 0.7]))
OFF = exp_se3(np.array([0.03, -0.035, 0.025, 0.03, -0.03, 0.025]))  # 3 deg, 5 cm


def seen_points(count=80, noise_px=0.0, depth=True, seed=0):
    rng = np.random.default_rng(seed)
    points_cam = rng.uniform([-1.2, -0.9, 2.0], [1.2, 0.9, 6.0], (count, 3))
    xy = CAMERA.project(points_cam) + rng.normal(0, noise_px, (count, 2))
    disparity_px = RIG.baseline_m * CAMERA.fx / points_cam[:, 2] + rng.normal(0, noise_px, count)
    right_x = xy[:, 0] - disparity_px if depth else np.full(count, np.nan)
    return PointMeasurements(apply(T_WORLD_CAM, points_cam), xy, right_x, np.ones(count))


def with_outliers(seen, share, seed=1):
    """The same with wrong pixels for a share of the points."""
    rng = np.random.default_rng(seed)
    xy, wrong = seen.xy.copy(), rng.permutation(len(seen))[: int(share * len(seen))]
    xy[wrong] = rng.uniform((0, 0), (640, 480), (len(wrong), 2))
    right_x = seen.right_x + (xy - seen.xy)[:, 0]
    return PointMeasurements(seen.points_world, xy, right_x, seen.sigma_disparity_px), wrong


def refined(seen, T_world_cam_guess):
    return refine_pose(CAMERA, RIG.baseline_m, seen, T_world_cam_guess, sigma_px=1.0)


def off_by(T_world_cam):
    """Metres and degrees from the truth."""
    T_error = invert(T_WORLD_CAM) @ T_world_cam
    return np.linalg.norm(T_error[:3, 3]), np.rad2deg(rotation_angle_rad(T_error[:3, :3]))


@pytest.mark.parametrize("depth", [True, False])
def test_refinement_finds_the_pose_from_5_cm_and_3_degrees_off(depth):
    T_world_cam, _ = refined(seen_points(depth=depth), T_WORLD_CAM @ OFF)
    distance_m, angle_deg = off_by(T_world_cam)
    assert distance_m < 1e-4 and angle_deg < 1e-3


def test_the_jacobian_is_the_derivative_of_the_residuals():
    seen = seen_points(count=20, noise_px=1.0)
    right_x = seen.right_x.copy()
    right_x[::3] = np.nan
    seen = PointMeasurements(seen.points_world, seen.xy, right_x, np.full(20, 0.7))

    def residuals(xi):
        points_cam = apply(invert(T_WORLD_CAM @ OFF @ exp_se3(xi)), seen.points_world)
        return _whitened(CAMERA, RIG.baseline_m, seen, points_cam, sigma_px=1.3)[0]

    points_cam = apply(invert(T_WORLD_CAM @ OFF), seen.points_world)
    _, jacobians = _whitened(CAMERA, RIG.baseline_m, seen, points_cam, sigma_px=1.3)
    step = 1e-6
    numeric = [(residuals(step * axis) - residuals(-step * axis)) / (2 * step) for axis in np.eye(6)]
    np.testing.assert_allclose(jacobians, np.stack(numeric), rtol=1e-6, atol=1e-4)  # px per rad or m


def test_points_behind_the_camera_have_no_say():
    seen = seen_points()
    points_world = seen.points_world.copy()
    points_world[:10] = apply(T_WORLD_CAM, np.array([[0.1, 0.1, -2.0]]))
    seen = PointMeasurements(points_world, seen.xy, seen.right_x, seen.sigma_disparity_px)
    T_world_cam, information = refined(seen, T_WORLD_CAM @ OFF)
    assert off_by(T_world_cam)[0] < 1e-4
    assert np.isfinite(information).all()


def test_a_third_of_wrong_matches_is_sorted_out_by_pnp_and_outvoted_by_cauchy():
    seen, wrong = with_outliers(seen_points(count=120, noise_px=0.3), share=0.3)
    T_world_cam, inliers = solve_pnp(CAMERA, seen, threshold_px=4.0)
    assert inliers.sum() > 75 and not inliers[wrong].all()
    T_world_cam, _ = refined(seen, T_world_cam)  # all of them, the wrong ones too
    distance_m, angle_deg = off_by(T_world_cam)
    assert distance_m < 0.005 and angle_deg < 0.1


def test_disparities_fix_the_depth_of_a_narrow_bundle_of_points():
    rng = np.random.default_rng(0)
    points_cam = rng.uniform([-0.1, -0.1, 3.9], [0.1, 0.1, 4.1], (40, 3))
    xy = CAMERA.project(points_cam) + rng.normal(0, 0.5, (40, 2))
    right_x = xy[:, 0] - RIG.baseline_m * CAMERA.fx / points_cam[:, 2]
    points_world, sigma_px = apply(T_WORLD_CAM, points_cam), np.full(40, 0.1)
    errors_m = []
    for measured in (right_x, np.full(40, np.nan)):
        T_world_cam, _ = refined(PointMeasurements(points_world, xy, measured, sigma_px), T_WORLD_CAM)
        errors_m.append(abs((invert(T_WORLD_CAM) @ T_world_cam)[2, 3]))
    assert errors_m[0] < 0.005 < errors_m[1]


def test_the_information_says_how_far_noise_moves_the_pose():
    moves, informations = [], []
    for seed in range(60):
        T_world_cam, information = refined(seen_points(noise_px=1.0, seed=seed), T_WORLD_CAM)
        T_error = invert(T_WORLD_CAM) @ T_world_cam
        moves.append(T_error[:3, 3])
        informations.append(np.linalg.inv(information)[3:, 3:])
    predicted = np.sqrt(np.mean([np.trace(c) for c in informations]))
    assert np.sqrt(np.mean(np.sum(np.square(moves), 1))) == pytest.approx(predicted, rel=0.4)


@pytest.mark.parametrize("count", [0, 3])
def test_fewer_than_four_points_give_no_pose(count):
    chosen = np.arange(80) < count
    assert solve_pnp(CAMERA, seen_points().subset(chosen), 4.0) is None


def test_random_pixels_give_no_pose_that_many_points_support():
    seen, _ = with_outliers(seen_points(), share=1.0)
    solved = solve_pnp(CAMERA, seen, threshold_px=4.0)
    assert solved is None or solved[1].sum() < 12


def test_the_pose_of_pnp_is_a_rigid_motion_from_camera_to_world():
    T_world_cam, inliers = solve_pnp(CAMERA, seen_points(), threshold_px=4.0)
    assert inliers.all()
    np.testing.assert_allclose(T_world_cam, T_WORLD_CAM, atol=1e-6)


def test_errors_are_distances_in_pixels():
    seen = seen_points()
    shifted = PointMeasurements(seen.points_world, np.add(seen.xy, (3.0, 4.0)), seen.right_x, seen.sigma_disparity_px)
    distance_px, disparity_px = errors_px(CAMERA, RIG.baseline_m, T_WORLD_CAM, shifted)
    np.testing.assert_allclose(distance_px, 5.0, atol=1e-9)
    np.testing.assert_allclose(disparity_px, -3.0, atol=1e-9)
    turned_back = T_WORLD_CAM @ np.diag([-1.0, 1, -1, 1])
    assert np.isinf(errors_px(CAMERA, RIG.baseline_m, turned_back, seen)[0]).all()
    np.testing.assert_array_equal(errors_px(CAMERA, RIG.baseline_m, T_WORLD_CAM, seen_points(depth=False))[1], 0.0)
