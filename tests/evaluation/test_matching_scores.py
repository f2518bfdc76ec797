"""The measures of matching, by hand and by law."""

import math

import numpy as np
import pytest

from slam.evaluation.matching_scores import (
    corner_error_px,
    dlt_homography,
    kept_at_recall,
    pose_error_deg,
    possible_matches,
    ransac_homography,
    recall_auc,
    relative_pose,
)
from slam.geometry import apply, exp_se3

H_B_A = np.array([[0.9, -0.2, 30.0], [0.15, 1.1, -12.0], [1e-4, -2e-4, 1.0]])
SIZE = (640, 480)


def carried(xy):
    h = np.column_stack([xy, np.ones(len(xy))]) @ H_B_A.T
    return (h[:, :2] / h[:, 2:]).astype(np.float32)


def points(count, seed):
    return np.random.default_rng(seed).uniform((0, 0), SIZE, (count, 2)).astype(np.float32)


# --- area under the recall curve ---


def test_the_area_of_one_error_is_a_triangle_and_a_rectangle():
    assert recall_auc([2.0], 5.0) == pytest.approx((2 * 1 / 2 + 3 * 1) / 5)


def test_the_area_of_three_errors_is_the_one_computed_by_hand():
    # (0, 0) (1, 1/3) (3, 2/3), flat to 5: 1/6 + 2 * 1/2 + 2 * 2/3 = 2.5
    assert recall_auc([3.0, 8.0, 1.0], 5.0) == pytest.approx(2.5 / 5)


def test_estimates_that_failed_count_as_never_found():
    assert recall_auc([math.inf, math.inf], 5.0) == 0.0
    assert recall_auc([0.0, math.inf], 10.0) == pytest.approx(0.5)
    assert math.isnan(recall_auc([], 5.0))


# --- homographies ---


@pytest.mark.parametrize("estimate", [dlt_homography, ransac_homography])
def test_exact_matches_give_the_homography_back(estimate):
    xy = points(40, 1)
    assert corner_error_px(estimate(xy, carried(xy)), H_B_A, SIZE) < 0.01  # px


def test_a_wrong_match_spoils_the_linear_fit_and_not_the_robust_one():
    xy = points(40, 2)
    there = carried(xy)
    there[:4] += 100
    assert corner_error_px(dlt_homography(xy, there), H_B_A, SIZE) > 5.0  # px
    assert corner_error_px(ransac_homography(xy, there), H_B_A, SIZE) < 0.5  # px


def test_the_corner_error_of_a_shift_is_the_shift():
    shift = np.array([[1, 0, 3.0], [0, 1, 4.0], [0, 0, 1]])
    assert corner_error_px(shift, np.eye(3), SIZE) == pytest.approx(5.0)


def test_three_matches_are_no_homography():
    xy = points(3, 3)
    assert dlt_homography(xy, xy) is None and ransac_homography(xy, xy) is None
    assert corner_error_px(None, H_B_A, SIZE) == math.inf


# --- poses ---


def rays_of(points_cam):
    return points_cam / points_cam[:, 2:]


def test_the_pose_of_a_known_pair_is_found():
    T_b_a = exp_se3(np.array([0.05, -0.1, 0.02, 0.3, -0.1, 0.05]))
    points_a = np.random.default_rng(4).uniform((-1, -1, 2), (1, 1, 5), (60, 3))
    found = relative_pose(rays_of(points_a), rays_of(apply(T_b_a, points_a)), 500.0)
    assert pose_error_deg(found, T_b_a) < 0.01  # degrees


def test_the_pose_error_is_the_larger_angle():
    T_b_a = exp_se3(np.array([0, 0, 0, 1.0, 0, 0]))
    turned = exp_se3(np.array([0, 0, np.radians(3.0), 0, 0, 0]))
    turned[:3, 3] = [np.cos(np.radians(7)), np.sin(np.radians(7)), 0]
    assert pose_error_deg(turned, T_b_a) == pytest.approx(7.0)
    turned[:3, 3] *= -1
    assert pose_error_deg(turned, T_b_a) == pytest.approx(7.0)


def test_a_camera_that_hardly_moves_is_judged_by_its_rotation():
    T_b_a = exp_se3(np.array([0, 0, 0, 0.01, 0, 0]))
    assert pose_error_deg(exp_se3(np.array([0, 0, np.radians(2), 0, 1, 0])), T_b_a) == pytest.approx(2.0)


def test_five_matches_are_no_pose():
    rays = np.ones((5, 3))
    assert pose_error_deg(relative_pose(rays, rays, 500.0), np.eye(4)) == math.inf


# --- false matches and recall ---


def test_two_points_cannot_have_the_same_partner():
    a_in_b = np.array([[12.5, 10.0], [11.5, 10.0], [51.0, 50.0], [np.nan, np.nan]])
    xy_b = np.float32([[12, 10], [53, 50], [300, 300]])
    assert possible_matches(a_in_b, xy_b, 3.0) == 2
    assert possible_matches(a_in_b, xy_b, 1.0) == 1
    assert possible_matches(a_in_b[:0], xy_b, 3.0) == 0


def test_the_least_confident_matches_leave_down_to_the_recall_asked_for():
    confidence, right = np.float32([0.8, 0.9, 0.7, 0.6, 0.5]), np.array([False, True, True, False, True])
    np.testing.assert_array_equal(kept_at_recall(confidence, right, 4, 0.25), [False, True, False, False, False])
    np.testing.assert_array_equal(kept_at_recall(confidence, right, 4, 0.5), [True, True, True, False, False])
    assert kept_at_recall(confidence, right, 4, 0.75).all()
    assert kept_at_recall(confidence, right, 4, 1.0) is None
    assert not kept_at_recall(confidence, right, 4, 0.0).any()
