"""Keyframes grow the map: landmarks at their true places, shared with neighbours, and culled when nobody finds them."""

import numpy as np
import pytest
from synthetic_world import RIG, blank_frame, make_world, nothing_seen, observation_of, walk

from slam.config import MappingConfig, TrackingConfig
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper, feature_colors
from slam.matching.nearest import NearestMatcher
from slam.types import Frame, Mode

ROOM = make_world(500)
PATH = walk(9, length_m=1.2)


@pytest.fixture
def mapper():
    return Mapper(RIG, Mode.RGBD, NearestMatcher(), MappingConfig(), TrackingConfig())


def nobody(observation):
    return np.full(len(observation), -1, np.int64)


def insert(mapper, world, step, seen=None, **options):
    """A keyframe at a step of the path; returns it and the room's point behind each of its features."""
    observation, rows = ROOM.observe(PATH[step], seed=step, **options)
    landmark_ids = nobody(observation) if seen is None else seen[rows]
    return mapper.insert(world, blank_frame(step), observation, PATH[step], landmark_ids), rows


def part_of(observation, kept):
    found = observation.features
    disparity_px = (found.xy[:, 0] - observation.right_x)[kept]
    return observation_of(found.xy[kept], found.descriptors[kept], disparity_px)


def known_rows(world, keyframe, rows):
    """landmark_id by the room's point, -1 where the keyframe has none."""
    seen = np.full(len(ROOM.points_world) + 1, -1, np.int64)  # the last row answers for clutter
    seen[rows] = keyframe.landmark_ids
    seen[-1] = -1
    return seen


def errors_m(world, keyframe, rows):
    seen = keyframe.landmark_ids >= 0
    return np.linalg.norm(world.points_world[keyframe.landmark_ids[seen]] - ROOM.points_world[rows[seen]], axis=1)


def test_measured_depth_puts_landmarks_at_their_true_places(mapper):
    world = Map(64)
    keyframe, rows = insert(mapper, world, 0, clutter=30)
    assert world.num_alive == mapper.mappable(keyframe.observation).sum() > 50
    assert errors_m(world, keyframe, rows).max() < 0.001  # 1 mm: single precision pixels


def test_depth_beyond_so_many_baselines_is_not_trusted(mapper):
    observation, _ = ROOM.observe(PATH[0], clutter=10)
    near = observation.depth_m < MappingConfig().max_depth_baselines * RIG.baseline_m
    assert 0 < near.sum() < len(observation)
    np.testing.assert_array_equal(mapper.mappable(observation), near)


def test_known_landmarks_are_not_made_twice(mapper):
    world = Map(64)
    first, rows = insert(mapper, world, 0)
    again, rows_again = insert(mapper, world, 1, known_rows(world, first, rows))
    shared = np.isin(rows_again, rows[first.landmark_ids >= 0])
    assert (again.landmark_ids[shared] < first.keyframe_id + len(first.landmark_ids)).all()
    assert len(np.unique(again.landmark_ids[again.landmark_ids >= 0])) == (again.landmark_ids >= 0).sum()


def test_features_too_far_for_depth_become_landmarks_from_two_views(mapper):
    world = Map(64)
    first, rows = insert(mapper, world, 0)
    far = first.landmark_ids < 0
    second, rows_second = insert(mapper, world, 8, known_rows(world, first, rows))
    born_of_two = np.isin(rows_second, rows[far]) & (second.landmark_ids >= 0)
    assert born_of_two.sum() > 30
    assert errors_m(world, second, rows_second).max() < 0.005
    assert (world.observations[second.landmark_ids[born_of_two]] == 2).all()


