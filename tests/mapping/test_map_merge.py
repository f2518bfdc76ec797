"""Two maps in one file: aligned where they overlap and enough of it says so, side by side where not."""

from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from ring_world import CONFIG, RING, at, ring_world, run
from synthetic_world import FRAME_NS, RIG, SyntheticWorld

from slam.geometry import exp_se3, invert, similar, umeyama
from slam.loops.agreement import agreeing
from slam.loops.joining import carry, junction_of, scaled_loop
from slam.loops.verification import FoundLoop
from slam.mapfile.about import MapAbout
from slam.mapfile.journal import write_map
from slam.mapfile.merge import joined
from slam.mapfile.reader import load_map
from slam.mapfile.same import same_map, same_places
from slam.running.merge import align
from slam.types import Loop, Mode

FIRST, SECOND = tuple(range(70)), tuple(range(50, 115))  # steps; 120 are a lap
MODES = pytest.mark.parametrize("mode", [Mode.RGBD, pytest.param(Mode.MONO, marks=pytest.mark.slow)])


@cache
def mapped(mode, steps, world=RING):
    """The map of a run, as its file holds it."""
    slam, _ = run(mode, steps, world=world)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.map"
        write_map(file, MapAbout.of_run("sift", "", 128, mode, RIG), slam.map, slam.placed, runs=1)
        return load_map(file)


def in_another_world(loaded):
    """The same map seen from elsewhere, and in other units where it has none."""
    scale = 1.0 if Mode(loaded.about.mode).is_metric else 1.7
    T_new_old = exp_se3(np.array([0.5, -1.0, 0.3, 2.0, 1.0, -3.0]))
    world, placed = deepcopy(loaded.world), loaded.placed()
    carry(world, list(world.keyframes), T_new_old, scale)
    placed.scale(dict.fromkeys(world.keyframes, scale))
    return replace(loaded, world=world, places=placed.frames)


def merged(*maps, adjust_s=0.0):
    """The maps put together one after the other, and what the last alignment found."""
    both = maps[0]
    for other in maps[1:]:
        first_of_other = both.world.next_keyframe_id
        both = joined(both, other)
        counts = align(both, first_of_other, CONFIG, adjust_s)
    return both, counts


def submaps(loaded):
    return {keyframe.submap_id for keyframe in loaded.world.keyframes.values()}


