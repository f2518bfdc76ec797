"""Covariances along a path whose steps have errors of their own: exact there, smaller by a loop, never invented."""

import numpy as np
import pytest

from slam.geometry import adjoint, exp_se3, invert
from slam.mapping.certainty import Certainty

RNG = np.random.default_rng(5)
STEPS = [exp_se3(RNG.normal(0, 0.3, 6)) for _ in range(9)]
PATH = np.stack([np.linalg.multi_dot([np.eye(4), np.eye(4), *STEPS[:i]]) for i in range(10)])
STEP = np.diag([1, 2, 3, 4, 5, 6]) * 1e-6  # of every step, in the tangent of its end


def along(first, last):
    """The covariance of pose ``last`` seen from ``first``: the steps between them, carried along."""
    covariance = np.zeros((6, 6))
    for i in range(first + 1, last + 1):
        back = adjoint(invert(STEPS[i - 1]))
        covariance = back @ covariance @ back.T + STEP
    return covariance


def joint(first, last, loose=1.0):
    """(6K, 6K) of the poses first to last of the path, the first of which is hardly known."""
    carried = [adjoint(invert(PATH[i]) @ PATH[first]) for i in range(first, last + 1)]
    rows = np.zeros((6 * len(carried), 6 * len(carried)))
    for i in range(len(carried)):
        for j in range(len(carried)):
            a, b = first + min(i, j), first + max(i, j)
            shared = along(first, a) + loose * carried[min(i, j)] @ carried[min(i, j)].T
            block = shared @ adjoint(invert(PATH[b]) @ PATH[a]).T  # of a with b: what b has from a
            rows[6 * i : 6 * i + 6, 6 * j : 6 * j + 6] = block if i <= j else block.T
    return rows


def learned(*windows):
    certainty = Certainty()
    certainty.hold(0)
    for first, last in windows:
        certainty.learn(np.arange(first, last + 1), PATH[first : last + 1], joint(first, last))
    return certainty


def known(certainty, keyframe_id):
    return certainty.of_frame(keyframe_id, np.eye(4), None)


def test_windows_in_a_row_know_a_path_as_its_steps_do():
    certainty = learned((0, 3), (2, 6), (5, 9))
    for i in range(1, 10):
        np.testing.assert_allclose(known(certainty, i), along(0, i), rtol=1e-4, atol=1e-11)


def test_the_first_keyframe_is_the_world_and_stays_it():
    assert (known(learned((0, 3), (0, 3)), 0) == 0).all()


def test_seeing_the_beginning_again_shortens_the_path():
    certainty = learned((0, 3), (2, 6), (5, 9))
    before = known(certainty, 9)
    ids, poses = np.array([0, 9]), PATH[[0, 9]]
    back = adjoint(invert(PATH[9]) @ PATH[0])
    both = np.block([[np.eye(6), back.T], [back, back @ back.T + STEP]])
    certainty.learn(ids, poses, both)
    np.testing.assert_allclose(known(certainty, 9), STEP, rtol=1e-4, atol=1e-11)
    assert np.linalg.det(before) > np.linalg.det(STEP)


def test_what_nothing_known_was_seen_from_stays_unknown():
    certainty = learned((4, 7))
    assert known(certainty, 5) is None
    certainty.put(5, None)
    assert known(certainty, 5) is None


def test_a_frame_is_known_as_its_keyframe_and_its_own_measurements_say():
    certainty, T_keyframe_cam = learned((0, 3)), exp_se3(np.array([0.1, 0.0, 0.2, 0.3, 0.0, 0.1]))
    back, information = adjoint(invert(T_keyframe_cam)), np.diag([1, 1, 1, 2, 2, 2]) * 1e6
    expected = back @ along(0, 2) @ back.T + np.linalg.inv(information)
    np.testing.assert_allclose(certainty.of_frame(2, T_keyframe_cam, information), expected, rtol=1e-4, atol=1e-11)


@pytest.mark.parametrize("determined", [0, 3, 5])
def test_a_frame_whose_measurements_leave_its_pose_open_is_unknown(determined):
    information = np.diag([1e6] * determined + [0.0] * (6 - determined))
    assert learned((0, 3)).of_frame(2, np.eye(4), information) is None
    assert learned((0, 3)).of_frame(2, np.eye(4), np.full((6, 6), np.nan)) is None


def test_what_rounding_has_spoiled_teaches_nothing():
    certainty = Certainty()
    certainty.hold(0)
    certainty.learn(np.arange(4), PATH[:4], -joint(0, 3))
    assert [known(certainty, i) for i in (1, 2, 3)] == [None] * 3


def test_lengths_that_grow_take_their_uncertainty_along():
    certainty = learned((0, 3))
    before = known(certainty, 2)
    certainty.scale({2: 3.0})
    np.testing.assert_allclose(np.diag(known(certainty, 2)), np.diag(before) * [1, 1, 1, 9, 9, 9])


def test_an_uncertain_scale_moves_what_is_far_along_its_direction():
    certainty = learned((0, 3))
    before = known(certainty, 3)
    certainty.stretch({0: np.eye(4), 3: invert(PATH[0]) @ PATH[3]}, 0.1)
    more = known(certainty, 3) - before
    in_world = PATH[3, :3, :3] @ more[3:, 3:] @ PATH[3, :3, :3].T
    np.testing.assert_allclose(in_world, 0.01 * np.outer(PATH[3, :3, 3], PATH[3, :3, 3]), atol=1e-12)
    assert (known(certainty, 0) == 0).all()


def test_of_a_joined_submap_only_the_end_of_its_loop_is_known():
    certainty = learned((0, 3))
    for keyframe_id in (7, 8):
        certainty.put(keyframe_id, np.eye(6))
    T_2_8 = exp_se3(np.array([0.0, 0.1, 0.0, 0.2, 0.0, 0.0]))
    certainty.joined([7, 8], 2, 8, T_2_8)
    back = adjoint(invert(T_2_8))
    np.testing.assert_allclose(known(certainty, 8), back @ along(0, 2) @ back.T, rtol=1e-4, atol=1e-11)
    assert known(certainty, 7) is None


def test_what_left_the_map_is_forgotten():
    certainty = learned((0, 3))
    certainty.forget(2)
    assert known(certainty, 2) is None and known(certainty, 3) == pytest.approx(along(0, 3), rel=1e-4, abs=1e-11)
