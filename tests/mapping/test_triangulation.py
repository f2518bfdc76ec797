"""Two-view landmarks: right where the views are good, refused where they are not."""

import numpy as np
from synthetic_world import CAMERA

from slam.geometry import apply, exp_se3, invert, transform
from slam.mapping.triangulation import epipolar_error_px, triangulate_checked

T_WORLD_A = exp_se3(np.array([0.2, -0.1, 0.3, 1.0, -0.5, 0.4]))
T_WORLD_B = T_WORLD_A @ exp_se3(np.array([0.02, -0.05, 0.03, 0.5, 0.1, 0.1]))


def seen_points(count=40, depth_m=4.0):
    rng = np.random.default_rng(0)
    points_world = apply(T_WORLD_A, rng.uniform([-1, -1, depth_m], [1, 1, 1.5 * depth_m], (count, 3)))
    return points_world, *(CAMERA.project(apply(invert(T), points_world)) for T in (T_WORLD_A, T_WORLD_B))


def checked(xy_a, xy_b, T_world_b=T_WORLD_B, min_parallax_deg=1.0, max_reprojection_px=2.0):
    return triangulate_checked(CAMERA, T_WORLD_A, T_world_b, xy_a, xy_b, min_parallax_deg, max_reprojection_px)


def test_points_come_out_where_they_are():
    points_world, xy_a, xy_b = seen_points()
    found, good = checked(xy_a, xy_b)
    assert good.all()
    np.testing.assert_allclose(found, points_world, atol=1e-9)  # m


def test_points_with_too_little_parallax_are_refused():
    _, xy_a, xy_b = seen_points(depth_m=60.0)  # 0.5 m of baseline: less than half a degree
    assert not checked(xy_a, xy_b)[1].any()
    assert checked(xy_a, xy_b, min_parallax_deg=0.1)[1].all()


def test_a_match_off_the_epipolar_line_is_refused():
    _, xy_a, xy_b = seen_points()
    xy_b[:5, 1] += 8.0  # px
    _, good = checked(xy_a, xy_b)
    assert good.tolist() == [False] * 5 + [True] * 35


def test_points_behind_the_cameras_are_refused():
    _, xy_a, xy_b = seen_points()
    T_world_wrong = T_WORLD_A @ transform(np.eye(3), [-0.5, 0.0, 0.0])  # the other way: rays meet behind
    T_world_right = T_WORLD_A @ transform(np.eye(3), [0.5, 0.0, 0.0])
    xy_b = CAMERA.project(apply(invert(T_world_right), seen_points()[0]))
    assert checked(xy_a, xy_b, T_world_right)[1].all()
    assert not checked(xy_a, xy_b, T_world_wrong, max_reprojection_px=1e9)[1].any()


def test_parallel_rays_are_refused_without_a_warning():
    xy = np.array([[322.0, 238.0]])
    with np.errstate(all="raise"):
        found, good = checked(xy, xy, T_WORLD_A @ transform(np.eye(3), [0.5, 0, 0]))
    assert np.isfinite(found).all() and not good.any()


def test_no_matches_give_no_points():
    found, good = checked(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    assert found.shape == (0, 3) and good.shape == (0,)


def test_true_matches_lie_on_their_epipolar_lines():
    _, xy_a, xy_b = seen_points()
    np.testing.assert_allclose(epipolar_error_px(CAMERA, T_WORLD_A, T_WORLD_B, xy_a, xy_b), 0.0, atol=1e-9)


def test_the_epipolar_error_shares_an_offset_between_both_views():
    T_world_b = T_WORLD_A @ transform(np.eye(3), [0.5, 0.0, 0.0])  # rows are epipolar lines
    _, xy_a, _ = seen_points()
    error_px = epipolar_error_px(CAMERA, T_WORLD_A, T_world_b, xy_a, np.add(xy_a, (-9.0, 2.0)))
    np.testing.assert_allclose(error_px, 2.0 / np.sqrt(2), rtol=0.01)  # fx and fy differ by 1 %


def test_noise_of_half_a_pixel_moves_points_by_centimetres():
    points_world, xy_a, xy_b = seen_points()
    rng = np.random.default_rng(1)
    found, good = checked(xy_a + rng.normal(0, 0.5, xy_a.shape), xy_b + rng.normal(0, 0.5, xy_b.shape))
    error_m = np.linalg.norm(found - points_world, axis=1)
    assert good.mean() > 0.9
    assert np.median(error_m[good]) < 0.08  # depth^2 / (baseline * fx) * 0.7 px, at 5 m and 0.5 m of baseline
