"""Local bundle adjustment on a window with a known answer; failures are values."""

from dataclasses import replace

import numpy as np
import pytest
from known_windows import CONFIG, PATH, mapped, point_error_m, pose_error_m, rms, window
from synthetic_world import CAMERA, RIG

from slam.config import GraphConfig
from slam.geometry import exp_se3, invert
from slam.graph import InlineGraph
from slam.graph.bundle import optimize
from slam.graph.window import choose_window
from slam.types import Mode


@pytest.mark.parametrize("depth", [True, False])
def test_poses_and_points_get_better(depth):
    problem = window(depth=depth, pose_noise=0.02)
    answer = optimize(problem)
    assert answer.failure == ""
    assert rms(pose_error_m(answer.T_world_cam)[2:]) < 0.004 < 0.25 * rms(pose_error_m(problem.T_world_cam)[2:])
    before, after = (point_error_m(problem, points) for points in (problem.points_world, answer.points_world))
    assert np.median(after) < 0.4 * np.median(before)
    assert 0.3 < answer.error_px < 1.0


def test_without_noise_the_answer_is_the_truth():
    problem = window(noise_px=0.0, depth=True)
    answer = optimize(replace(problem, config=GraphConfig(iterations=30)))
    assert pose_error_m(answer.T_world_cam).max() < 5e-4
    assert np.quantile(point_error_m(problem, answer.points_world), 0.95) < 5e-3


def test_gross_outliers_are_marked_and_do_no_harm():
    problem, wrong = window(), np.array([3, 77, 150, 222])
    xy, right_x = problem.xy.copy(), problem.right_x.copy()
    xy[wrong] += (40.0, -30.0)
    right_x[wrong] += 40.0
    answer = optimize(replace(problem, xy=xy, right_x=right_x))
    marked = set(zip(answer.outlier_keyframe_ids.tolist(), answer.outlier_landmark_ids.tolist()))
    keyframes, landmarks = problem.keyframe_ids[problem.keyframe_index], problem.landmark_ids[problem.landmark_index]
    assert set(zip(keyframes[wrong].tolist(), landmarks[wrong].tolist())) <= marked
    assert len(marked) < 10
    assert pose_error_m(answer.T_world_cam).max() < 0.005


def test_a_wrong_disparity_alone_is_an_outlier_too():
    problem = window()
    right_x = problem.right_x.copy()
    right_x[5] -= 25.0
    answer = optimize(replace(problem, right_x=right_x))
    landmark_id = problem.landmark_ids[problem.landmark_index[5]]
    assert landmark_id in answer.outlier_landmark_ids


def test_too_few_observations_change_nothing_and_say_so():
    problem = window()
    few = slice(0, 19)
    answer = optimize(
        replace(
            problem,
            keyframe_index=problem.keyframe_index[few],
            landmark_index=problem.landmark_index[few],
            xy=problem.xy[few],
            right_x=problem.right_x[few],
        )
    )
    assert answer.failure == "too few observations: 19"
    assert len(answer.keyframe_ids) == len(answer.landmark_ids) == len(answer.outlier_landmark_ids) == 0