def error_m(loaded, runs):
    """Root mean square distance from the truth of the frames of all runs (their steps), aligned as one body."""
    keyframes, mode = loaded.world.keyframes, Mode(loaded.about.mode)
    places = loaded.places.values()
    found = np.stack([(keyframes[p.keyframe_id].T_world_cam @ p.T_keyframe_cam)[:3, 3] for p in places])
    truth = np.stack([at(runs[p.run][p.stamp_ns // FRAME_NS])[:3, 3] for p in places])
    scale, T = umeyama(truth, found, with_scale=not mode.is_metric)
    return float(np.sqrt(np.mean(np.sum((truth - scale * found @ T[:3, :3].T - T[:3, 3]) ** 2, 1))))


# --- maps that overlap ---


@MODES
def test_two_halves_become_one_map_as_true_as_that_of_one_run(mode):
    both, counts = merged(mapped(mode, FIRST), in_another_world(mapped(mode, SECOND)))
    assert submaps(both) == {0} and counts.joined == 1 and counts.believed >= 2
    alone = error_m(mapped(mode, tuple(range(115))), [range(115)])
    assert error_m(both, [FIRST, SECOND]) < alone + 0.003  # m, on a circle of 1 m radius


@pytest.mark.slow
def test_an_adjustment_of_a_merged_monocular_map_makes_it_truer():
    halves = mapped(Mode.MONO, FIRST), mapped(Mode.MONO, SECOND)
    plain, adjusted = merged(*halves)[0], merged(*halves, adjust_s=60.0)[0]
    assert error_m(adjusted, [FIRST, SECOND]) < 0.9 * error_m(plain, [FIRST, SECOND])


@MODES
def test_a_map_merged_with_itself_holds_no_landmark_twice(mode):
    once = mapped(mode, FIRST)
    both, counts = merged(once, once)
    assert submaps(both) == {0} and counts.believed == len(once.world.keyframes)
    assert both.world.num_alive < 1.03 * once.world.num_alive
    assert error_m(both, [FIRST, FIRST]) < error_m(once, [FIRST]) + 0.002  # m


def test_maps_that_overlap_at_both_ends_close_the_ring():
    around = tuple(range(50, 140))  # 120 to 139 are the places of 0 to 19
    both, counts = merged(mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, around))
    last, first = both.world.last_keyframe, both.world.keyframes[0]
    assert submaps(both) == {0} and counts.fused > 100
    assert np.isin(last.landmark_ids[last.landmark_ids >= 0], first.landmark_ids).sum() > 30
    assert error_m(both, [FIRST, around]) < 0.010  # m


def test_a_map_that_meets_two_others_makes_all_three_one():
    apart, counts = merged(mapped(Mode.MONO, tuple(range(35))), mapped(Mode.MONO, tuple(range(60, 100))))
    assert counts.joined == 0 and submaps(apart) == {0, 1}
    between = tuple(range(10, 85))
    all_three, counts = merged(apart, in_another_world(mapped(Mode.MONO, between)))
    assert counts.joined == 2 and submaps(all_three) == {0}
    assert error_m(all_three, [range(35), range(60, 100), between]) < 0.010  # m


@MODES
def test_loops_of_a_merged_map_say_what_the_map_says(mode):
    both, counts = merged(mapped(mode, FIRST), in_another_world(mapped(mode, SECOND)))
    assert len(both.world.loops) == counts.believed
    for loop in both.world.loops:
        a, b = (both.world.keyframes[k].T_world_cam for k in (loop.keyframe_a, loop.keyframe_b))
        np.testing.assert_allclose(a @ loop.T_a_b, b, atol=0.05)
        assert loop.scale_a_b == pytest.approx(1.0, abs=0.05)


@MODES
def test_frames_of_both_halves_are_located_in_the_merged_map(mode):
    both, _ = merged(mapped(mode, FIRST), mapped(mode, SECOND))
    seen = (*range(0, 60, 10), *range(75, 115, 10))
    slam, tracks = run(mode, [*seen, None], restored=both, grows=False)
    assert sum(track.is_tracked for track in tracks) == len(seen) and slam.main_submap == 0


def test_two_merges_are_the_same_to_the_bit():
    first, again = (merged(mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, SECOND))[0] for _ in range(2))
    assert same_map(first.world, again.world) and same_places(first.places, again.places)


# --- maps that do not, or not surely ---


def test_maps_of_different_places_stay_side_by_side_as_they_were():
    one, other = mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, FIRST, ring_world(seed=1))
    both, counts = merged(one, other)
    assert submaps(both) == {0, 1} and counts.joined == counts.found == counts.fused == 0
    beside = joined(one, other).world
    assert np.array_equal(both.world.points_world, beside.points_world) and both.world.loops == beside.loops


def with_poster(world, count):
    """The world, and before its wall so many points that look the same in every such world."""
    rng = np.random.default_rng(5)
    points = np.column_stack([rng.uniform(-0.4, 0.4, (count, 2)), np.full(count, 3.0)])
    looks = RING.descriptors[:count]
    return SyntheticWorld(np.concatenate([points, world.points_world]), np.concatenate([looks, world.descriptors]))


def test_a_poster_that_hangs_in_two_rooms_does_not_weld_them():
    rooms = [with_poster(ring_world(seed), 75) for seed in (2, 3)]
    both, counts = merged(*(mapped(Mode.RGBD, tuple(range(-15, 16)), room) for room in rooms))
    assert counts.found >= 2 and counts.joined == 0 and submaps(both) == {0, 1}


def test_a_map_of_one_keyframe_is_not_enough():
    one, other = mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, (60,))
    both, counts = merged(one, other)
    assert counts.found == 1 and counts.joined == 0 and submaps(both) == {0, 1}


def test_an_empty_map_changes_nothing():
    both, counts = merged(mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, (None,)))
    assert submaps(both) == {0} and counts.found == 0


