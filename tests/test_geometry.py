"""Geometry by law, starting away from identity."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from slam import geometry
from slam.geometry import apply, exp_se3, invert, transform, umeyama

T_A_B = exp_se3(np.array([0.3, -0.8, 0.5, 1.0, -2.0, 0.7]))
T_B_C = exp_se3(np.array([-1.1, 0.2, 0.4, -0.3, 0.9, 2.0]))


def points(count=30, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, (count, 3))


def test_inner_names_cancel():
    points_c = points()
    np.testing.assert_allclose(apply(T_A_B @ T_B_C, points_c), apply(T_A_B, apply(T_B_C, points_c)), atol=1e-12)


def test_the_inverse_inverts():
    np.testing.assert_allclose(invert(T_A_B) @ T_A_B, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(invert(T_A_B @ T_B_C), invert(T_B_C) @ invert(T_A_B), atol=1e-12)


def test_a_stack_of_transforms_inverts_one_by_one():
    stack = np.stack([T_A_B, T_B_C])
    np.testing.assert_array_equal(invert(stack), np.stack([invert(T_A_B), invert(T_B_C)]))


def test_a_transform_takes_the_origin_as_row_or_column():
    rotation, origin = T_A_B[:3, :3], T_A_B[:3, 3]
    np.testing.assert_array_equal(transform(rotation, origin), T_A_B)
    np.testing.assert_array_equal(transform(rotation, origin[:, None]), T_A_B)


def test_exp_agrees_with_small_steps_multiplied():
    xi = np.array([0.4, -0.9, 0.3, 1.0, 0.5, -2.0])
    steps = np.linalg.matrix_power(exp_se3(xi / 1024), 1024)
    np.testing.assert_allclose(exp_se3(xi), steps, atol=1e-10)


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-9, 1e-7, 1e-4])
def test_exp_of_a_small_twist_is_one_plus_the_twist(size):
    xi = size * np.array([1.0, -2.0, 0.5, 3.0, 1.0, -1.0])
    first_order = np.eye(4)
    first_order[:3, :3] += geometry.skew(xi[:3])
    first_order[:3, 3] = xi[3:]
    np.testing.assert_allclose(exp_se3(xi), first_order, atol=10 * size**2 + 1e-15)


def test_skew_is_the_cross_product():
    v, w = np.array([0.3, -1.0, 2.0]), np.array([4.0, 0.5, -0.2])
    np.testing.assert_allclose(geometry.skew(v) @ w, np.cross(v, w), atol=1e-15)


def test_the_angle_of_a_rotation_is_its_vectors_length():
    rotation = Rotation.from_rotvec([0.3, -0.4, 1.2]).as_matrix()
    assert geometry.rotation_angle_rad(rotation) == pytest.approx(1.3, abs=1e-12)


def test_quaternions_make_the_round_trip():
    quat_xyzw = geometry.quat_xyzw_from_rotation(T_A_B[:3, :3])
    assert quat_xyzw[3] >= 0
    np.testing.assert_allclose(geometry.transform_from_quat_xyzw(T_A_B[:3, 3], -2.0 * quat_xyzw), T_A_B, atol=1e-12)


def test_triangulation_undoes_projection():
    points_world = np.add(points(), (0, 0, 8))
    T_world_cam_b = exp_se3(np.array([0.05, -0.1, 0.02, 0.6, -0.2, 0.3]))
    rays = [seen / seen[:, 2:] for seen in (apply(invert(T), points_world) for T in (T_A_B @ T_B_C, T_world_cam_b))]
    found = geometry.triangulate(T_A_B @ T_B_C, T_world_cam_b, *rays)
    np.testing.assert_allclose(found, points_world, atol=1e-9)  # m


def test_parallel_rays_meet_nowhere():
    T_world_cam_b = transform(np.eye(3), [0.5, 0.0, 0.0])
    ray = np.array([[0.0, 0.0, 1.0]])
    assert np.isnan(geometry.triangulate(np.eye(4), T_world_cam_b, ray, ray)).all()
    assert geometry.triangulate(np.eye(4), T_world_cam_b, ray[:0], ray[:0]).shape == (0, 3)


def test_parallax_of_an_equilateral_triangle_is_60_degrees():
    apex = np.array([[0.5, 0.0, np.sqrt(3) / 2]])
    angle_rad = geometry.parallax_rad(apex, np.zeros(3), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(np.rad2deg(angle_rad), [60.0], atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 0.2, 7.5])
def test_umeyama_recovers_a_known_similarity(scale):
    points_b = points()
    found_scale, found = umeyama(scale * points_b @ T_A_B[:3, :3].T + T_A_B[:3, 3], points_b, with_scale=True)
    assert found_scale == pytest.approx(scale, rel=1e-12)
    np.testing.assert_allclose(found, T_A_B, atol=1e-12)


def test_umeyama_without_scale_keeps_lengths_and_never_mirrors():
    points_b = points()
    scale, found = umeyama(points_b * (1.0, 1.0, -1.0), points_b, with_scale=False)
    assert scale == 1.0
    assert np.linalg.det(found[:3, :3]) == pytest.approx(1.0, abs=1e-12)


def test_umeyama_of_points_on_a_line_is_still_a_rigid_motion():
    points_b = np.linspace(0, 1, 9)[:, None] * (1.0, 2.0, -0.5)
    scale, found = umeyama(apply(T_A_B, points_b), points_b, with_scale=True)
    assert scale == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(apply(found, points_b), apply(T_A_B, points_b), atol=1e-9)  # m
    assert np.linalg.det(found[:3, :3]) == pytest.approx(1.0, abs=1e-9)


def test_the_corner_pixels_are_inside_and_the_next_are_not():
    corners = np.array([[0.0, 0.0], [639.0, 479.0], [639.1, 10.0], [10.0, -0.1], [np.nan, 3.0]])
    assert geometry.inside(corners, (640, 480)).tolist() == [True, True, False, False, False]
    assert geometry.inside(corners, (640, 480), margin_px=1.0).tolist() == [False] * 5
    assert geometry.inside(corners, (640, 480), margin_px=-1.0).tolist() == [True, True, True, True, False]
