"""Bundle adjustment of a whole map: what it holds, that it gets better, and that it keeps to its time."""

import time
from dataclasses import replace

import numpy as np
import pytest
from known_windows import PATH, mapped, pose_error_m, window
from synthetic_world import RIG, make_world, walk

from slam.config import GraphConfig
from slam.geometry import exp_se3, umeyama
from slam.graph import InlineGraph
from slam.graph.full_bundle import optimize_full
from slam.graph.full_problem import FullProblem, choose_all
from slam.graph.solve import SOLVERS, allowed_s, solve
from slam.types import Mode

CONFIG = GraphConfig()


def off(T_world_cam, sigma=0.01):
    """The poses, all but the first a little off."""
    rng = np.random.default_rng(7)
    return T_world_cam @ np.stack([exp_se3(rng.normal(0, sigma if i else 0.0, 6)) for i in range(len(T_world_cam))])


def moved(world):
    """The map, with its keyframes a little off."""
    poses = off(np.stack([keyframe.T_world_cam for keyframe in world.keyframes.values()]))
    for keyframe_id, T_world_cam in zip(list(world.keyframes), poses):
        world.keyframes[keyframe_id] = replace(world.keyframes[keyframe_id], T_world_cam=T_world_cam)
    return world


def with_two_submaps(world):
    for keyframe_id in (3, 4, 5):
        world.keyframes[keyframe_id] = replace(world.keyframes[keyframe_id], submap_id=1)
    return world


def test_the_problem_holds_the_whole_map():
    world = mapped()
    (part,) = choose_all(world, RIG, Mode.RGBD, CONFIG, max_s=10.0).parts
    assert part.keyframe_ids.tolist() == list(range(6)) and part.is_edge.tolist() == [True] + 5 * [False]
    assert len(part.xy) == sum((k.landmark_ids >= 0).sum() for k in world.keyframes.values())
    for row in (0, 200, len(part.xy) - 1):
        keyframe = world.keyframes[int(part.keyframe_ids[part.keyframe_index[row]])]
        index = np.flatnonzero(keyframe.landmark_ids == part.landmark_ids[part.landmark_index[row]])[0]
        np.testing.assert_array_equal(part.xy[row], keyframe.observation.features.xy[index].astype(float))
        assert part.right_x[row] == keyframe.observation.right_x[index]
    np.testing.assert_array_equal(part.points_world, world.points_world[part.landmark_ids])


def test_without_depth_a_landmark_needs_two_pictures_and_the_scale_a_long_distance():
    (part,) = choose_all(mapped(depth=False), RIG, Mode.MONO, CONFIG, max_s=10.0).parts
    assert np.bincount(part.landmark_index).min() == 2
    assert part.scale_pair == (0, 5)


def test_the_poses_of_a_whole_map_get_better_and_its_first_keyframe_stays():
    answer = optimize_full(choose_all(moved(mapped()), RIG, Mode.RGBD, CONFIG, max_s=60.0))
    before = pose_error_m(off(PATH))
    assert answer.failure == "" and answer.set_aside == {} and not answer.out_of_time
    assert pose_error_m(answer.T_world_cam).max() < 5e-4 < 0.1 * before.max()  # m
    np.testing.assert_allclose(answer.T_world_cam[0], PATH[0], atol=1e-5)


def test_a_monocular_map_keeps_its_scale():
    problem = choose_all(moved(mapped(depth=False)), RIG, Mode.MONO, CONFIG, max_s=60.0)
    answer = optimize_full(problem)
    before, after = (
        np.linalg.norm(T[5, :3, 3] - T[0, :3, 3]) for T in (problem.parts[0].T_world_cam, answer.T_world_cam)
    )
    assert after == pytest.approx(before, rel=1e-3)
    _, T_truth_map = umeyama(PATH[:, :3, 3], answer.T_world_cam[:, :3, 3], with_scale=True)
    assert np.linalg.norm(T_truth_map[:3, 3]) < 0.02