def test_mono_keyframes_triangulate_with_their_neighbours():
    mapper = Mapper(RIG, Mode.MONO, NearestMatcher(), MappingConfig(), TrackingConfig())
    world = Map(64)
    observation, rows = ROOM.observe(PATH[0], depth=False)
    world.add_keyframe(0, observation, PATH[0], nobody(observation))
    few = np.arange(20)
    world.add_landmarks(0, ROOM.points_world[rows[few]], few, np.zeros((20, 3), np.uint8))
    keyframe, rows = insert(mapper, world, 8, known_rows(world, world.keyframes[0], rows), depth=False, clutter=30)
    assert (keyframe.landmark_ids >= 0).sum() > 100
    assert errors_m(world, keyframe, rows).max() < 0.005


def test_two_views_from_one_place_triangulate_nothing():
    mapper = Mapper(RIG, Mode.MONO, NearestMatcher(), MappingConfig(), TrackingConfig())
    world = Map(64)
    observation, rows = ROOM.observe(PATH[0], depth=False)
    world.add_keyframe(0, observation, PATH[0], nobody(observation))
    few = np.arange(20)
    world.add_landmarks(0, ROOM.points_world[rows[few]], few, np.zeros((20, 3), np.uint8))
    insert(mapper, world, 0, known_rows(world, world.keyframes[0], rows), depth=False, noise_px=0.5)
    assert world.num_landmarks == 20


def test_neighbours_come_to_see_what_a_new_keyframe_found(mapper):
    world = Map(64)
    first, rows = insert(mapper, world, 0)
    part = known_rows(world, first, rows)
    part[::2] = -1  # tracking missed half of them, which makes new landmarks of these
    second, _ = insert(mapper, world, 2, part)
    new = second.landmark_ids[second.landmark_ids >= first.landmark_ids.max() + 1]
    free_before = (first.landmark_ids < 0).sum()
    seen_now = world.keyframes[0].landmark_ids
    assert np.isin(seen_now, new).sum() > 0
    assert (seen_now < 0).sum() < free_before
    assert (world.observations[seen_now[seen_now >= 0]] >= 1).all()


def test_landmarks_that_are_never_found_where_they_should_be_are_removed(mapper):
    world = Map(64)
    first, rows = insert(mapper, world, 0)
    ghosts = first.landmark_ids[first.landmark_ids >= 0][:10]
    world.predicted[ghosts], world.found[ghosts] = 20, 1
    insert(mapper, world, 1, known_rows(world, first, rows))
    assert not world.alive[ghosts].any()
    assert world.num_alive > 50


def test_landmarks_that_nobody_saw_again_are_removed_when_they_come_of_age(mapper):
    world = Map(64)
    first, rows = insert(mapper, world, 0)
    lonely, again = np.split(first.landmark_ids[first.landmark_ids >= 0], [10])
    seen, hidden = known_rows(world, first, rows), rows[np.isin(first.landmark_ids, lonely)]
    for step in (1, 2):
        observation, rows_now = ROOM.observe(PATH[step], seed=step)
        kept = ~np.isin(rows_now, hidden)
        mapper.insert(world, blank_frame(step), part_of(observation, kept), PATH[step], seen[rows_now[kept]])
    assert not world.alive[lonely].any()
    still_in_view = np.isin(again, seen[rows_now])
    assert still_in_view.sum() > 20 and world.alive[again[still_in_view]].all()


def test_colours_are_taken_under_the_features_as_captured():
    observation, _ = ROOM.observe(PATH[0])
    color = np.zeros((480, 640, 3), np.uint8)
    color[..., 0], color[..., 1] = np.arange(480)[:, None] // 2, np.arange(640)[None] // 3
    frame = Frame(0, 0, color[..., 0], color)
    found = feature_colors(frame, observation)
    np.testing.assert_array_equal(found[:, 0], np.rint(observation.xy_raw[:, 1]).astype(int) // 2)
    np.testing.assert_array_equal(feature_colors(Frame(0, 0, color[..., 0]), observation)[:, 2], found[:, 0])


def test_a_keyframe_that_sees_nothing_adds_nothing(mapper):
    world = Map(64)
    insert(mapper, world, 0)
    alive = world.num_alive
    empty = nothing_seen()
    mapper.insert(world, blank_frame(1), empty, PATH[1], nobody(empty))
    assert world.num_alive == alive
