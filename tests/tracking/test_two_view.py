"""Relative pose: right on a deep scene, honest on a flat one."""

import numpy as np
import pytest
from synthetic_world import CAMERA, START, make_world, plane_world

from slam.geometry import apply, exp_se3, inside, invert, rotation_angle_rad, transform
from slam.tracking.two_view import _rivals, relative_pose, rotation_residual_px

MOTION = exp_se3(np.array([0.03, -0.08, 0.02, 0.35, 0.10, 0.15]))  # T_a_b


def matched(world, T_a_b, noise_px=0.0, T_world_a=START, seed=0):
    """Pixels of the points that both views see."""
    views = [CAMERA.project(apply(invert(T), world.points_world)) for T in (T_world_a, T_world_a @ T_a_b)]
    both = inside(views[0], CAMERA.image_size) & inside(views[1], CAMERA.image_size)
    rng = np.random.default_rng(seed)
    return [xy[both] + rng.normal(0, noise_px, (both.sum(), 2)) for xy in views]


def off_by_deg(T_a_b, truth):
    """Angles of rotation and direction from the truth."""
    turned = rotation_angle_rad(truth[:3, :3].T @ T_a_b[:3, :3])
    cos = T_a_b[:3, 3] @ truth[:3, 3] / np.linalg.norm(T_a_b[:3, 3]) / np.linalg.norm(truth[:3, 3])
    return np.rad2deg(turned), np.rad2deg(np.arccos(np.clip(cos, -1, 1)))


@pytest.mark.parametrize(("noise_px", "turned_deg", "aside_deg"), [(0.0, 0.001, 0.01), (0.5, 0.2, 2.0)])
def test_the_motion_between_two_views_of_a_room_is_found(noise_px, turned_deg, aside_deg):
    T_a_b, reason = relative_pose(CAMERA, *matched(make_world(), MOTION, noise_px))
    assert reason == ""
    assert np.linalg.norm(T_a_b[:3, 3]) == pytest.approx(1.0)
    turned, aside = off_by_deg(T_a_b, MOTION)
    assert turned < turned_deg and aside < aside_deg


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_wrong_matches_do_not_change_the_motion(share, seed):
    xy_a, xy_b = matched(make_world(seed=seed), MOTION, noise_px=0.3)
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(xy_a))[: int(share * len(xy_a))]
    xy_b[wrong] = rng.uniform((0, 0), (639, 479), (len(wrong), 2))
    turned, aside = off_by_deg(relative_pose(CAMERA, xy_a, xy_b)[0], MOTION)
    assert turned < 0.2 and aside < 2.0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("length_m", [0.02, 0.05, 0.1])
def test_a_flat_wall_with_little_parallax_is_ambiguous_or_right(seed, length_m):
    towards = np.random.default_rng(seed).normal(size=3)
    T_a_b = transform(exp_se3(np.r_[0.02, -0.03, 0.01, 0, 0, 0])[:3, :3], length_m * towards / np.linalg.norm(towards))
    tilted = exp_se3(np.array([0.2, 0.3, 0.0, 0.3, 0.0, 0.0]))
    found, reason = relative_pose(CAMERA, *matched(plane_world(), T_a_b, 0.3, tilted, seed))
    if found is None:
        assert reason
    else:
        assert off_by_deg(found, T_a_b)[1] < 30.0


def test_a_flat_wall_seen_from_far_apart_is_right_or_ambiguous_too():
    tilted = exp_se3(np.array([0.2, 0.3, 0.0, 0.3, 0.0, 0.0]))
    found, reason = relative_pose(CAMERA, *matched(plane_world(), MOTION, 0.3, tilted))
    assert reason if found is None else off_by_deg(found, MOTION)[1] < 5.0


def test_random_matches_have_no_relative_pose():
    rng = np.random.default_rng(0)
    T_a_b, reason = relative_pose(CAMERA, *(rng.uniform((0, 0), (639, 479), (100, 2)) for _ in range(2)))
    assert T_a_b is None and reason


def test_a_pure_rotation_leaves_no_residual():
    turn = exp_se3(np.array([0.1, -0.15, 0.2, 0, 0, 0]))
    assert rotation_residual_px(CAMERA, *matched(make_world(), turn)) < 1e-6
    assert rotation_residual_px(CAMERA, *matched(make_world(), turn, noise_px=0.5)) < 1.0


def test_a_translation_leaves_a_residual_that_grows_with_it():
    residuals = [
        rotation_residual_px(CAMERA, *matched(make_world(), MOTION @ transform(np.eye(3), [x, 0, 0])))
        for x in (0.0, 0.2, 0.4)
    ]
    assert 5.0 < residuals[0] < residuals[1] < residuals[2]


def test_wrong_matches_do_not_hide_that_a_camera_only_turned():
    turn = exp_se3(np.array([0.1, -0.15, 0.2, 0, 0, 0]))
    xy_a, xy_b = matched(make_world(), turn, noise_px=0.3)
    xy_b[::5] = np.random.default_rng(1).uniform((0, 0), (639, 479), xy_b[::5].shape)
    assert rotation_residual_px(CAMERA, xy_a, xy_b) < 1.0


def test_a_rival_counts_only_when_it_moves_another_way_and_costs_little_more():
    here, near, away = np.eye(4), np.eye(4), np.eye(4)
    here[:3, 3], near[:3, 3], away[:3, 3] = (1, 0, 0), (np.cos(0.2), np.sin(0.2), 0), (0, 1, 0)
    best = (1.0, here)
    assert _rivals(best, [best]) == []
    assert _rivals(best, [best, (1.01, near)]) == []
    assert _rivals(best, [best, (2.0, away)]) == []
    assert _rivals(best, [best, (1.1, away)]) == [away]
