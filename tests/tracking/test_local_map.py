"""What a frame should see of the map, and the search around a known pose."""

import numpy as np
from synthetic_world import CAMERA, START, make_world, observation_of, unit, walk

from slam.config import TrackingConfig
from slam.geometry import apply, exp_se3, transform
from slam.mapping.map import Map
from slam.tracking.local_map import _near, guided_search, local_landmarks, strongest, virtual_view, visible

TRACKING = TrackingConfig()
TURNED_BACK = np.diag([-1.0, 1.0, -1.0, 1.0])


def nobody(observation):
    return np.full(len(observation), -1, np.int64)


def map_from(room, T_world_cam):
    """A map of all that one keyframe sees; its landmark ids are in the order of that keyframe's features."""
    world = Map(room.descriptors.shape[1])
    observation, rows = room.observe(T_world_cam)
    world.add_keyframe(0, observation, T_world_cam, nobody(observation))
    colors = np.zeros((len(rows), 3), np.uint8)
    ids = world.add_landmarks(0, room.points_world[rows], np.arange(len(rows)), colors)
    return world, ids, rows


def looking_at(points_cam):
    """A map of a keyframe at START that sees these points (N, 3)."""
    world = Map(4)
    count = len(points_cam)
    descriptors = unit(np.random.default_rng(0).normal(size=(count, 4)))
    observation = observation_of(CAMERA.project(points_cam), descriptors, np.full(count, 10.0))
    world.add_keyframe(0, observation, START, nobody(observation))
    return world, world.add_landmarks(0, apply(START, points_cam), np.arange(count), np.zeros((count, 3), np.uint8))


def test_a_keyframe_expects_all_it_sees_where_it_sees_it():
    world, ids, _ = map_from(make_world(), START)
    view = visible(world, ids, START, CAMERA, 0.0)
    np.testing.assert_array_equal(view.landmark_ids, ids)
    np.testing.assert_allclose(view.xy, world.keyframes[0].observation.features.xy, atol=1e-3)  # px


def test_landmarks_behind_and_outside_are_not_expected():
    world, ids = looking_at(np.array([[0.0, 0.0, 3.0], [0.0, 0.0, 0.4], [1.8, 0.0, 3.0]]))
    ahead = START @ transform(np.eye(3), [0.0, 0.0, 0.6])  # passes the second, leaves the third aside
    assert visible(world, ids, ahead, CAMERA, 0.0).landmark_ids.tolist() == [0]
    assert visible(world, ids, START @ TURNED_BACK, CAMERA, 0.0).landmark_ids.tolist() == []


def test_the_margin_widens_the_picture():
    world, ids = looking_at(np.array([[0.0, 0.0, 3.0], [1.99, 0.0, 3.0]]))
    world.points_world[1] = apply(START, np.array([[2.1, 0.0, 3.0]]))[0]  # x = 672 px
    assert visible(world, ids, START, CAMERA, 0.0).landmark_ids.tolist() == [0]
    assert visible(world, ids, START, CAMERA, 40.0).landmark_ids.tolist() == [0, 1]


def test_landmarks_are_not_expected_from_their_back_side():
    world, ids = looking_at(np.array([[0.0, 0.0, 3.0]]))
    beyond = START @ transform(TURNED_BACK[:3, :3], [0.0, 0.0, 6.0])
    assert len(visible(world, ids, beyond, CAMERA, 0.0)) == 0
    aside = START @ transform(exp_se3(np.array([0, -0.5, 0, 0, 0, 0]))[:3, :3], [1.5, 0.0, 0.3])
    assert len(visible(world, ids, aside, CAMERA, 0.0)) == 1  # 30 degrees are fine


def test_landmarks_are_not_expected_from_a_very_different_distance():
    world, ids = looking_at(np.array([[0.0, 0.0, 3.0]]))
    near, nearer = (START @ transform(np.eye(3), [0, 0, z]) for z in (1.7, 1.9))  # 1.3 m, 1.1 m left
    assert len(visible(world, ids, near, CAMERA, 0.0)) == 1
    assert len(visible(world, ids, nearer, CAMERA, 0.0)) == 0


def test_the_strongest_of_every_cell_stay():
    world, ids, _ = map_from(make_world(2500), START)
    world.observations[ids] = np.random.default_rng(0).integers(1, 6, len(ids))
    view = visible(world, ids, START, CAMERA, 0.0)
    chosen = strongest(world, view, 96, CAMERA)
    cells, chosen_cells = cells_of(view), cells_of(chosen)
    assert len(chosen) == 96 and set(chosen_cells) == set(cells)
    for cell in set(cells):
        best = world.observations[view.landmark_ids[cells == cell]].max()
        assert world.observations[chosen.landmark_ids[chosen_cells == cell]].max() == best


