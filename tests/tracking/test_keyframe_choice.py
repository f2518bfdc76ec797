"""Keyframes: when little is seen again, when much is new, and now and then on the move; never in a row or at rest."""

import numpy as np
import pytest
from synthetic_world import START, make_world

from slam.config import KeyframeConfig
from slam.geometry import transform
from slam.mapping.map import Map
from slam.tracking.keyframes import KeyframeChoice
from slam.tracking.tracker import TrackResult

CONFIG = KeyframeConfig(min_frames=2, max_frames=30, tracked_share=0.7, min_tracked=80, new_share=0.35)
MOVED = START @ transform(np.eye(3), [0.3, 0.0, 0.0])


@pytest.fixture
def world():
    """A map of one keyframe, frame 100, that sees 200 landmarks."""
    room = make_world(1500)
    observation, rows = room.observe(START)
    assert len(rows) > 200
    world = Map(64)
    world.add_keyframe(100, observation, START, np.full(len(rows), -1))
    world.add_landmarks(0, room.points_world[rows[:200]], np.arange(200), np.zeros((200, 3), np.uint8))
    return world


def wanted(world, age, inliers=180, new=0, T_world_cam=MOVED, features=250):
    landmark_ids = np.where(np.arange(features) < inliers, np.arange(features), -1)
    mappable = np.arange(features) >= features - new
    result = TrackResult(T_world_cam, landmark_ids, "", inliers=inliers)
    last = world.last_keyframe
    return KeyframeChoice(CONFIG).wanted(result, mappable, 100 + age, last, last, world)


def test_all_is_well_so_nothing_is_kept(world):
    assert not wanted(world, age=10)


def test_never_two_frames_in_a_row(world):
    assert not wanted(world, age=1, inliers=20, new=100)
    assert wanted(world, age=2, inliers=20)


def test_a_frame_that_sees_little_of_its_reference_is_kept(world):
    assert wanted(world, age=5, inliers=139)  # of 200
    assert not wanted(world, age=5, inliers=140)


def test_a_frame_that_sees_few_landmarks_is_kept(world):
    world.remove_landmarks(np.arange(100, 200))
    assert wanted(world, age=5, inliers=79)
    assert not wanted(world, age=5, inliers=80)


def test_a_frame_with_much_that_is_new_is_kept_a_little_later(world):
    assert not wanted(world, age=3, inliers=145, new=100)
    assert wanted(world, age=4, inliers=145, new=100)
    assert not wanted(world, age=4, inliers=165, new=80)


def test_a_moving_camera_leaves_a_keyframe_now_and_then(world):
    assert wanted(world, age=30)
    assert not wanted(world, age=29)


def test_a_still_camera_never_does(world):
    assert not wanted(world, age=1000, T_world_cam=START)


def test_landmarks_that_only_the_reference_knows_do_not_count_as_lost(world):
    observation = world.keyframes[0].observation
    seen = np.where(np.arange(len(observation)) < 120, np.arange(len(observation)), -1)
    world.add_keyframe(100, observation, START, seen)
    choice, first = KeyframeChoice(CONFIG), world.keyframes[0]
    result = TrackResult(MOVED, np.arange(100), "", inliers=100)
    assert not choice.wanted(result, np.zeros(100, bool), 105, first, first, world)  # 100 of 120 confirmed
