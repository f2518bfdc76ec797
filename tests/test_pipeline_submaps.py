"""A camera that is lost for long begins a new sub-map, and sub-maps that meet become one."""

from functools import cache

import numpy as np
import pytest
from ring_world import error_m, run

from slam.types import Mode, TrackStatus

DARK = 36  # frames without a picture: longer than a loss that is waited out
STEPS = [*range(40), *[None] * DARK, *range(70, 160)]  # dark, then elsewhere, then back where it began


@cache
def interrupted(mode):
    return run(mode, STEPS)


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.MONO])
def test_after_a_long_loss_a_new_submap_begins_and_joins_the_old_one_when_they_meet(mode):
    slam, tracks = interrupted(mode)
    assert all(track.status is TrackStatus.LOST for track in tracks[40 : 40 + DARK])
    begun = next(track for track in tracks if track.submap_id == 1 and track.is_tracked)
    assert begun.reason == "sub-map 1 started" and begun.status is TrackStatus.TRACKING
    assert tracks[-1].submap_id == 0 and slam.back_end.loops.joined == 1
    assert {keyframe.submap_id for keyframe in slam.map.keyframes.values()} == {0}
    assert len(slam.trajectory()) > 120  # both parts, in one world


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.MONO])
def test_the_joined_trajectory_is_true_on_both_sides_of_the_gap(mode):
    slam, _ = interrupted(mode)
    assert error_m(slam, STEPS) < 0.02  # m, on a circle of 1 m radius


def test_while_it_is_apart_a_submap_has_a_world_of_its_own():
    _, tracks = interrupted(Mode.RGBD)
    begun = next(track for track in tracks if track.submap_id == 1 and track.is_tracked)
    np.testing.assert_array_equal(begun.T_world_cam, np.eye(4))


def test_the_trajectory_is_that_of_the_submap_with_the_most_frames():
    slam, tracks = run(Mode.RGBD, [*range(15), *[None] * DARK, *range(60, 100)])
    assert slam.main_submap == tracks[-1].submap_id == 1
    assert len(slam.trajectory()) == sum(track.is_tracked and track.submap_id == 1 for track in tracks)


def test_a_short_loss_begins_nothing():
    slam, tracks = run(Mode.RGBD, [*range(20), *[None] * 10, *range(20, 30)])
    assert {track.submap_id for track in tracks} == {0} and tracks[-1].is_tracked
    assert slam.back_end.loops.joined == 0


def test_two_runs_with_a_joined_submap_are_the_same_to_the_bit():
    first, again = interrupted(Mode.RGBD)[0], run(Mode.RGBD, STEPS)[0]
    assert first.trajectory().T_world_cam.tobytes() == again.trajectory().T_world_cam.tobytes()