DEGENERATE = {
    "all points in one place": lambda p: replace(p, points_world=0 * p.points_world + (0.0, 0.0, 4.0)),
    "all points in a camera": lambda p: replace(p, points_world=0 * p.points_world + p.T_world_cam[3, :3, 3]),
    "all points behind": lambda p: replace(p, points_world=p.points_world - (0.0, 0.0, 50.0)),
    "all poses the same": lambda p: replace(p, T_world_cam=0 * p.T_world_cam + p.T_world_cam[0]),
    "no keyframe at the edge": lambda p: replace(p, is_edge=np.zeros(6, bool)),
    "all keyframes at the edge": lambda p: replace(p, is_edge=np.ones(6, bool)),
    "pixels far outside": lambda p: replace(p, xy=p.xy * 1e6),
    "no prior at all": lambda p: replace(p, prior_covariances=np.zeros((6, 6, 6))),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("depth", [True, False])
def test_a_degenerate_window_is_an_answer_and_never_an_exception(name, depth):
    answer = optimize(DEGENERATE[name](window(depth=depth)))
    assert answer.failure or (np.isfinite(answer.T_world_cam).all() and np.isfinite(answer.points_world).all())


def test_a_landmark_without_parallax_does_not_break_the_window():
    problem = window(depth=False)
    far = 1000.0 * (problem.points_world[:3] - PATH[0, :3, 3]) + PATH[0, :3, 3]
    xy = problem.xy.copy()
    for i, T_world_cam in enumerate(PATH):
        for j in range(3):
            seen = (problem.keyframe_index == i) & (problem.landmark_index == j)
            xy[seen] = CAMERA.project((far[j : j + 1] - T_world_cam[:3, 3]) @ T_world_cam[:3, :3])
    answer = optimize(replace(problem, points_world=np.r_[far, problem.points_world[3:]], xy=xy))
    assert answer.failure == "" and np.isfinite(answer.points_world).all()
    assert pose_error_m(answer.T_world_cam).max() < 0.004


def test_edge_keyframes_barely_move():
    problem = window()
    answer = optimize(problem)
    moved_m = np.linalg.norm(answer.T_world_cam[:, :3, 3] - problem.T_world_cam[:, :3, 3], axis=1)
    assert moved_m[:2].max() < 2e-4 and moved_m[2:].max() > 5e-3


def test_a_loosely_known_edge_keyframe_gives_way():
    problem = window()
    off = problem.T_world_cam.copy()
    off[1] = off[1] @ exp_se3(np.array([0, 0, 0, 0.03, 0, 0]))
    covariances = problem.prior_covariances.copy()
    covariances[1] = np.eye(6) * 0.1**2
    answer = optimize(replace(problem, T_world_cam=off, prior_covariances=covariances))
    assert pose_error_m(answer.T_world_cam)[1] < 0.005


def test_a_monocular_window_keeps_its_scale():
    problem = replace(window(depth=False, edge=1), scale_pair=(0, 1))
    answer = optimize(problem)
    before, after = (np.linalg.norm(T[1, :3, 3] - T[0, :3, 3]) for T in (problem.T_world_cam, answer.T_world_cam))
    assert after == pytest.approx(before, rel=0.005)


def test_the_same_problem_has_the_same_answer_to_the_bit():
    first, second = optimize(window()), optimize(window())
    assert first.T_world_cam.tobytes() == second.T_world_cam.tobytes()
    assert first.points_world.tobytes() == second.points_world.tobytes()


def test_the_graph_in_line_answers_once():
    graph = InlineGraph()
    assert graph.poll() is None
    graph.submit(window())
    assert graph.poll().failure == "" and graph.poll() is None and not graph.is_busy


def test_the_window_holds_the_newest_keyframes_free_and_older_ones_at_the_edge():
    problem = choose_window(mapped(), RIG, Mode.RGBD, GraphConfig(window=3, edge=2), {4: np.eye(6)})
    assert len(problem.keyframe_ids) == 5 and problem.is_edge.tolist() == [False] * 3 + [True] * 2
    assert 5 in problem.keyframe_ids[:3]
    assert set(problem.keyframe_index) == set(range(5))


def test_the_window_says_what_the_map_says():
    world = mapped()
    problem = choose_window(world, RIG, Mode.RGBD, CONFIG, {})
    for i, keyframe_id in enumerate(problem.keyframe_ids.tolist()):
        seen = problem.keyframe_index == i
        keyframe, ids = world.keyframes[keyframe_id], problem.landmark_ids[problem.landmark_index[seen]]
        index = np.array([np.flatnonzero(keyframe.landmark_ids == k)[0] for k in ids])
        np.testing.assert_array_equal(problem.xy[seen], keyframe.observation.features.xy[index].astype(float))
    np.testing.assert_array_equal(problem.points_world, world.points_world[problem.landmark_ids])
    assert optimize(problem).error_px < 0.05


def test_a_point_needs_two_pictures_or_one_with_depth():
    for depth, fewest in ((False, 2), (True, 1)):
        problem = choose_window(mapped(depth=depth), RIG, Mode.MONO, GraphConfig(window=2, edge=1), {})
        assert np.bincount(problem.landmark_index).min() >= fewest
    assert np.isnan(choose_window(mapped(depth=False), RIG, Mode.MONO, CONFIG, {}).right_x).all()


def test_the_most_observed_landmarks_stay_when_there_are_too_many():
    world = mapped()
    problem = choose_window(world, RIG, Mode.RGBD, GraphConfig(max_landmarks=30), {})
    assert len(problem.landmark_ids) == 30
    seen = np.unique(np.concatenate([k.landmark_ids for k in world.keyframes.values()]))
    others = np.setdiff1d(seen, problem.landmark_ids)
    assert world.observations[problem.landmark_ids].min() >= world.observations[others].max()


def test_a_young_monocular_window_holds_its_scale_by_a_distance():
    assert choose_window(mapped(2, depth=False), RIG, Mode.MONO, CONFIG, {}).scale_pair == (0, 1)
    assert choose_window(mapped(2), RIG, Mode.RGBD, CONFIG, {}).scale_pair is None
    config = GraphConfig(window=3, edge=3)
    assert choose_window(mapped(depth=False), RIG, Mode.MONO, config, {}).scale_pair is None


def test_a_window_that_shares_nothing_fails_by_value():
    world = mapped(1)
    problem = choose_window(world, RIG, Mode.RGBD, CONFIG, {})
    assert optimize(problem).failure == "too few observations: 0"
    assert np.isfinite(invert(problem.T_world_cam)).all()