def test_submaps_are_optimised_each_for_itself():
    problem = choose_all(moved(with_two_submaps(mapped())), RIG, Mode.RGBD, CONFIG, max_s=60.0)
    answer = optimize_full(problem)
    assert [part.keyframe_ids.tolist() for part in problem.parts] == [[0, 1, 2], [3, 4, 5]]
    assert answer.keyframe_ids.tolist() == list(range(6)) and answer.failure == ""
    first = off(PATH)[3]
    np.testing.assert_allclose(answer.T_world_cam[3], first, atol=1e-5)  # the first of the second
    relative = np.linalg.inv(answer.T_world_cam[3]) @ answer.T_world_cam[5]
    np.testing.assert_allclose(relative, np.linalg.inv(PATH[3]) @ PATH[5], atol=3e-3)


def test_a_submap_of_which_nothing_can_be_made_is_counted_and_the_others_are_optimised():
    good = window(depth=True)
    bad = replace(good, xy=good.xy * np.nan, keyframe_ids=good.keyframe_ids + 100)
    answer = optimize_full(FullProblem((good, bad), 60.0))
    assert answer.failure == "" and answer.keyframe_ids.tolist() == good.keyframe_ids.tolist()
    assert answer.set_aside["sub-maps not optimised"] == 1 and answer.set_aside["observations without a pixel"] == len(
        bad.xy
    )
    assert optimize_full(FullProblem((bad,), 60.0)).failure.startswith("too few observations: 0")
    assert optimize_full(FullProblem((), 60.0)).failure == "no keyframes"


def test_out_of_time_is_said_and_what_was_reached_is_taken():
    problem = choose_all(moved(mapped()), RIG, Mode.RGBD, CONFIG, max_s=0.0)
    answer = optimize_full(problem)
    assert answer.out_of_time and answer.failure == ""
    assert pose_error_m(answer.T_world_cam).max() < pose_error_m(problem.parts[0].T_world_cam).max()
    twice = optimize_full(replace(problem, parts=problem.parts * 2))
    assert twice.out_of_time and twice.set_aside == {"sub-maps not optimised": 1}  # the second did not begin


def test_the_graph_takes_a_whole_map_as_it_takes_a_window():
    problem = choose_all(moved(mapped()), RIG, Mode.RGBD, CONFIG, max_s=30.0)
    graph = InlineGraph()
    graph.submit(problem)
    np.testing.assert_array_equal(graph.poll().T_world_cam, optimize_full(problem).T_world_cam)
    assert allowed_s(problem) == 30.0 and allowed_s(window()) == 0.0


def test_every_row_of_the_table_is_there():
    for place in SOLVERS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))
    with pytest.raises(KeyError):
        solve("not a problem")


@pytest.mark.slow
def test_two_hundred_keyframes_keep_to_their_time():
    room, path = make_world(10_000, descriptor_dim=2), walk(200, length_m=3.0)
    problem = large(room, path)
    start = time.perf_counter()
    answer = optimize_full(problem)
    assert (
        answer.failure == "" and time.perf_counter() - start < problem.max_s + 5.0
    )  # s: the first step is always made
    errors_m = [np.linalg.norm(T[:, :3, 3] - path[:, :3, 3], axis=1) for T in (off(path, 0.02), answer.T_world_cam)]
    assert np.median(errors_m[1]) < 0.1 * np.median(errors_m[0])


def large(room, path, seen_by_each=400):
    """What 200 keyframes see of a room, 400 points each, with poses a little off."""
    rng, seen = np.random.default_rng(0), [room.observe(T, seed=i, noise_px=0.5) for i, T in enumerate(path)]
    rows = [np.sort(rng.permutation(len(observation))[:seen_by_each]) for observation, _ in seen]
    points = np.concatenate([ids[index] for (_, ids), index in zip(seen, rows)])
    landmark_ids = np.unique(points)
    part = replace(
        window(),
        keyframe_ids=np.arange(len(path)),
        T_world_cam=off(path, 0.02),
        is_edge=np.arange(len(path)) == 0,
        prior_covariances=np.tile(1e-10 * np.eye(6), (len(path), 1, 1)),
        landmark_ids=landmark_ids,
        points_world=room.points_world[landmark_ids],
        keyframe_index=np.repeat(np.arange(len(path)), [len(index) for index in rows]),
        landmark_index=np.searchsorted(landmark_ids, points),
        xy=np.concatenate([o.features.xy[index] for (o, _), index in zip(seen, rows)]).astype(float),
        right_x=np.concatenate([o.right_x[index] for (o, _), index in zip(seen, rows)]).astype(float),
    )
    return FullProblem((part,), max_s=20.0)
