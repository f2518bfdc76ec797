"""Frames follow the keyframe they hang on, whatever becomes of it, and every change of theirs is noted."""

import numpy as np
import pytest
from synthetic_world import nothing_seen

from slam.geometry import exp_se3, invert, similar
from slam.tracking.placed import Place, PlacedFrames
from slam.types import Keyframe

T_A, T_B = exp_se3(np.array([0.1, -0.2, 0.3, 1.0, 2.0, -0.5])), exp_se3(np.array([0.0, 0.4, 0, 2.0, 1, 0]))
T_FRAMES = [T_A @ exp_se3(np.array([0.05, 0, 0.1, 0.2 * i, 0, 0.1])) for i in range(4)]


def keyframe(keyframe_id, T_world_cam, submap_id=0):
    return Keyframe(keyframe_id, 0, nothing_seen(), T_world_cam, np.zeros(0, np.int64), submap_id)


A, B = keyframe(0, T_A), keyframe(1, T_B)


def four_frames(placed):
    for i, T_world_cam in enumerate(T_FRAMES):
        placed.add(10 * i, T_world_cam, (A, A, B, B)[i])
    return placed


def close(trajectory, poses):
    np.testing.assert_allclose(trajectory.T_world_cam, poses, atol=1e-12)


def test_every_frame_is_where_it_was_added():
    placed = four_frames(PlacedFrames())
    trajectory = placed.trajectory({0: A, 1: B})
    assert trajectory.stamps_ns.tolist() == [0, 10, 20, 30] and len(placed) == 4
    close(trajectory, T_FRAMES)
    np.testing.assert_allclose(placed.last({0: A, 1: B}), T_FRAMES[3], atol=1e-12)


def test_frames_move_with_their_keyframe_only():
    placed = four_frames(PlacedFrames())
    T_move = exp_se3(np.array([0.2, 0, 0, 0, 1.0, 0]))
    moved = placed.trajectory({0: keyframe(0, T_move @ T_A), 1: B})
    close(moved, [T_move @ T_FRAMES[0], T_move @ T_FRAMES[1], *T_FRAMES[2:]])


def test_frames_of_a_keyframe_that_goes_stay_where_they_are():
    placed = four_frames(PlacedFrames())
    placed.inherit(B, A)
    close(placed.trajectory({0: A}), T_FRAMES)
    assert placed.last_keyframe_id == 0 and placed.frames_of({0: A}) == {0: 4}


def test_lengths_seen_from_a_keyframe_are_scaled_with_its_map():
    placed = four_frames(PlacedFrames())
    placed.scale({1: 2.0})
    T_b_frame = similar(np.eye(4), 2.0, invert(T_B) @ T_FRAMES[3])
    np.testing.assert_allclose(placed.last({0: A, 1: B}), T_B @ T_b_frame, atol=1e-12)
    close(
        placed.trajectory({0: A, 1: B}),
        [*T_FRAMES[:2], T_B @ similar(np.eye(4), 2.0, invert(T_B) @ T_FRAMES[2]), T_B @ T_b_frame],
    )


def test_a_frame_that_became_a_keyframe_is_the_keyframe():
    placed = four_frames(PlacedFrames())
    placed.became(keyframe(2, T_FRAMES[3]))
    placed.add_earlier(5, T_FRAMES[0], A)
    assert placed.last_keyframe_id == 2
    close(placed.trajectory({0: A, 1: B, 2: keyframe(2, T_A)}), [T_FRAMES[0], T_FRAMES[0], *T_FRAMES[1:3], T_A])


@pytest.mark.parametrize(
    ("happen", "numbers"),
    [
        (lambda placed: placed.add(40, T_A, A), {4}),
        (lambda placed: placed.became(A), {3}),
        (lambda placed: placed.inherit(B, A), {2, 3}),
        (lambda placed: placed.scale({0: 2.0}), {0, 1}),
    ],
)
def test_what_changes_is_noted(happen, numbers):
    placed = four_frames(PlacedFrames())
    placed.changed.clear()
    happen(placed)
    assert placed.changed == numbers


def test_frames_of_earlier_runs_follow_too_but_are_not_in_the_trajectory():
    placed = four_frames(PlacedFrames({7: Place(10, 1, np.eye(4), 0)}, run=1))
    assert placed.trajectory({0: A, 1: B}).stamps_ns.tolist() == [0, 10, 20, 30]
    assert placed.frames_of({0: A, 1: B}) == {0: 4} and len(placed) == 4
    placed.inherit(B, A)
    assert placed.frames[7].run == 0 and placed.frames[8].run == 1
    np.testing.assert_allclose(T_A @ placed.frames[7].T_keyframe_cam, T_B, atol=1e-12)


def test_without_frames_there_is_no_last_one():
    placed = PlacedFrames({7: Place(10, 1, np.eye(4), 0)}, run=1)
    assert placed.last({1: B}) is None and placed.last_keyframe_id == -1
    assert len(placed.trajectory({1: B})) == 0 and placed.frames_of({1: B}) == {}
