"""A frame in a known map: located to a millimetre, or not at all and with a reason; and found again after a loss."""

import numpy as np
import pytest
from synthetic_world import RIG, START, blank_frame, make_world, nothing_seen, walk

from slam.config import MappingConfig, RelocalizationConfig, TrackingConfig
from slam.geometry import exp_se3, invert, rotation_angle_rad
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper
from slam.matching.nearest import NearestMatcher
from slam.stopwatch import Stopwatch
from slam.tracking.relocalization import Relocalizer
from slam.tracking.tracker import Tracker
from slam.types import Mode

ROOM = make_world(1200)
PATH = walk(40, length_m=4.0)
OFF = exp_se3(np.array([0.02, -0.03, 0.01, 0.04, -0.03, 0.03]))
MATCHER = NearestMatcher()
AGAIN = RelocalizationConfig()


@pytest.fixture
def tracker():
    return Tracker(RIG, MATCHER, TrackingConfig(), sigma_disparity_px=1.0)


def mapped(poses):
    """A map with a keyframe at each pose, built from measured depth up to 5 m."""
    mapper = Mapper(RIG, Mode.RGBD, MATCHER, MappingConfig(max_depth_baselines=50.0), TrackingConfig())
    world, known = Map(64), np.full(len(ROOM.points_world) + 1, -1)
    for step, T_world_cam in enumerate(poses):
        observation, rows = ROOM.observe(T_world_cam, seed=100 + step)
        keyframe = mapper.insert(world, blank_frame(step), observation, T_world_cam, known[rows])
        known[rows] = keyframe.landmark_ids
    return world


def tracked(tracker, world, T_world_cam, guess, **options):
    observation, rows = ROOM.observe(T_world_cam, seed=1, **options)
    seen = world.last_keyframe.landmark_ids
    return tracker.track(observation, world, guess, seen, Stopwatch()), rows


def off_by(T_world_cam, truth):
    T_error = invert(truth) @ T_world_cam
    return np.linalg.norm(T_error[:3, 3]), np.rad2deg(rotation_angle_rad(T_error[:3, :3]))


def test_a_frame_is_located_from_a_guess_a_few_centimetres_off(tracker):
    world = mapped(PATH[:1])
    result, _ = tracked(tracker, world, PATH[2], PATH[2] @ OFF, clutter=50)
    distance_m, angle_deg = off_by(result.T_world_cam, PATH[2])
    assert distance_m < 0.001 and angle_deg < 0.02
    assert result.reason == "" and result.inliers == (result.landmark_ids >= 0).sum() > 100


def test_inliers_are_the_right_landmarks(tracker):
    world = mapped(PATH[:1])
    result, rows = tracked(tracker, world, PATH[2], PATH[2] @ OFF, clutter=50)
    seen = result.landmark_ids >= 0
    truth = ROOM.points_world[rows[seen]]
    assert (rows[seen] >= 0).all()
    np.testing.assert_allclose(world.points_world[result.landmark_ids[seen]], truth, atol=0.001)  # m
    assert len(np.unique(result.landmark_ids[seen])) == seen.sum()


def test_noise_of_a_pixel_costs_millimetres(tracker):
    result, _ = tracked(tracker, mapped(PATH[:1]), PATH[2], PATH[2] @ OFF, noise_px=1.0, disparity_noise_px=1.0)
    assert off_by(result.T_world_cam, PATH[2])[0] < 0.01


def test_a_frame_without_features_is_lost_with_a_reason(tracker):
    world = mapped(PATH[:1])
    result = tracker.track(nothing_seen(), world, START, world.last_keyframe.landmark_ids, Stopwatch())
    assert result.T_world_cam is None and result.reason == "too few matches (0)"
    assert result.landmark_ids.shape == (0,)


def test_a_frame_of_another_place_is_lost_with_a_reason(tracker):
    world = mapped(PATH[:1])
    other, _ = make_world(1200, seed=9).observe(START)
    result = tracker.track(other, world, START, world.last_keyframe.landmark_ids, Stopwatch())
    assert result.T_world_cam is None and result.reason.startswith("too few matches")
    assert (result.landmark_ids == -1).all()


def test_matches_that_fit_no_pose_are_lost_with_a_reason(tracker):
    world = mapped(PATH[:1])
    world.points_world = world.points_world[np.random.default_rng(0).permutation(len(world.points_world))]
    result = next(tracker.track_from_keyframes(world.last_keyframe.observation, world, [world.last_keyframe]))
    assert result.T_world_cam is None and result.reason == "no pose explains the matches"


