"""The map keeps its counts in step with what its keyframes say, whatever happens to it."""

import numpy as np
import pytest
from synthetic_world import make_world, nothing_seen

from slam.geometry import apply, exp_se3, invert
from slam.mapping.map import GROWTH, LANDMARK_COLUMNS, Map, points_in_camera
from slam.types import Correction, ImuSamples, Loop

DIM = 8
T_MOVE = exp_se3(np.array([0.1, -0.2, 0.3, 1.0, 2.0, -0.5]))
NONE = np.zeros(0, np.int64)


def ids(*values):
    return np.array(values, np.int64)


def observation(count, seed=0):
    """Some features; where they are does not matter here."""
    world = make_world(count, DIM, seed)
    return world.observe(T_MOVE @ np.diag([0.0, 0, 0, 1]), clutter=count)[0] if count else nothing_seen(DIM)


def add_keyframe(world, landmark_ids, T_world_cam=T_MOVE):
    seen = observation(len(landmark_ids), seed=len(world.keyframes))
    assert len(seen) == len(landmark_ids)
    return world.add_keyframe(10 * len(world.keyframes), seen, T_world_cam, landmark_ids)


def add_landmarks(world, keyframe_id, index):
    rng = np.random.default_rng(world.num_landmarks)
    colors = rng.integers(0, 255, (len(index), 3), np.uint8)
    return world.add_landmarks(keyframe_id, rng.uniform(-1, 1, (len(index), 3)), index, colors)


def small_map(keyframes=2, landmarks=5):
    """Keyframes that all see the same landmarks, in the same order."""
    world = Map(DIM)
    add_keyframe(world, np.full(landmarks, -1))
    seen = add_landmarks(world, 0, np.arange(landmarks))
    for _ in range(keyframes - 1):
        add_keyframe(world, seen)
    return world


def assert_in_step(world):
    counts = np.zeros(len(world.alive), np.int64)
    for keyframe in world.keyframes.values():
        seen = keyframe.landmark_ids[keyframe.landmark_ids >= 0]
        assert world.alive[seen].all()
        counts += np.bincount(seen, minlength=len(counts))
    np.testing.assert_array_equal(world.observations, counts)
    for landmark_id in np.flatnonzero(counts):
        seen_by = [k for k, keyframe in world.keyframes.items() for i in keyframe.landmark_ids if i == landmark_id]
        assert sorted(world.observers.of(ids(landmark_id)).tolist()) == sorted(seen_by)


def columns_of(world):
    return {name: getattr(world, name)[: world.num_landmarks].copy() for name in LANDMARK_COLUMNS}


def correction(outliers=(), keyframe_ids=NONE, T_world_cam=None, landmark_ids=NONE, points_world=None):
    poses = np.zeros((0, 4, 4)) if T_world_cam is None else T_world_cam
    points = np.zeros((0, 3)) if points_world is None else points_world
    outliers = np.array(outliers, np.int64).reshape(-1, 2)
    no_covariances = np.zeros((len(keyframe_ids), 6, 6))
    return Correction(keyframe_ids, poses, landmark_ids, points, no_covariances, outliers[:, 0], outliers[:, 1])


