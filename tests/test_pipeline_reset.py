"""A reset: a new map begins, what was mapped stays, and nothing of it is found or joined again."""

import numpy as np
import pytest
from ring_world import error_m, run
from synthetic_world import FRAME_NS

from slam.types import Mode, TrackStatus

AWAY_AND_BACK = [*range(20), *range(20, 50), *[None] * 5, *range(10)]


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.MONO])
def test_after_a_reset_the_same_place_is_a_new_map(mode):
    steps = [*range(30), *range(30, 0, -1)]
    slam, tracks = run(mode, steps, resets=(30,))
    submaps = [track.submap_id for track in tracks if track.is_tracked]
    assert submaps == sorted(submaps) and set(submaps) == {0, 1}
    assert tracks[-1].submap_id == 1 and tracks[-1].status is TrackStatus.TRACKING
    assert {keyframe.submap_id for keyframe in slam.map.keyframes.values()} == {0, 1}
    assert slam.back_end.loops.joined == 0
    assert error_m(slam, steps) < 0.02  # m


def test_without_a_reset_it_stays_the_old_one():
    _, tracks = run(Mode.RGBD, [*range(30), *range(30, 0, -1)])
    assert {track.submap_id for track in tracks} == {0}


def test_the_first_pose_of_the_new_map_is_its_origin():
    _, tracks = run(Mode.RGBD, range(40), resets=(20,))
    begun = next(track for track in tracks if track.submap_id == 1)
    np.testing.assert_array_equal(begun.T_world_cam, np.eye(4))
    assert begun.reason == "sub-map 1 started" and tracks[-1].is_tracked


def test_the_new_map_knows_nothing_of_the_motion_in_the_old_one():
    slam, tracks = run(Mode.RGBD, range(21), resets=(20,))
    assert tracks[-1].submap_id == 1
    np.testing.assert_array_equal(slam._motion.predict(21 * FRAME_NS), np.eye(4))


def test_a_second_reset_forgets_the_first_view_of_a_monocular_start():
    slam, _ = run(Mode.MONO, range(40), resets=(25, 27))
    assert min(k.frame_index for k in slam.map.keyframes.values() if k.submap_id == 1) == 27


def test_until_a_monocular_camera_has_moved_the_new_map_is_initializing():
    _, tracks = run(Mode.MONO, range(40), resets=(25,))
    between = [track.status for track in tracks[25:] if not track.is_tracked]
    assert between and set(between) == {TrackStatus.INITIALIZING}


def test_what_lies_before_a_reset_is_not_found_again():
    _, kept = run(Mode.RGBD, AWAY_AND_BACK)
    assert kept[-1].is_tracked
    _, reset = run(Mode.RGBD, AWAY_AND_BACK, resets=(20, 22))
    assert reset[49].submap_id >= 1 and reset[49].is_tracked
    assert all(track.status is TrackStatus.LOST for track in reset[-10:])


def test_a_reset_before_the_first_map_changes_nothing():
    _, plain = run(Mode.RGBD, range(5))
    _, reset = run(Mode.RGBD, range(5), resets=(0,))
    np.testing.assert_array_equal(plain[-1].T_world_cam, reset[-1].T_world_cam)


def test_a_map_that_may_not_grow_says_so():
    slam, _ = run(Mode.RGBD, range(3), grows=False)
    assert slam.begin_anew() == "no new map: the map stays as it is"
