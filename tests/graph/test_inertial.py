"""The inertial factors of a window: nothing to complain of at the truth, much where frames are mixed up."""

from dataclasses import replace
from itertools import pairwise

import gtsam
import numpy as np
import pytest
from flights import BIAS, NOISE, T_BODY_CAM, flight
from gtsam.symbol_shorthand import X

from slam.geometry import invert, similar, transform
from slam.graph.inertial import body_poses, camera_poses, in_body, insert_states, state_priors, step_factors
from slam.graph.inertial_window import InertialWindow
from slam.inertial.initialization import turn_to_gravity
from slam.inertial.samples import cut


def window(seed=2):
    """A chain along an exact flight in a level, metric world, with its true states; and T_world_cam (C, 4, 4)."""
    flown = flight(seed=seed, seconds=3.0, noise=0.0)
    level = transform(turn_to_gravity(flown.gravity_world), np.zeros(3))
    T_world_cam = np.stack([similar(level, flown.scale, T) for T in flown.chain.T_world_cam])
    stamps_ns = [round(0.25 * k * 1e9) for k in range(len(T_world_cam))]
    parts = [cut(flown.samples, a, b, 10**8) for a, b in pairwise(stamps_ns)]
    count = len(T_world_cam)
    inertial = InertialWindow(
        T_BODY_CAM,
        NOISE,
        np.arange(count),
        tuple(parts),
        flown.velocities_world @ level[:3, :3].T,
        np.tile(BIAS, (count, 1)),
        np.eye(9) * 1e-2,
    )
    return inertial, T_world_cam


def cost_per_step(inertial, poses):
    """Of the step factors, at poses (C, 4, 4) of the body and the window's states."""
    values = gtsam.Values()
    for i, T in enumerate(poses):
        values.insert(X(i), gtsam.Pose3(T))
    insert_states(values, inertial)
    return np.array([factor.error(values) for factor in step_factors(inertial)])


@pytest.mark.parametrize("seed", range(3))
def test_at_the_truth_no_step_complains(seed):
    inertial, T_world_cam = window(seed)
    assert cost_per_step(inertial, body_poses(inertial, T_world_cam)).max() < 3.0  # of 15 freedoms, 7.5 on average


def test_the_poses_of_the_camera_are_not_those_of_the_body():
    inertial, T_world_cam = window()
    assert np.median(cost_per_step(inertial, T_world_cam)) > 100.0


@pytest.mark.parametrize("part", ["velocities_world", "biases"])
def test_a_wrong_state_is_noticed(part):
    inertial, T_world_cam = window()
    wrong = replace(inertial, **{part: getattr(inertial, part) + 0.1})
    assert np.median(cost_per_step(wrong, body_poses(inertial, T_world_cam))) > 100.0


def test_bodies_and_cameras_are_each_others_inverse():
    inertial, T_world_cam = window()
    np.testing.assert_allclose(camera_poses(inertial, body_poses(inertial, T_world_cam)), T_world_cam, atol=1e-12)


def test_a_covariance_of_the_camera_is_the_same_uncertainty_of_the_body():
    inertial, T_world_cam = window()
    rng = np.random.default_rng(0)
    sigmas = np.r_[np.full(3, 1e-3), np.full(3, 2e-3)]
    drawn = rng.normal(size=(4000, 6)) * sigmas
    T = T_world_cam[3]
    T_body = body_poses(inertial, T)
    moved = [gtsam.Pose3(T @ gtsam.Pose3.Expmap(xi).matrix() @ invert(T_BODY_CAM)) for xi in drawn]
    off = np.stack([gtsam.Pose3.Logmap(gtsam.Pose3(T_body).between(pose)) for pose in moved])
    expected = in_body(inertial, np.diag(sigmas**2))
    np.testing.assert_allclose(np.cov(off.T), expected, atol=0.08 * expected.max())


def test_the_prior_holds_the_oldest_state_only():
    inertial, _ = window()
    values = gtsam.Values()
    insert_states(values, inertial)
    priors = state_priors(inertial)
    assert len(priors) == 2 and all(factor.error(values) < 1e-12 for factor in priors)
