"""The absolute error, by law."""

import numpy as np
import pytest

from slam.errors import TrajectoryError
from slam.evaluation.ate import ate, moved
from slam.geometry import exp_se3
from slam.trajectory import Trajectory

T_A_B = exp_se3(np.array([0.5, -0.3, 1.9, 3.0, 4.0, -5.0]))


def part(trajectory: Trajectory, index: np.ndarray) -> Trajectory:
    return Trajectory(trajectory.stamps_ns[index], trajectory.T_world_cam[index])


def test_the_same_path_in_another_frame_has_no_error(pair):
    _, gt = pair
    assert ate(moved(gt, T_A_B), gt).rmse < 1e-12  # m


def test_a_wrong_scale_is_an_error_for_se3_and_found_by_sim3(pair):
    _, gt = pair
    half = moved(gt, T_A_B, scale=0.5)
    assert ate(half, gt, "se3").rmse > 0.01  # m
    result = ate(half, gt, "sim3")
    assert result.scale == pytest.approx(2.0, rel=1e-9)
    assert result.rmse < 1e-9  # m


def test_the_aligned_trajectory_has_every_pose_and_lies_on_the_ground_truth(pair):
    _, gt = pair
    result = ate(moved(gt, T_A_B), part(gt, np.arange(0, 300)))
    assert len(result.aligned) == len(gt)
    assert result.n == 300
    np.testing.assert_allclose(result.aligned.T_world_cam, gt.T_world_cam, atol=1e-9)


def test_the_percentage_is_of_the_true_path(pair):
    est, gt = pair
    result = ate(est, gt, "sim3")
    assert result.percent == pytest.approx(100 * result.rmse / result.path_length_m)


def test_no_common_stamps_is_one_error_with_both_ranges(pair):
    est, gt = pair
    later = Trajectory(gt.stamps_ns + 10**12, gt.T_world_cam)
    with pytest.raises(TrajectoryError, match=r"no stamps .*estimate 1\d{9}\.\d{3} to .* ground truth 1700001000"):
        ate(est, later)


def test_two_pairs_are_too_few_to_align(pair):
    _, gt = pair
    with pytest.raises(TrajectoryError, match="only 2 stamps"):
        ate(part(gt, np.array([4, 9])), gt)


def test_an_empty_estimate_is_named(pair):
    _, gt = pair
    with pytest.raises(TrajectoryError, match="estimate has no poses"):
        ate(part(gt, np.zeros(0, np.int64)), gt)


def test_an_unknown_alignment_is_refused(pair):
    with pytest.raises(TrajectoryError, match="use none, origin, se3 or sim3"):
        ate(*pair, align="affine")