def random_step(world, rng):
    """One of the things that may happen to a map."""
    alive = np.flatnonzero(world.alive)
    keyframe = world.keyframes[int(rng.choice(list(world.keyframes)))]
    some = rng.permutation(alive)[: rng.integers(1, 6)]
    kind = rng.integers(9)
    if kind == 0:
        free = np.flatnonzero(keyframe.landmark_ids < 0)
        add_landmarks(world, keyframe.keyframe_id, rng.permutation(free)[:8])
    elif kind == 1:
        seen = np.full(12, -1)
        seen[: len(some)] = some
        add_keyframe(world, rng.permutation(seen))
    elif kind == 2:
        fresh = some[~np.isin(some, keyframe.landmark_ids)]
        world.associate(keyframe.keyframe_id, rng.permutation(12)[: len(fresh)], fresh)
    elif kind == 3:
        world.remove_landmarks(some[:2])
    elif kind == 4:
        world.fuse(some[: len(some) // 2], some[len(some) // 2 : len(some) // 2 * 2])
    elif kind == 6:
        world.move([keyframe.keyframe_id], some, T_MOVE, scale=1.1)
    elif kind == 7:
        world.count(some, some[:2])
    elif kind == 8:
        outliers = [(keyframe.keyframe_id, landmark_id) for landmark_id in some[:1].tolist()]
        world.apply(correction(outliers, landmark_ids=some, points_world=world.points_world[some] + 0.1))
    elif kind == 5 and len(world.keyframes) > 3:
        others = [k for k in world.keyframes if k != keyframe.keyframe_id]
        world.remove_keyframe(keyframe.keyframe_id, int(rng.choice(others)))


@pytest.mark.parametrize("seed", range(8))
def test_counts_stay_in_step_with_what_keyframes_see(seed):
    rng, world = np.random.default_rng(seed), Map(DIM)
    add_keyframe(world, np.full(12, -1))
    add_landmarks(world, 0, np.arange(12))
    for _ in range(60):
        random_step(world, rng)
        assert_in_step(world)
    assert world.num_alive == world.alive.sum()


def test_a_feature_that_sees_another_landmark_lets_the_first_go():
    world = small_map()
    world.remove_landmarks(ids(3))
    world.associate(1, ids(3, 0), ids(0, -1))
    assert world.keyframes[1].landmark_ids.tolist() == [-1, 1, 2, 0, 4]
    assert_in_step(world)


def test_the_newest_view_describes_a_landmark():
    world = small_map(keyframes=1)
    T_world_cam = exp_se3(np.array([0, 0, 0, 4.0, 0, 0]))
    newest = add_keyframe(world, ids(-1, 2, -1), T_world_cam)
    np.testing.assert_array_equal(world.descriptors[2], newest.observation.features.descriptors[1])
    seen_from = world.points_world[2] + world.directions[2] * world.distances_m[2]
    np.testing.assert_allclose(seen_from, [4.0, 0, 0], atol=1e-12)  # m


def test_removed_landmarks_are_forgotten_everywhere():
    world = small_map()
    world.remove_landmarks(ids(1, 4))
    assert all(k.landmark_ids.tolist() == [0, -1, 2, 3, -1] for k in world.keyframes.values())
    assert_in_step(world)


def test_a_new_landmark_takes_the_row_of_one_that_is_gone_and_nothing_else_of_it():
    world = small_map()
    world.count(ids(1, 4), ids(1, 4))
    world.remove_landmarks(ids(1, 4))
    world.changed[:] = False
    assert add_landmarks(world, 1, ids(1, 4)).tolist() == [1, 4]
    assert world.alive[:5].all() and world.num_landmarks == 5
    assert world.observations[[1, 4]].tolist() == [1, 1] and world.born[[1, 4]].tolist() == [1, 1]
    assert world.predicted[[1, 4]].tolist() == world.found[[1, 4]].tolist() == [1, 1]
    assert world.changed[[1, 4]].all()
    assert world.keyframes[0].landmark_ids.tolist() == [0, -1, 2, 3, -1]
    assert_in_step(world)


def test_landmarks_that_come_and_go_leave_the_map_as_large_as_it_was():
    world = small_map()
    for _ in range(10):
        index = np.flatnonzero(world.keyframes[1].landmark_ids < 0)[:2]
        if len(index) == 0:
            index = ids(0, 3)
            world.remove_landmarks(world.keyframes[1].landmark_ids[index])
        add_landmarks(world, 1, index)
    assert world.num_landmarks <= 7
    assert_in_step(world)


def test_a_correction_replaces_poses_and_points():
    world = small_map()
    poses, points = np.stack([T_MOVE @ T_MOVE]), np.array([[1.0, 2.0, 3.0]])
    world.apply(correction(keyframe_ids=ids(1), T_world_cam=poses, landmark_ids=ids(2), points_world=points))
    np.testing.assert_array_equal(world.keyframes[1].T_world_cam, poses[0])
    np.testing.assert_array_equal(world.keyframes[0].T_world_cam, T_MOVE)
    np.testing.assert_array_equal(world.points_world[2], points[0])


def test_landmarks_that_had_no_part_in_a_correction_stay_before_their_first_observer():
    world = small_map()
    lonely = add_landmarks(world, add_keyframe(world, np.full(3, -1)).keyframe_id, np.arange(3))
    later = add_landmarks(world, add_keyframe(world, np.full(2, -1)).keyframe_id, np.arange(2))
    T_before, was = world.keyframes[2].T_world_cam, world.points_world[: world.num_landmarks].copy()
    seen = points_in_camera(world, lonely, T_before)
    poses = np.stack([T_MOVE, T_MOVE @ T_MOVE])  # of keyframes 1, which saw nothing first, and 2
    optimised = np.array([[1.0, 2.0, 3.0]])
    world.apply(correction(keyframe_ids=ids(1, 2), T_world_cam=poses, landmark_ids=lonely[:1], points_world=optimised))
    np.testing.assert_array_equal(world.points_world[lonely[0]], optimised[0])
    np.testing.assert_allclose(points_in_camera(world, lonely[1:], poses[1]), seen[1:], atol=1e-12)
    np.testing.assert_array_equal(world.points_world[:5], was[:5])
    np.testing.assert_array_equal(world.points_world[later], was[later])


def test_a_correction_drops_outliers_and_landmarks_that_nobody_confirms_any_more():
    world = small_map(keyframes=3)
    world.apply(correction(outliers=[(0, 1), (1, 3), (2, 3)]))
    assert world.keyframes[0].landmark_ids.tolist() == [0, -1, 2, -1, 4]
    assert world.keyframes[2].landmark_ids.tolist() == [0, 1, 2, -1, 4]
    assert world.observations[:5].tolist() == [3, 2, 3, 0, 3]
    assert_in_step(world)


def test_an_outlier_that_is_gone_already_changes_nothing():
    world = small_map()
    world.remove_landmarks(ids(3))
    world.apply(correction(outliers=[(0, 3)]))
    assert world.num_alive == 4
    assert_in_step(world)


def test_moving_carries_poses_and_points_together():
    world = small_map()
    before = points_in_camera(world, np.arange(5), world.keyframes[1].T_world_cam)
    was = world.points_world[:5].copy()
    world.move([1], np.arange(5), T_MOVE)
    np.testing.assert_allclose(world.points_world[:5], apply(T_MOVE, was), atol=1e-12)
    np.testing.assert_allclose(
        points_in_camera(world, np.arange(5), world.keyframes[1].T_world_cam), before, atol=1e-12
    )


def test_keyframes_that_share_most_come_first_and_newer_ones_on_ties():
    world = small_map(keyframes=1, landmarks=6)
    for seen in (ids(0, 1), ids(0, 1, 2), ids(4, 5), ids(1, 0, -1)):
        add_keyframe(world, seen)
    assert world.covisible(ids(0, 1, 2, -1)) == [(2, 3), (0, 3), (4, 2), (1, 2)]
    assert world.covisible(ids(-1)) == []


def test_growing_beyond_the_first_rows_keeps_every_value():
    world = Map(DIM)
    add_keyframe(world, np.full(50, -1))
    add_landmarks(world, 0, np.arange(50))
    first = world.points_world[:50].copy(), world.descriptors[:50].copy(), world.colors[:50].copy()
    many = GROWTH + 10
    add_keyframe(world, np.full(many, -1))
    assert add_landmarks(world, 1, np.arange(many)).tolist() == list(range(50, 50 + many))
    assert len(world.alive) == 2 * GROWTH >= world.num_alive == 50 + many
    for now, then in zip((world.points_world, world.descriptors, world.colors), first):
        np.testing.assert_array_equal(now[:50], then)
    assert_in_step(world)


def test_the_last_keyframe_is_the_newest():
    world = small_map(keyframes=3)
    world.associate(0, ids(0), ids(-1))
    assert world.last_keyframe.keyframe_id == 2


def test_fused_landmarks_are_seen_by_everyone_who_saw_either_and_once_at_most():
    world = small_map(keyframes=1, landmarks=6)
    add_keyframe(world, ids(0, 1, 2))
    add_keyframe(world, ids(3, 0, 4, -1))
    world.fuse(ids(0, 1), ids(3, 4))
    assert world.keyframes[0].landmark_ids.tolist() == [0, 1, 2, -1, -1, 5]
    assert world.keyframes[2].landmark_ids.tolist() == [-1, 0, 1, -1]
    assert not world.alive[[3, 4]].any() and world.observations[:3].tolist() == [3, 3, 2]
    assert_in_step(world)


def test_a_removed_keyframe_takes_the_landmarks_along_that_only_it_saw():
    world = small_map(keyframes=2, landmarks=3)
    add_keyframe(world, np.full(4, -1))
    alone = add_landmarks(world, 2, ids(0, 2))
    world.remove_keyframe(2, heir_id=1)
    assert not world.alive[alone].any() and world.num_alive == 3 and list(world.keyframes) == [0, 1]
    assert add_keyframe(world, ids(0)).keyframe_id == 3  # ids are not used again
    assert_in_step(world)


def test_a_loop_of_a_removed_keyframe_goes_over_to_its_heir():
    poses = [
        T_MOVE,
        T_MOVE @ T_MOVE,
        exp_se3(np.array([0.0, 0.1, 0, 2, 0, 0])),
        exp_se3(np.array([0.2, 0, 0, 1, 1, 0])),
    ]
    world = Map(DIM)
    for T_world_cam in poses:
        add_keyframe(world, np.full(2, -1), T_world_cam)
    world.loops = [Loop(0, 2, invert(poses[0]) @ poses[2])]
    world.remove_keyframe(2, heir_id=3)
    world.remove_keyframe(0, heir_id=1)
    (loop,) = world.loops
    assert (loop.keyframe_a, loop.keyframe_b) == (1, 3)
    np.testing.assert_allclose(loop.T_a_b, invert(poses[1]) @ poses[3], atol=1e-12)


def test_a_loop_between_a_keyframe_and_its_heir_says_nothing_and_goes():
    world = small_map(keyframes=3)
    world.loops = [Loop(0, 2, np.eye(4))]
    world.remove_keyframe(2, heir_id=0)
    assert world.loops == []


def test_inertial_samples_of_a_removed_keyframe_go_to_the_next_one():
    world = Map(DIM)
    for k in range(3):
        samples = ImuSamples(ids(10 * k, 10 * k + 5), np.full((2, 3), k), np.full((2, 3), -k))
        world.add_keyframe(k, observation(1), T_MOVE, ids(-1), imu=samples)
    world.remove_keyframe(1, heir_id=0)
    assert world.keyframes[2].imu.stamps_ns.tolist() == [10, 15, 20, 25]
    assert world.keyframes[2].imu.gyro_rad_s[:, 0].tolist() == [1, 1, 2, 2]


def test_moving_with_a_scale_keeps_what_every_camera_sees():
    world = small_map()
    before = points_in_camera(world, np.arange(5), world.keyframes[1].T_world_cam)
    world.move([0, 1], np.arange(5), T_MOVE, scale=2.5)
    after = points_in_camera(world, np.arange(5), world.keyframes[1].T_world_cam)
    np.testing.assert_allclose(after, 2.5 * before, atol=1e-12)
    seen_from = world.points_world[:5] + world.directions[:5] * world.distances_m[:5, None]
    np.testing.assert_allclose(seen_from, np.tile(world.keyframes[1].T_world_cam[:3, 3], (5, 1)), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_every_row_that_changes_is_marked(seed):
    rng, world = np.random.default_rng(seed), small_map(keyframes=3, landmarks=12)
    for _ in range(80):
        before = columns_of(world)
        world.changed[:] = False
        random_step(world, rng)
        for name, after in columns_of(world).items():
            old = len(before[name])
            differs = (after[:old] != before[name]).reshape(old, -1).any(1)
            assert world.changed[: world.num_landmarks][np.r_[differs, np.ones(len(after) - old, bool)]].all()


def test_a_restored_map_is_the_map_it_was_made_from():
    rng, world = np.random.default_rng(0), small_map(keyframes=3, landmarks=12)
    for _ in range(60):
        random_step(world, rng)
    again = Map.restored(world.keyframes.values(), columns_of(world), world.loops, world.next_keyframe_id)
    for name, column in columns_of(again).items():
        np.testing.assert_array_equal(column, getattr(world, name)[: world.num_landmarks])
    assert again.keyframes == world.keyframes and not again.changed.any()
    assert add_keyframe(again, ids(-1)).keyframe_id == world.next_keyframe_id
    assert_in_step(again)