def cells_of(view):
    return (view.xy[:, 1] // 80).astype(int) * 8 + (view.xy[:, 0] // 80).astype(int)


def test_a_small_view_stays_whole():
    world, ids, _ = map_from(make_world(100), START)
    view = visible(world, ids, START, CAMERA, 0.0)
    assert strongest(world, view, len(view), CAMERA) is view


def test_the_virtual_view_shows_landmarks_as_last_seen():
    world, ids, _ = map_from(make_world(), START)
    view = visible(world, ids, walk(10)[3], CAMERA, 0.0)
    picture = virtual_view(world, view, CAMERA, 5.0)
    assert picture.xy.dtype == np.float32 and picture.image_size == (640, 480)
    np.testing.assert_array_equal(picture.descriptors, world.descriptors[view.landmark_ids])


def test_the_local_map_is_what_the_nearest_keyframes_see():
    room, (first, *_, last) = make_world(), walk(20, length_m=3.0)
    world, ids, _ = map_from(room, first)
    observation, rows = room.observe(last, clutter=5)
    world.add_keyframe(1, observation, last, nobody(observation))
    new = world.add_landmarks(1, room.points_world[rows[:50]], np.arange(50), np.zeros((50, 3), np.uint8))
    np.testing.assert_array_equal(local_landmarks(world, new[:20], 1), new)
    np.testing.assert_array_equal(local_landmarks(world, np.full(3, -1), 5), new)  # nothing known: the last keyframe
    world.associate(1, np.array([60]), ids[:1])
    np.testing.assert_array_equal(local_landmarks(world, new[:20], 5), np.sort(np.r_[new, ids[0]]))
    np.testing.assert_array_equal(local_landmarks(world, np.r_[new[:20], ids[0]], 5), np.sort(np.r_[ids, new]))


def test_guided_search_finds_the_rest_and_nothing_twice():
    room = make_world()
    world, ids, rows = map_from(room, START)
    observation, rows_now = room.observe(walk(20)[2], seed=3, clutter=80)
    of_row = np.full(len(room.points_world) + 1, -1)
    of_row[rows] = ids
    truth = of_row[rows_now]
    taken = np.where(np.arange(len(truth)) % 3 == 0, truth, -1)
    view = visible(world, ids, walk(20)[2], CAMERA, 0.0)
    index, found = guided_search(world, view, observation, taken, TRACKING)
    np.testing.assert_array_equal(found, truth[index])
    assert len(np.unique(found)) == len(found) == len(np.unique(index))
    assert not np.isin(found, taken).any() and (taken[index] < 0).all()
    assert len(index) > 0.95 * ((truth >= 0) & (taken < 0)).sum()


def test_guided_search_looks_only_near_the_projection_and_only_at_what_looks_alike():
    world, ids = looking_at(np.array([[0.0, 0.0, 3.0]]))
    view = visible(world, ids, START, CAMERA, 0.0)
    descriptor = world.descriptors[ids]
    near, far = np.add(view.xy, (7.0, -7.0)), np.add(view.xy, (9.0, 0.0))
    none = np.full(1, -1)

    def pairs(xy, seen):
        return len(guided_search(world, view, observation_of(xy, seen, np.full(1, np.nan)), none, TRACKING)[0])

    other = unit(descriptor + 2.0 * np.roll(descriptor, 1) * (1, -1, 1, -1))
    assert (pairs(near, descriptor), pairs(far, descriptor), pairs(near, other)) == (1, 0, 0)


def test_near_pairs_are_those_that_comparing_all_with_all_finds():
    rng = np.random.default_rng(4)
    xy_a, xy_b = rng.uniform(0, 100, (60, 2)), rng.uniform(0, 100, (70, 2)).astype(np.float32)
    index_a, index_b = _near(xy_a, xy_b, 8.0)
    expected = np.argwhere((np.abs(xy_a[:, None] - xy_b) < 8.0).all(2))
    assert {*zip(index_a.tolist(), index_b.tolist())} == {*map(tuple, expected.tolist())}
    assert len(index_a) == len(expected) > 50
    assert [len(part) for part in _near(xy_a, xy_b + np.float32(500), 8.0)] == [0, 0]


def test_guided_search_for_nothing_finds_nothing():
    world, ids, _ = map_from(make_world(100), START)
    view = visible(world, ids, START, CAMERA, 0.0)
    seen = world.keyframes[0]
    assert [len(part) for part in guided_search(world, view, seen.observation, seen.landmark_ids, TRACKING)] == [0, 0]


def test_the_virtual_view_says_how_far_off_it_may_be():
    world, ids, _ = map_from(make_world(), START)
    view = visible(world, ids, START, CAMERA, 0.0)
    np.testing.assert_array_equal(virtual_view(world, view, CAMERA, 7.5).sigma_px, np.full(len(view), 7.5))
