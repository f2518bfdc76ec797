"""What a window can suffer before it is solved: each kind is put aside and counted, and the rest is solved."""

from dataclasses import replace

import numpy as np
import pytest
from known_windows import PATH, is_finite, pose_error_m, window, with_rows

from slam.config import GraphConfig
from slam.graph.bundle import optimize
from slam.graph.clean import cleaned

LOST = np.full(3, np.nan)


def seen_only_by(problem, keyframes):
    """Landmark 0 keeps the observations of these keyframes, without depth."""
    kept = (problem.landmark_index != 0) | np.isin(problem.keyframe_index, keyframes)
    rows = {name: getattr(problem, name)[kept] for name in ("keyframe_index", "landmark_index", "xy", "right_x")}
    return with_rows(replace(problem, **rows), "right_x", rows["landmark_index"] == 0, np.nan)


def without_parallax(problem):
    """Landmark 0 is seen by two keyframes that are said to be in one place."""
    return seen_only_by(with_rows(problem, "T_world_cam", 3, problem.T_world_cam[2]), [2, 3])


def blind(problem):
    """The last keyframe keeps three of its observations."""
    rows = np.flatnonzero(problem.keyframe_index == 5)[3:]
    return with_rows(problem, "landmark_index", rows, -1)


SINGULAR = np.diag([1e-8, 1e-8, 1e-8, 1e-8, 1e-8, 0.0])
CORRUPTIONS = {  # kind -> (what was done to a window, how many of the kind)
    "observations of nothing": (lambda p: with_rows(p, "keyframe_index", [3, 9], 6), 2),
    "keyframes without a pose": (lambda p: with_rows(p, "T_world_cam", 4, np.nan), 1),
    "landmarks without a place": (lambda p: with_rows(p, "points_world", [0, 7], [LOST, [0.0, np.inf, 1.0]]), 2),
    "observations without a pixel": (lambda p: with_rows(p, "xy", [2, 8, 9], [[np.nan, 1], [1, np.inf], [1e9, 1]]), 3),
    "observations from behind": (lambda p: with_rows(p, "points_world", 0, PATH[0, :3, 3] - PATH[0, :3, 2]), 6),
    "observations from too near": (
        lambda p: with_rows(p, "points_world", 0, (p.T_world_cam[5] @ (0, 0, 2e-3, 1))[:3]),
        1,
    ),
    "observations from too far": (lambda p: with_rows(p, "points_world", 0, PATH[0, :3, 3] + 1e5 * PATH[0, :3, 2]), 6),
    "landmarks seen too little": (lambda p: seen_only_by(p, [2]), 1),
    "landmarks without parallax": (without_parallax, 1),
    "keyframes that see too little": (blind, 1),
    "covariances not positive definite": (lambda p: with_rows(p, "prior_covariances", 1, SINGULAR), 1),
    "windows that nothing held": (lambda p: replace(p, is_edge=np.zeros(6, bool)), 1),
}


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_what_can_not_be_used_is_put_aside_and_counted_and_the_rest_is_solved(kind):
    corrupt, count = CORRUPTIONS[kind]
    answer = optimize(corrupt(window()))
    assert answer.failure == "" and answer.set_aside[kind] == count
    assert is_finite(answer)
    rows = answer.keyframe_ids - 10
    off_m = np.linalg.norm(answer.T_world_cam[:, :3, 3] - PATH[rows, :3, 3], axis=1)
    assert np.quantile(off_m, 0.8) < 0.02  # a keyframe that keeps its place may be one centimetre off


def test_nothing_is_put_aside_of_a_sound_window():
    for depth in (True, False):
        problem = window(depth=depth)
        usable, counts = cleaned(problem)
        assert not counts and optimize(problem).set_aside == {}
        for name in ("T_world_cam", "prior_covariances", "points_world", "keyframe_index", "landmark_index", "xy"):
            assert getattr(usable, name).tobytes() == getattr(problem, name).tobytes()


def test_the_map_is_told_to_forget_what_can_never_be_used():
    problem = with_rows(with_rows(window(), "xy", 2, np.nan), "points_world", 0, np.inf)
    answer = optimize(problem)
    forgotten = set(zip(answer.outlier_keyframe_ids.tolist(), answer.outlier_landmark_ids.tolist()))
    keyframes, landmarks = problem.keyframe_ids[problem.keyframe_index], problem.landmark_ids[problem.landmark_index]
    useless = np.isnan(problem.xy[:, 0]) | (problem.landmark_index == 0)
    assert set(zip(keyframes[useless].tolist(), landmarks[useless].tolist())) <= forgotten


