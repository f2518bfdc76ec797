"""The whole loop on a synthetic world with a known answer; observations are given, so no picture is looked at."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from synthetic_world import FRAME_NS, RIG, blank_frame, from_first, make_world, nothing_seen, walk

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.geometry import exp_se3, umeyama
from slam.pipeline import Slam
from slam.types import Mode, TrackStatus

CONFIG = SlamConfig(FeatureConfig(name="sift"), MatcherConfig(name="nearest"))
ROOM = make_world(1000, descriptor_dim=128)
PATH = walk(60, length_m=2.2)
NOTHING = nothing_seen(128)


def observed(index, T_world_cam, depth):
    return ROOM.observe(T_world_cam, index, 0.3, 0.1, depth, clutter=30, stamp_ns=index * FRAME_NS)[0]


def run(mode, poses=PATH, blind=()):
    """A Slam fed with what the camera sees from each pose, nothing at the blind steps; and its Tracks."""
    slam = Slam(RIG, mode, CONFIG)
    observations = [observed(i, T, mode.is_metric) if i not in blind else NOTHING for i, T in enumerate(poses)]
    tracks = [slam.process(blank_frame(i), observation) for i, observation in enumerate(observations)]
    slam.finish()
    return slam, tracks


@cache
def walked(mode):
    return run(mode)


def errors_m(slam, with_scale):
    """Distances of the tracked camera centres from the truth, after alignment."""
    trajectory = slam.trajectory()
    truth = PATH[trajectory.stamps_ns // FRAME_NS, :3, 3]
    found = trajectory.T_world_cam[:, :3, 3]
    scale, T_room_world = umeyama(truth, found, with_scale)
    return np.linalg.norm(truth - (scale * found @ T_room_world[:3, :3].T + T_room_world[:3, 3]), axis=1)


def test_a_walk_with_a_depth_camera_ends_within_millimetres_of_the_truth():
    slam, tracks = walked(Mode.RGBD)
    assert all(track.status is TrackStatus.TRACKING for track in tracks)
    found, truth = slam.trajectory().T_world_cam[-1], from_first(PATH)[-1]
    assert np.linalg.norm(found[:3, 3] - truth[:3, 3]) < 0.005  # m, of a walk of 2 m
    assert np.sqrt(np.mean(errors_m(slam, with_scale=False) ** 2)) < 0.003
    assert slam.back_end.health.failed == 0 and len(slam.map.keyframes) > 2


def test_the_emitted_poses_are_as_good_as_the_final_ones():
    _, tracks = walked(Mode.RGBD)
    emitted = np.stack([track.T_world_cam for track in tracks])
    error_m = np.linalg.norm(emitted[:, :3, 3] - from_first(PATH)[:, :3, 3], axis=1)
    assert error_m.max() < 0.01


def test_a_walk_with_one_camera_ends_within_a_percent_after_scaling():
    slam, tracks = walked(Mode.MONO)
    assert tracks[0].status is TrackStatus.INITIALIZING and tracks[0].reason == "first view"
    started = next(i for i, track in enumerate(tracks) if track.reason == "map started")
    assert 0 < started < len(tracks) / 3
    assert all(track.status is TrackStatus.TRACKING for track in tracks[started:])
    assert len(slam.trajectory()) == len(PATH)  # the frames that waited are placed afterwards
    length_m = np.sum(np.linalg.norm(np.diff(PATH[:, :3, 3], axis=0), axis=1))
    assert np.sqrt(np.mean(errors_m(slam, with_scale=True) ** 2)) < 0.01 * length_m


def test_until_there_is_parallax_one_camera_says_what_it_needs():
    _, tracks = run(Mode.MONO, [PATH[0]] * 6)
    assert all(track.status is TrackStatus.INITIALIZING and not track.is_tracked for track in tracks)
    assert all(track.reason.startswith("needs translation") for track in tracks[1:])


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.MONO])
def test_two_runs_are_the_same_to_the_bit(mode):
    first, again = walked(mode)[0], run(mode)[0]
    assert first.trajectory().T_world_cam.tobytes() == again.trajectory().T_world_cam.tobytes()
    assert first.map.points_world.tobytes() == again.map.points_world.tobytes()


@pytest.mark.parametrize("mode", [Mode.RGBD, Mode.MONO])
def test_a_promised_keyframe_is_made_by_keep_up_or_by_the_next_answer(mode):
    slam, promised = Slam(RIG, mode, CONFIG), []
    for i, T_world_cam in enumerate(PATH):
        track = slam.answer(blank_frame(i), observed(i, T_world_cam, mode.is_metric))
        before = len(slam.map.keyframes)
        if track.keyframe_id == before:
            promised.append(i)
            if len(promised) % 2:
                slam.keep_up()
                assert len(slam.map.keyframes) == before + 1 and {"map", "graph"} <= track.ms.keys()
        slam.use_idle_time()
    slam.finish()
    assert len(promised) > 1
    assert slam.trajectory().T_world_cam.tobytes() == walked(mode)[0].trajectory().T_world_cam.tobytes()


def test_frames_that_waited_for_the_map_are_placed_one_at_a_time():
    slam, placed = Slam(RIG, Mode.MONO, CONFIG), []
    for i, T_world_cam in enumerate(PATH):
        slam.process(blank_frame(i), observed(i, T_world_cam, depth=False))
        placed.append(len(slam.trajectory()))
    assert max(np.diff([count for count in placed if count])) == 2  # the frame itself, and one that waited
    assert placed[-1] == len(PATH)


def test_a_run_that_ends_while_frames_wait_places_them_all():
    started = next(i for i, track in enumerate(walked(Mode.MONO)[1]) if track.reason == "map started")
    slam, _ = run(Mode.MONO, PATH[: started + 1])
    assert started > 2 and len(slam.trajectory()) == started + 1


def test_a_blind_camera_is_lost_with_a_reason_and_found_again():
    slam, tracks = run(Mode.RGBD, PATH[:24], blind=range(10, 14))
    for track in tracks[10:14]:
        assert track.status is TrackStatus.LOST and not track.is_tracked and track.reason == "too few matches (0)"
        assert track.keyframe_id == -1 and len(track.landmark_ids) == 0
    assert [track.status for track in tracks[14:16]] == [TrackStatus.RELOCALIZED, TrackStatus.TRACKING]
    assert np.linalg.norm(tracks[14].T_world_cam[:3, 3] - from_first(PATH)[14, :3, 3]) < 0.01
    assert slam.trajectory().stamps_ns.tolist() == [i * FRAME_NS for i in range(24) if i not in range(10, 14)]


def test_a_camera_carried_elsewhere_in_the_dark_is_found_where_it_is():
    jump = [*PATH[:12], *PATH[:3]]
    _, tracks = run(Mode.RGBD, jump, blind=[11])
    assert tracks[11].status is TrackStatus.LOST
    error_m = np.linalg.norm(tracks[12].T_world_cam[:3, 3] - from_first(PATH)[0, :3, 3])
    assert tracks[12].status is TrackStatus.RELOCALIZED and error_m < 0.01


def test_a_turn_too_fast_to_predict_is_recovered_in_the_same_frame():
    turned = [T @ exp_se3(np.array([0, 0.25, 0, 0, 0, 0])) for T in PATH[8:12]]
    _, tracks = run(Mode.RGBD, [*PATH[:8], *turned])
    assert all(track.is_tracked for track in tracks)
    truth = from_first(np.stack([*PATH[:8], *turned]))
    assert np.linalg.norm(tracks[8].T_world_cam[:3, 3] - truth[8, :3, 3]) < 0.02


@pytest.mark.parametrize("mode", list(Mode))
def test_a_start_without_features_waits_and_says_why(mode):
    _, tracks = run(mode, PATH[:4], blind=[0, 1])
    assert [track.status for track in tracks[:2]] == [TrackStatus.INITIALIZING] * 2
    assert all(track.reason and track.features == 0 for track in tracks[:2])
    if mode.is_metric:
        assert tracks[0].reason == "too few features with depth (0)"
        assert tracks[2].reason == "map started" and tracks[3].status is TrackStatus.TRACKING
        np.testing.assert_array_equal(tracks[2].T_world_cam, np.eye(4))


def test_the_trajectory_holds_every_tracked_frame_once():
    slam, tracks = walked(Mode.RGBD)
    assert slam.trajectory().stamps_ns.tolist() == [track.stamp_ns for track in tracks]
    assert len(run(Mode.RGBD, PATH[:2], blind=[0, 1])[0].trajectory()) == 0


def test_keyframes_are_named_in_their_tracks():
    slam, tracks = walked(Mode.RGBD)
    named = {track.keyframe_id: track.index for track in tracks if track.keyframe_id >= 0}
    assert named == {k.keyframe_id: k.frame_index for k in slam.map.keyframes.values()}


def test_tracks_count_what_they_found():
    _, tracks = walked(Mode.RGBD)
    for track in tracks[1:]:
        assert track.inliers >= CONFIG.tracking.min_inliers
        assert len(track.landmark_ids) == len(track.xy_raw) == track.features
        assert {"local_map", "match", "pose"} <= track.ms.keys()


def test_a_still_camera_makes_no_keyframes():
    slam, tracks = run(Mode.RGBD, [PATH[0]] * 34)
    assert all(track.is_tracked for track in tracks)
    assert len(slam.map.keyframes) <= 2


def test_a_snapshot_is_a_copy():
    slam, _ = walked(Mode.RGBD)
    snapshot = slam.snapshot()
    assert len(snapshot.points_world) == len(snapshot.colors) == slam.map.num_alive
    assert snapshot.T_world_keyframes.shape == (len(slam.map.keyframes), 4, 4)
    assert snapshot.trajectory_world.shape == (len(PATH), 3)
    before = slam.map.points_world.copy()
    snapshot.points_world[:] = 0.0
    np.testing.assert_array_equal(slam.map.points_world, before)


def test_adjusting_the_whole_map_at_the_end_keeps_the_walk_within_a_tenth_of_its_error():
    adjusted = replace(CONFIG, run=replace(CONFIG.run, final_ba_s=20.0))
    slam = Slam(RIG, Mode.RGBD, adjusted)
    for i, T_world_cam in enumerate(PATH):
        slam.process(blank_frame(i), observed(i, T_world_cam, depth=True))
    slam.finish()
    before, after = (np.sqrt(np.mean(errors_m(s, with_scale=False) ** 2)) for s in (walked(Mode.RGBD)[0], slam))
    assert after < 1.1 * before and slam.back_end.health.failed == 0
    assert slam.map.points_world.tobytes() != walked(Mode.RGBD)[0].map.points_world.tobytes()
