import os
import signal
import time

import numpy as np
import pytest

from slam.config import GraphConfig
from slam.geometry import exp_se3, invert
from slam.graph import InlineGraph
from slam.graph.window import WindowProblem
from slam.running import graph_process
from slam.running.graph_process import GraphProcess

FOCAL_PX, BASELINE_M = 500.0, 0.1


def problem(landmarks=60):
    """Three keyframes that see the same points with depth; the newest stands 2 cm from where it should."""
    rng = np.random.default_rng(0)
    points_world = rng.uniform((-1, -1, 3), (1, 1, 5), (landmarks, 3))
    true = [exp_se3(np.array([0.0, 0.02 * k, 0.01, 0.1 * k, 0.02, 0.05])) for k in range(3)]
    points_cam = [points_world @ invert(T)[:3, :3].T + invert(T)[:3, 3] for T in true]
    xy = np.concatenate([FOCAL_PX * p[:, :2] / p[:, 2:] + (320, 240) for p in points_cam])
    depth_m = np.concatenate([p[:, 2] for p in points_cam])
    guess = np.array(true)
    guess[2, :3, 3] += 0.02
    return WindowProblem(
        intrinsics=(FOCAL_PX, FOCAL_PX, 320.0, 240.0),
        baseline_m=BASELINE_M,
        keyframe_ids=np.arange(3),
        T_world_cam=guess,
        is_edge=np.array([True, False, False]),
        prior_covariances=np.stack([np.eye(6) * 1e-8] * 3),
        landmark_ids=np.arange(landmarks),
        points_world=points_world,
        keyframe_index=np.repeat(np.arange(3), landmarks),
        landmark_index=np.tile(np.arange(landmarks), 3),
        xy=xy,
        right_x=xy[:, 0] - BASELINE_M * FOCAL_PX / depth_m,
        scale_pair=None,
        config=GraphConfig(),
    )


@pytest.fixture(scope="module")
def shared():
    """One process for the tests that leave it alive."""
    graph = GraphProcess()
    yield graph
    graph.close()


@pytest.fixture
def graph():
    graph = GraphProcess()
    yield graph
    graph.close()


def answer(graph, timeout_s=60.0):
    end = time.monotonic() + timeout_s
    while (correction := graph.poll()) is None:
        assert time.monotonic() < end, "no answer"
        time.sleep(0.01)
    return correction


def test_the_process_answers_as_the_graph_in_line_does(shared):
    inline = InlineGraph()
    inline.submit(problem())
    shared.submit(problem())
    assert shared.is_busy
    expected, got = inline.poll(), answer(shared)
    assert not shared.is_busy and shared.poll() is None
    np.testing.assert_array_equal(got.T_world_cam, expected.T_world_cam)


def test_nobody_waits_for_a_process_that_is_still_starting(graph):
    start = time.perf_counter()
    graph.submit(problem(landmarks=3000))  # more than a pipe holds
    assert time.perf_counter() - start < 0.3  # s, far less than the imports of the process take
    assert answer(graph).failure == ""


def test_once_it_is_ready_the_process_answers_at_once(graph):
    graph.wait_until_ready()
    start = time.perf_counter()
    graph.submit(problem())
    assert answer(graph).failure == ""
    assert time.perf_counter() - start < 1.0  # s, less than the imports take


def test_a_killed_process_is_an_answer_that_says_so_and_the_next_problem_is_solved(graph):
    graph.submit(problem())
    answer(graph)
    first = graph.pid
    os.kill(first, signal.SIGKILL)
    graph.submit(problem())
    assert "died; it was started again" in answer(graph).failure
    assert graph.pid != first
    graph.submit(problem())
    assert answer(graph).failure == ""


def test_a_stuck_process_is_given_up(shared, monkeypatch):
    shared.submit(problem())
    answer(shared)
    os.kill(shared.pid, signal.SIGSTOP)
    monkeypatch.setattr(graph_process, "STUCK_S", 0.3)
    shared.submit(problem(landmarks=3000))
    assert "stuck" in answer(shared, timeout_s=10.0).failure
    assert not shared.is_busy


def test_ctrl_c_does_not_reach_the_process(graph):
    os.kill(graph.pid, signal.SIGINT)  # while it starts
    graph.submit(problem())
    assert answer(graph).failure == ""


def test_a_signal_to_the_runs_group_does_not_reach_the_process(graph):
    graph.wait_until_ready()
    assert os.getpgid(graph.pid) != os.getpgid(0)
    os.kill(graph.pid, 0)  # it lives
    graph.submit(problem())
    assert answer(graph).failure == ""
