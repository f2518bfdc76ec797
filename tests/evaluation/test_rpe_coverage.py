"""Drift and coverage, by law."""

import numpy as np
import pytest

from slam.errors import TrajectoryError
from slam.evaluation.ate import moved
from slam.evaluation.coverage import coverage
from slam.evaluation.rpe import rpe, rpe_per_second
from slam.geometry import exp_se3
from slam.trajectory import Trajectory


def straight(speed_m_s: float, n: int = 90, rate_hz: float = 30.0) -> Trajectory:
    time_s = np.arange(n) / rate_hz
    poses = np.tile(np.eye(4), (n, 1, 1))
    poses[:, 2, 3] = speed_m_s * time_s
    return Trajectory(np.round(time_s * 1e9).astype(np.int64), poses)


def test_a_steady_drift_is_its_speed_in_metres_per_second():
    result = rpe_per_second(straight(1.1), straight(1.0))
    assert result.translation_m.rmse == pytest.approx(0.1, abs=1e-6)  # m
    assert result.rotation_deg.max < 1e-6


def test_the_frame_of_the_estimate_does_not_matter(pair):
    est, gt = pair
    other = moved(est, exp_se3(np.array([1.0, 0.2, -0.3, 5.0, 6.0, 7.0])))
    assert rpe(other, gt).translation_m.rmse == pytest.approx(rpe(est, gt).translation_m.rmse, rel=1e-9)


def test_less_than_a_second_has_no_drift_per_second():
    assert rpe_per_second(straight(1.0, n=20), straight(1.0, n=20)) is None


def test_a_delta_longer_than_the_recording_is_one_clear_error():
    with pytest.raises(TrajectoryError, match="no two of the 20 associated poses are 50 frames apart"):
        rpe(straight(1.0, n=20), straight(1.0, n=20), delta_frames=50)


def test_skipped_frames_count_as_missed():
    covered = coverage([2, 3, 5, 6, 7], 10)
    assert covered.of_all == 0.5
    assert covered.after_initialisation == 5 / 8


def test_nothing_tracked_is_no_coverage():
    assert (coverage([], 10).of_all, coverage([], 10).after_initialisation, coverage([], 0).of_all) == (0.0, 0.0, 0.0)