def test_an_observation_from_behind_is_kept_when_its_point_comes_back_to_the_front():
    problem = window()
    between = PATH[5, :3, 3] - 0.05 * PATH[5, :3, 2]  # behind the last camera, in front of those before it
    answer = optimize(with_rows(replace(problem, config=GraphConfig(iterations=30)), "points_world", 0, between))
    assert answer.set_aside["observations from behind"] > 0
    landmark_id = problem.landmark_ids[0]
    assert landmark_id in answer.landmark_ids and landmark_id not in answer.outlier_landmark_ids


def test_an_observation_that_ends_behind_is_counted_and_forgotten():
    problem = window()
    rows = np.flatnonzero(problem.landmark_index == 0)
    behind = PATH[0, :3, 3] + 0.02 * PATH[0, :3, 2]
    xy = problem.xy[rows] * 0 + 240.0
    answer = optimize(with_rows(with_rows(problem, "points_world", 0, behind), "xy", rows, xy))
    assert set(answer.set_aside) & {"observations that ended behind", "observations from behind"}
    assert (answer.outlier_landmark_ids == problem.landmark_ids[0]).sum() >= 5


NO_WINDOWS = {  # nothing can be made of these
    "two cameras in one place": lambda p: replace(p, T_world_cam=np.repeat(p.T_world_cam[:1], 6, axis=0)),
    "all points at infinity": lambda p: replace(p, points_world=p.points_world * 1e9),
    "all points nowhere": lambda p: replace(p, points_world=p.points_world * np.nan),
    "no pixel": lambda p: replace(p, xy=p.xy * np.inf),
    "no pose": lambda p: replace(p, T_world_cam=p.T_world_cam * 0.0),
    "no camera": lambda p: replace(p, intrinsics=(0.0, np.nan, 320.0, 240.0)),
    "nothing seen": lambda p: with_rows(p, "keyframe_index", slice(None), -1),
    "every pixel wrong": lambda p: replace(p, xy=np.random.default_rng(1).uniform(0, 480, p.xy.shape)),
}


@pytest.mark.parametrize("name", NO_WINDOWS)
def test_a_window_that_is_none_is_a_failure_that_says_why_and_changes_nothing(name):
    answer = optimize(NO_WINDOWS[name](window(depth=False)))
    assert answer.failure and len(answer.keyframe_ids) == len(answer.landmark_ids) == 0
    assert "\n" not in answer.failure and len(answer.failure) < 200


# --- at random ---

VALUES = [np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, 1e-300, 1e12, -1e12, -1.0, 1e4]
ARRAYS = ("T_world_cam", "points_world", "xy", "right_x", "prior_covariances", "keyframe_index", "landmark_index")


def corrupted_once(problem, rng):
    """One array with other values in some rows, in all of their columns or in one."""
    name = str(rng.choice(ARRAYS))
    array = getattr(problem, name).copy()
    rows = rng.integers(len(array), size=rng.choice([1, 1, 5, 20, len(array) // 2]))
    if array.dtype == np.int64:
        array[rows] = rng.choice([-1, -5, 10**9, 3])
    elif rng.random() < 0.5:
        array[rows] = rng.choice(VALUES)
    else:
        array.reshape(len(array), -1)[rows, rng.integers(array[0].size)] = rng.choice(VALUES)
    return replace(problem, **{name: array})


@pytest.mark.parametrize("depth", [True, False])
def test_fifty_windows_corrupted_at_random_are_fifty_answers(depth):
    sound = window(depth=depth)
    expected = optimize(sound)
    for seed in range(50):
        rng, problem = np.random.default_rng(seed), sound
        for _ in range(rng.integers(1, 4)):
            problem = corrupted_once(problem, rng)
        answer = optimize(problem)
        assert is_finite(answer), seed
        said = (
            answer.failure or answer.set_aside or len(answer.outlier_landmark_ids) > len(expected.outlier_landmark_ids)
        )
        assert said or pose_error_m(answer.T_world_cam).max() < 0.02, seed  # m
    assert optimize(sound).T_world_cam.tobytes() == expected.T_world_cam.tobytes()
