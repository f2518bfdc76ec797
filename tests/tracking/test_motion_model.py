"""Constant velocity: exact when the velocity is constant, careful when it is not known."""

import numpy as np
import pytest

from slam.geometry import exp_se3, invert
from slam.tracking.motion import LEAST_SIGMA_PX, UNKNOWN_SIGMA_PX, MotionModel

START = exp_se3(np.array([0.4, 0.1, -0.3, 1.0, 2.0, 3.0]))
STEP = exp_se3(np.array([0.02, -0.05, 0.01, 0.1, 0.0, 0.05]))
FRAME_NS = 33_000_000
LATE_NS = 1_403_715_285_262_142_976


def moving(first_ns=LATE_NS):
    """A model that saw two poses."""
    motion = MotionModel()
    motion.update(first_ns, START)
    motion.update(first_ns + FRAME_NS, START @ STEP)
    return motion


def test_nothing_is_predicted_before_the_first_pose():
    assert MotionModel().predict(0) is None


def test_one_pose_predicts_itself():
    motion = MotionModel()
    motion.update(LATE_NS, START)
    np.testing.assert_array_equal(motion.predict(LATE_NS + FRAME_NS), START)


def test_a_constant_twist_is_predicted_exactly():
    motion, T_world_cam = moving(), START @ STEP
    for i in range(2, 6):
        T_world_cam = T_world_cam @ STEP
        np.testing.assert_allclose(motion.predict(LATE_NS + i * FRAME_NS), T_world_cam, atol=1e-12)
        motion.update(LATE_NS + i * FRAME_NS, T_world_cam)


def test_a_dropped_frame_means_twice_the_motion():
    predicted = moving().predict(LATE_NS + 3 * FRAME_NS)
    np.testing.assert_allclose(predicted, START @ STEP @ STEP @ STEP, atol=5e-3)  # rad, m: parts scale apart


def test_after_a_gap_of_more_than_half_a_second_the_camera_stays():
    np.testing.assert_array_equal(moving().predict(LATE_NS + FRAME_NS + 500_000_001), START @ STEP)


def test_a_forgotten_velocity_stays_forgotten_until_two_poses_say_more():
    motion = moving()
    motion.forget_velocity()
    np.testing.assert_array_equal(motion.predict(LATE_NS + 2 * FRAME_NS), START @ STEP)
    motion.update(LATE_NS + 2 * FRAME_NS, START @ STEP @ STEP)
    assert not np.allclose(motion.predict(LATE_NS + 3 * FRAME_NS), START @ STEP @ STEP)


def test_a_correction_moves_the_camera_and_keeps_its_velocity():
    motion, T_new_old = moving(), exp_se3(np.array([0, 0.1, 0, 0.5, 0, 0]))
    motion.moved(T_new_old @ START @ STEP)
    predicted = motion.predict(LATE_NS + 2 * FRAME_NS)
    np.testing.assert_allclose(invert(T_new_old) @ predicted, START @ STEP @ STEP, atol=1e-12)


def test_the_answer_belongs_to_the_caller():
    motion = MotionModel()
    motion.update(0, START)
    motion.predict(1)[:] = 0.0
    np.testing.assert_array_equal(motion.predict(1), START)


def test_the_worst_recent_error_says_how_far_off_the_next_prediction_may_be():
    model = MotionModel()
    assert model.sigma_px == UNKNOWN_SIGMA_PX
    for step in range(3):
        model.update(step * 33_000_000, np.eye(4))
        model.judge(4.0 + step)
    assert model.sigma_px == pytest.approx(1.5 * 6.0)
    for _ in range(8):
        model.judge(0.1)
    assert model.sigma_px == LEAST_SIGMA_PX


def test_after_a_loss_nothing_is_known_of_the_error():
    model = MotionModel()
    for step in range(3):
        model.update(step * 33_000_000, np.eye(4))
        model.judge(1.0)
    model.forget_velocity()
    assert model.sigma_px == UNKNOWN_SIGMA_PX