def loops_between(false):
    """A map side by side with itself, and the loop that each keyframe closes with itself; some of them false."""
    once = mapped(Mode.RGBD, FIRST).world
    both = joined(mapped(Mode.RGBD, FIRST), mapped(Mode.RGBD, FIRST)).world
    loops = []
    for i, k in enumerate(once.keyframes):
        T_a_b = exp_se3(np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.5])) if i in false else np.eye(4)
        loop = Loop(k, k + once.next_keyframe_id, T_a_b)
        loops.append(FoundLoop(loop, once.keyframes[k].landmark_ids))
    return both, loops


def test_one_false_loop_beside_a_true_one_decides_nothing():
    both, loops = loops_between(false={1})
    assert agreeing(both, loops[:2], CONFIG.loops, with_scale=False) == []
    assert agreeing(both, loops[1:2], CONFIG.loops, with_scale=False) == []


def test_a_false_loop_among_true_ones_is_left_out():
    both, loops = loops_between(false={1})
    chosen = agreeing(both, loops[:4], CONFIG.loops, with_scale=False)
    assert [found.loop.keyframe_a for found in chosen] == [
        found.loop.keyframe_a for found in (loops[i] for i in (0, 2, 3))
    ]


def test_half_of_the_loops_are_no_majority():
    both, loops = loops_between(false={2, 3})
    for i in (2, 3):  # two false ones that say different things
        turned = exp_se3(np.array([0.0, 0.3 * i, 0.0, 0.0, 0.0, 0.0]))
        loops[i] = replace(loops[i], loop=replace(loops[i].loop, T_a_b=turned))
    assert agreeing(both, loops[:4], CONFIG.loops, with_scale=False) == []


def test_two_loops_that_show_the_same_few_landmarks_are_one_witness():
    both, loops = loops_between(false=())
    few = np.arange(CONFIG.loops.min_inliers + 10)
    assert agreeing(both, [replace(found, landmark_ids=few) for found in loops[:3]], CONFIG.loops, False) == []


# --- what carrying does ---


def test_a_loop_says_the_same_after_lengths_around_its_ends_were_multiplied():
    loop = Loop(1, 2, exp_se3(np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0])), scale_a_b=1.5)
    scaled = scaled_loop(loop, {1: 2.0, 2: 3.0})
    np.testing.assert_allclose(scaled.T_a_b, similar(np.eye(4), 2.0, loop.T_a_b))
    assert scaled.scale_a_b == pytest.approx(1.0)  # 2 / 3 of 1.5


def test_carried_keyframes_take_their_landmarks_along():
    world = joined(mapped(Mode.MONO, FIRST), mapped(Mode.MONO, FIRST)).world
    before = world.points_world.copy()
    own = world.born >= world.submap(1)[0].keyframe_id
    carry(world, [k.keyframe_id for k in world.submap(1)], exp_se3(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])), 2.0)
    alive = world.alive
    np.testing.assert_array_equal(world.points_world[alive & ~own], before[alive & ~own])
    np.testing.assert_allclose(world.points_world[alive & own], 2 * before[alive & own] + [1, 0, 0])


def test_a_loop_and_the_same_told_from_its_other_end_lay_the_submap_alike():
    world = joined(mapped(Mode.MONO, FIRST), in_another_world(mapped(Mode.MONO, FIRST))).world
    a, b = world.first_of(0), world.first_of(1)
    T_a_b, scale = exp_se3(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])), 0.6
    T_b_a = invert(T_a_b)
    T_b_a[:3, 3] /= scale  # in lengths of b's world
    loops = Loop(a, b, T_a_b, scale), Loop(b, a, T_b_a, 1 / scale)
    one, other = (junction_of(world, FoundLoop(loop, np.zeros(0, np.int64)), loop.scale_a_b) for loop in loops)
    assert (one.kept_id, one.moved_id) == (other.kept_id, other.moved_id) == (0, 1)
    assert one.scale == pytest.approx(other.scale) == scale
    np.testing.assert_allclose(one.T_kept_moved, other.T_kept_moved, atol=1e-9)
    moved = similar(one.T_kept_moved, scale, world.keyframes[b].T_world_cam)
    np.testing.assert_allclose(moved, world.keyframes[a].T_world_cam @ T_a_b, atol=1e-9)
