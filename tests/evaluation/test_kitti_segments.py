"""KITTI's segment errors: by law, and against the devkit's loop written out."""

import numpy as np
import pytest

from slam.evaluation.kitti_segments import LENGTHS_M, kitti_segment_errors
from slam.geometry import exp_se3, invert
from slam.trajectory import Trajectory


def drive(metres_a_frame: float = 1.0, frames: int = 400, yaw_rad_a_frame: float = 0.0) -> Trajectory:
    step = exp_se3(np.array([0, yaw_rad_a_frame, 0, 0, 0, metres_a_frame]))
    poses = [np.eye(4)]
    for _ in range(frames - 1):
        poses.append(poses[-1] @ step)
    return Trajectory(np.arange(frames) * 100_000_000, np.array(poses))


def shaken(path: Trajectory, seed: int) -> Trajectory:
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(path), 6))
    return Trajectory(path.stamps_ns, np.array([T @ exp_se3(xi) for T, xi in zip(path.T_world_cam, noise)]))


def devkit_loop(est: Trajectory, gt: Trajectory) -> tuple[float, float]:
    """Percent and degrees per 100 m, frame by frame as evaluate_odometry.cpp defines them."""
    steps_m = np.linalg.norm(np.diff(gt.T_world_cam[:, :3, 3], axis=0), axis=1)
    path_m = [float(np.sum(steps_m[:i])) for i in range(len(gt))]
    errors = []
    for first in range(0, len(gt), 10):
        for length in LENGTHS_M:
            last = next((i for i in range(first, len(gt)) if path_m[i] > path_m[first] + length), -1)
            if last >= 0:
                errors.append(_end_error(est, gt, first, last) / length)
    return tuple(100 * np.mean(errors, axis=0))


def _end_error(est: Trajectory, gt: Trajectory, first: int, last: int) -> np.ndarray:
    delta_est = invert(est.T_world_cam[first]) @ est.T_world_cam[last]
    error = invert(delta_est) @ invert(gt.T_world_cam[first]) @ gt.T_world_cam[last]
    angle_rad = np.arccos(np.clip((np.trace(error[:3, :3]) - 1) / 2, -1, 1))
    return np.array([np.linalg.norm(error[:3, 3]), np.degrees(angle_rad)])


def test_errors_are_those_of_the_devkits_loop():
    truth = drive(1.13, 500, 0.004)
    est = shaken(truth, seed=3)
    assert kitti_segment_errors(est, truth) == pytest.approx(devkit_loop(est, truth), rel=1e-9)


def test_a_path_two_percent_too_long_is_two_percent_off():
    errors = kitti_segment_errors(drive(1.02), drive(1.0))
    assert errors.t_percent == pytest.approx(2.0, abs=0.03)  # a stretch of 100 m ends at 101 m
    assert errors.r_deg_per_100m == pytest.approx(0.0, abs=1e-6)


def test_a_steady_turn_is_its_degrees_per_hundred_metres():
    turn_rad = np.radians(0.01)
    errors = kitti_segment_errors(drive(1.0, 700, turn_rad), drive(1.0, 700))
    assert errors.r_deg_per_100m == pytest.approx(1.0, rel=0.01)  # a stretch of 100 m ends at 101 m


def test_where_the_estimates_world_lies_changes_nothing():
    truth = drive(1.0, 300, 0.01)
    est = shaken(truth, seed=1)
    elsewhere = Trajectory(est.stamps_ns, exp_se3(np.array([0.4, -1, 2, 30, 20, 10])) @ est.T_world_cam)
    assert kitti_segment_errors(elsewhere, truth) == pytest.approx(kitti_segment_errors(est, truth), rel=1e-9)


def test_a_known_scale_is_taken_out():
    assert kitti_segment_errors(drive(0.5), drive(1.0), scale=2.0).t_percent == pytest.approx(0.0, abs=1e-9)


def test_a_path_below_a_hundred_metres_has_none():
    assert kitti_segment_errors(drive(0.2), drive(0.2)) is None


def test_nothing_tracked_has_none():
    nothing = Trajectory(np.zeros(0, np.int64), np.zeros((0, 4, 4)))
    assert kitti_segment_errors(nothing, drive()) is None


def test_stretches_with_a_missing_end_are_left_out():
    truth = drive(1.0, 130)  # stretches start at 0, 10, 20 and end 101 frames later
    broken = truth.T_world_cam.copy()
    broken[111, 0, 3] += 9.0  # the end of the second
    est = Trajectory(truth.stamps_ns, broken)
    assert kitti_segment_errors(est, truth).t_percent > 2.0
    kept = np.delete(np.arange(130), 111)
    missing = Trajectory(est.stamps_ns[kept], est.T_world_cam[kept])
    assert kitti_segment_errors(missing, truth).t_percent == pytest.approx(0.0, abs=1e-9)
