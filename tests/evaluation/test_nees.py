"""NEES: right where errors are drawn from the covariances, above the bounds where those promise too much."""

import json

import numpy as np
import pytest

from slam.errors import TrajectoryError
from slam.evaluation.nees import KnownPoses, bounds, consistency, known_poses, nees
from slam.geometry import exp_se3
from slam.trajectory import Trajectory

RNG = np.random.default_rng(11)
COUNT = 400
STAMPS = np.arange(COUNT, dtype=np.int64) * 40_000_000
TRUE = np.stack([exp_se3(RNG.normal(0, 0.5, 6)) for _ in range(COUNT)])
ROOT = RNG.normal(0, 1e-3, (6, 6))


def drawn(promised=1.0):
    """Poses off the truth by errors of one covariance, and that covariance times ``promised``."""
    poses = np.stack([T @ exp_se3(ROOT @ RNG.normal(size=6)) for T in TRUE])
    return KnownPoses(STAMPS, poses, np.tile(promised * ROOT @ ROOT.T, (COUNT, 1, 1)))


def test_errors_drawn_from_their_covariances_give_six_on_average():
    stamps_ns, values = nees(drawn(), Trajectory(STAMPS, TRUE), np.eye(4))
    low, high = bounds(COUNT, 0.999)
    assert low < values.mean() < high
    np.testing.assert_array_equal(stamps_ns, STAMPS)


def test_covariances_four_times_too_small_show():
    _, values = nees(drawn(promised=0.25), Trajectory(STAMPS, TRUE), np.eye(4))
    assert values.mean() == pytest.approx(24.0, rel=0.15)


def test_the_place_of_the_world_is_no_error():
    T_truth_world = exp_se3(np.array([0.4, -1.0, 0.3, 5.0, -2.0, 1.0]))
    known = drawn()
    _, here = nees(known, Trajectory(STAMPS, TRUE), np.eye(4))
    _, there = nees(known, Trajectory(STAMPS, T_truth_world @ TRUE), T_truth_world)
    np.testing.assert_allclose(here, there, rtol=1e-4)


def test_the_bounds_hold_what_they_say():
    low, high = bounds(10)
    means = RNG.chisquare(6, (20_000, 10)).mean(1)
    assert np.mean((means >= low) & (means <= high)) == pytest.approx(0.95, abs=0.01)


def test_runs_are_compared_moment_by_moment():
    runs = [RNG.chisquare(6, 500) for _ in range(12)]
    right, bold = consistency(runs), consistency([3.0 * run for run in runs])
    assert right.runs == 12 and right.moments == 500 and right.mean == pytest.approx(6.0, rel=0.05)
    assert right.within == pytest.approx(0.95, abs=0.03) and right.above < 0.06
    assert bold.above > 0.95 and bold.within < 0.05
    shorter = consistency([runs[0], runs[1][:200]])
    assert shorter.moments == 200


def test_what_a_run_recorded_is_read_and_poses_without_a_covariance_are_left_out(tmp_path):
    covariance = ROOT @ ROOT.T
    upper = covariance[np.triu_indices(6)].tolist()
    records = [{"stamp_ns": int(s), "covariance": upper if s else [0.0] * 21} for s in STAMPS[:4]]
    records[2]["covariance"] = None
    health = tmp_path / "health.jsonl"
    health.write_text("".join(json.dumps(record) + "\n" for record in records))
    known = known_poses(Trajectory(STAMPS[:4], TRUE[:4]), health)
    np.testing.assert_array_equal(known.stamps_ns, STAMPS[[1, 3]])
    np.testing.assert_allclose(known.covariances, np.stack([covariance] * 2))
    with pytest.raises(TrajectoryError, match="gives no covariance"):
        known_poses(Trajectory(STAMPS[:1], TRUE[:1]), health)