def test_tracking_counts_what_should_be_seen_and_what_is(tracker):
    world = mapped(PATH[:1])
    predicted, found = world.predicted.copy(), world.found.copy()
    result, _ = tracked(tracker, world, PATH[2], PATH[2] @ OFF)
    seen = result.landmark_ids[result.landmark_ids >= 0]
    assert (world.found[seen] == found[seen] + 1).all()
    assert (world.predicted[seen] == predicted[seen] + 1).all()
    assert (world.found <= world.predicted).all()


def test_a_frame_is_located_from_a_keyframe_without_a_guess(tracker):
    world = mapped(PATH[:1])
    observation, _ = ROOM.observe(PATH[6], seed=1, clutter=50)
    result = next(tracker.track_from_keyframes(observation, world, [world.last_keyframe]))
    assert off_by(result.T_world_cam, PATH[6])[0] < 0.002


def relocalizer_of(tracker, alike=()):
    """One that is told which keyframes look like every frame."""
    return Relocalizer(tracker, AGAIN, lambda observation, count: list(alike)[:count])


def test_keyframes_that_look_alike_are_tried_in_the_first_frame(tracker):
    world = mapped(PATH[::2])
    tried = []

    class Watched(Tracker):
        def track_from_keyframes(self, observation, world, keyframes):
            tried.extend(keyframe.keyframe_id for keyframe in keyframes)
            return super().track_from_keyframes(observation, world, keyframes)

    relocalizer = relocalizer_of(Watched(RIG, MATCHER, TrackingConfig(), 1.0), alike=[3, 1, 2])
    relocalizer.relocalize(nothing_seen(), world)
    assert tried[:4] == [world.last_keyframe.keyframe_id, 3, 1, 2] and len(tried) == AGAIN.tries == len(set(tried))


def test_the_camera_is_found_again_from_an_old_keyframe(tracker):
    world, relocalizer = mapped(PATH[::4]), relocalizer_of(tracker)
    assert len(world.keyframes) > AGAIN.tries
    observation, _ = ROOM.observe(PATH[1], seed=1, clutter=50)
    results = [relocalizer.relocalize(observation, world) for _ in range(4)]
    found = [r for r in results if r.T_world_cam is not None]
    assert found
    assert off_by(found[-1].T_world_cam, PATH[1])[0] < 0.005


def test_every_keyframe_gets_its_turn():
    world = mapped(PATH[::3])
    tried = []

    class Blind(Tracker):
        def track_from_keyframes(self, observation, world, keyframes):
            tried.extend(keyframe.keyframe_id for keyframe in keyframes)
            return super().track_from_keyframes(observation, world, keyframes)

    relocalizer = relocalizer_of(Blind(RIG, MATCHER, TrackingConfig(), 1.0))
    for _ in range(len(world.keyframes)):
        result = relocalizer.relocalize(nothing_seen(), world)
        assert result.T_world_cam is None and result.reason == "too few matches (0)"
    assert set(tried) == set(world.keyframes)
    assert len(tried) == AGAIN.tries * len(world.keyframes)


def test_a_few_points_that_agree_are_not_enough_without_a_guess(tracker):
    world = mapped(PATH[:1])
    few = world.keyframes[0].landmark_ids
    world.remove_landmarks(few[few >= 0][25:])
    observation, _ = ROOM.observe(PATH[0], seed=1)
    assert next(tracker.track_from_keyframes(observation, world, [world.last_keyframe])).inliers >= 12
    result = relocalizer_of(tracker).relocalize(observation, world)
    assert result.T_world_cam is None and result.reason == "not found again in any keyframe tried"


def test_an_empty_map_has_no_keyframe_to_compare_with(tracker):
    result = relocalizer_of(tracker).relocalize(nothing_seen(), Map(64))
    assert result.T_world_cam is None and result.reason == "no keyframe to compare with"


def test_a_result_says_how_far_off_the_prediction_was(tracker):
    world = mapped(PATH[:1])
    exact, _ = tracked(tracker, world, PATH[2], PATH[2])
    off, _ = tracked(tracker, world, PATH[2], PATH[2] @ OFF)
    assert exact.prediction_error_px < 1.0
    assert off.prediction_error_px > 4 * exact.prediction_error_px
