"""What can go wrong while a window is solved: who is to blame is put aside, and what can't be believed is refused."""

from dataclasses import replace

import gtsam
import numpy as np
import pytest
from gtsam.symbol_shorthand import L, X
from known_windows import PATH, is_finite, pose_error_m, window, with_rows

from slam.config import GraphConfig
from slam.geometry import exp_se3
from slam.graph import factors
from slam.graph.answer import Solution
from slam.graph.blame import blame_of_error, blame_of_result, relieved
from slam.graph.bundle import optimize
from slam.graph.clean import is_covariance
from slam.graph.covariance import conditional_covariances, joint_covariance
from slam.graph.descent import Descent


def test_an_indeterminate_landmark_is_named_put_aside_and_the_rest_solved(monkeypatch):
    monkeypatch.setattr(factors, "LANDMARK_PRIOR", 1e9)  # nothing holds a landmark but its pixels
    problem = window(depth=False)
    far = np.flatnonzero(np.bincount(problem.landmark_index) == 2)[0]
    ray = problem.points_world[far] - PATH[0, :3, 3]
    answer = optimize(with_rows(problem, "points_world", far, PATH[0, :3, 3] + 1e3 * ray))
    assert answer.failure == "" and answer.set_aside == {"indeterminate landmarks": 1}
    assert problem.landmark_ids[far] not in answer.landmark_ids
    assert pose_error_m(answer.T_world_cam).max() < 0.02


def indeterminate(pose_is_held):
    """What GTSAM throws about a camera that sees one point; about the point where the camera is held."""
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    noise = gtsam.noiseModel.Isotropic.Sigma(2, 1.0)
    graph.add(gtsam.GenericProjectionFactorCal3_S2(np.zeros(2), noise, X(3), L(2), gtsam.Cal3_S2(5, 5, 0, 0, 0)))
    if pose_is_held:
        graph.add(gtsam.PriorFactorPose3(X(3), gtsam.Pose3(), gtsam.noiseModel.Isotropic.Sigma(6, 1.0)))
    else:
        graph.add(gtsam.PriorFactorPoint3(L(2), np.array([0.0, 0.0, 4.0]), gtsam.noiseModel.Isotropic.Sigma(3, 1.0)))
    values.insert(X(3), gtsam.Pose3())
    values.insert(L(2), np.array([0.0, 0.0, 4.0]))
    with pytest.raises(RuntimeError) as caught:
        graph.linearize(values).optimize()
    return caught.value


def test_gtsams_text_names_the_keyframe_or_the_landmark():
    problem = window()
    pose = blame_of_error(problem, indeterminate(pose_is_held=False))
    point = blame_of_error(problem, indeterminate(pose_is_held=True))
    assert np.flatnonzero(pose.keyframes).tolist() == [3] and not pose.landmarks.any()
    assert np.flatnonzero(point.landmarks).tolist() == [2] and not point.keyframes.any()
    assert pose.why.startswith("indeterminate system: ") and "x3" in pose.why


def test_a_text_that_names_nobody_is_the_failure():
    blame = blame_of_error(window(), RuntimeError("\nout of range\nmore"))
    assert blame.is_nobodys and blame.why == "the optimiser failed: out of range more"


def test_a_blamed_keyframe_keeps_its_place_and_is_not_asked_what_it_sees():
    problem = window()
    rest, counts = relieved(problem, blame_of_error(problem, indeterminate(pose_is_held=False)))
    assert rest.is_edge[3] and 3 not in rest.keyframe_index and len(rest.keyframe_ids) == 6
    assert counts["indeterminate keyframes"] == 1


def test_a_keyframe_that_moves_too_far_keeps_its_place_and_the_others_are_solved():
    problem = window()
    away = with_rows(problem, "T_world_cam", 4, PATH[4] @ exp_se3(np.array([0.0, 0.0, 0.0, 3.0, 0.0, 0.0])))
    answer = optimize(replace(away, config=GraphConfig(iterations=30)))
    assert answer.failure == "" and answer.set_aside["keyframes that moved too far"] == 1
    np.testing.assert_allclose(answer.T_world_cam[4], away.T_world_cam[4], atol=1e-6)
    assert np.delete(pose_error_m(answer.T_world_cam), 4).max() < 0.005


def solution_of(problem):
    return Solution(problem.T_world_cam.copy(), problem.points_world.copy())


def test_a_result_that_is_not_finite_is_blamed_on_what_is_not():
    problem = window(noise_px=0.1, pose_noise=0.0, point_noise_m=0.0)
    solution = solution_of(problem)
    descent = Descent(gtsam.Values(), 2.0, 1.0, 1, False)
    assert blame_of_result(problem, solution, descent) is None
    solution.points_world[7], solution.T_world_cam[2] = np.inf, np.nan
    blame = blame_of_result(problem, solution, descent)
    assert np.flatnonzero(blame.landmarks).tolist() == [7] and np.flatnonzero(blame.keyframes).tolist() == [2]


@pytest.mark.parametrize("cost", [2.1, np.nan, np.inf])
def test_a_cost_that_went_up_is_not_believed(cost):
    problem = window()
    blame = blame_of_result(problem, solution_of(problem), Descent(gtsam.Values(), 2.0, cost, 1, False))
    assert blame.is_nobodys and blame.why.startswith("the cost went up: 2 to ")


def test_a_window_out_of_time_gives_the_best_until_then_and_says_so():
    problem = window(pose_noise=0.02)
    hurried = optimize(replace(problem, config=GraphConfig(max_ms=0.0)))
    full = optimize(problem)
    assert hurried.out_of_time and not full.out_of_time and hurried.failure == ""
    before, after = (np.median(pose_error_m(T)) for T in (problem.T_world_cam, hurried.T_world_cam))
    assert after < before
    assert hurried.T_world_cam.tobytes() != full.T_world_cam.tobytes()


# --- how well the poses are known ---


def test_a_pose_of_which_nothing_is_known_gets_a_loose_covariance():
    problem = window()
    information = np.eye(36) * 1e6
    information[12:18] = information[:, 12:18] = 0.0
    covariances, loose = conditional_covariances(problem, information)
    assert loose == 1 and all(map(is_covariance, covariances))
    assert np.trace(covariances[2]) > 1e3 * np.trace(covariances[1])
    assert joint_covariance(problem, information) is None


def test_priors_that_shrink_with_every_window_stay_numbers():
    problem = replace(window(), prior_covariances=np.tile(np.eye(6) * 1e-280, (6, 1, 1)))
    answer = optimize(problem)
    assert answer.failure == "" and answer.set_aside == {} and is_finite(answer)
    assert pose_error_m(answer.T_world_cam).max() < 0.005
