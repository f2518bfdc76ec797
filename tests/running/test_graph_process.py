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


def expected():
    inline = InlineGraph()
    inline.submit(problem())
    return inline.poll().T_world_cam.tobytes()


def test_a_process_killed_before_a_problem_is_started_again_for_it(shared):
    before = shared.restarts
    kill(shared.pid)
    assert next_answer(shared, problem()).T_world_cam.tobytes() == expected()
    assert shared.restarts == before + 1


def test_a_problem_whose_process_is_killed_is_posed_again(shared):
    before, first = shared.restarts, shared.pid
    os.kill(first, signal.SIGSTOP)
    shared.submit(problem())
    time.sleep(0.1)  # s: the problem has arrived, and can't be answered
    assert shared.poll() is None
    kill(first)
    assert answer(shared).T_world_cam.tobytes() == expected()
    assert shared.restarts == before + 1


def test_an_answer_outlives_its_process(shared):
    shared.submit(problem())
    end = time.monotonic() + 60.0
    while shared._answers.empty() and time.monotonic() < end:
        time.sleep(0.01)
    kill(shared.pid)
    assert shared.poll().T_world_cam.tobytes() == expected()
    assert next_answer(shared, problem()).failure == ""


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def next_answer(graph, posed):
    graph.submit(posed)
    return answer(graph)


def test_a_stuck_process_is_killed_and_its_problem_posed_again(shared, monkeypatch):
    first = shared.pid
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr(graph_process, "STUCK_S", 1.0)
    assert next_answer(shared, problem(landmarks=3000)).failure == ""  # more than a pipe holds: it was not even read
    assert shared.pid != first and not shared.is_busy


class Deadly:
    """A problem that ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (3,)


class Endless:
    """A problem that takes an hour."""

    def __reduce__(self):
        return time.sleep, (3600,)


def test_a_problem_that_kills_its_process_twice_is_a_failure_and_the_next_one_is_solved(shared):
    before = shared.restarts
    assert next_answer(shared, Deadly()).failure == "the graph's process died on one problem"
    assert next_answer(shared, problem()).T_world_cam.tobytes() == expected()
    assert shared.restarts == before + 2


def test_a_problem_that_takes_too_long_twice_is_a_failure_and_the_next_one_is_solved(shared, monkeypatch):
    monkeypatch.setattr(graph_process, "STUCK_S", 0.2)
    assert next_answer(shared, Endless()).failure == "the graph's process was stuck on one problem"
    monkeypatch.undo()
    assert next_answer(shared, problem()).T_world_cam.tobytes() == expected()


def test_a_process_that_dies_again_and_again_rests_and_is_tried_again_later(graph, monkeypatch):
    monkeypatch.setattr(graph_process, "REST", 2)
    answers = [next_answer(graph, posed).failure for posed in [Deadly(), Deadly(), problem(), problem(), problem()]]
    assert answers[:2] == ["the graph's process died on one problem"] * 2
    assert answers[2:] == ["the graph rests, its process died in a row: 4 times"] * 2 + [""]
    assert graph.restarts == 4


def test_nobody_waits_while_a_process_is_killed_and_started_again(shared, monkeypatch):
    next_answer(shared, problem())
    monkeypatch.setattr(graph_process, "STUCK_S", 1.0)
    os.kill(shared.pid, signal.SIGSTOP)
    longest_s = longest_call_s(lambda: shared.submit(problem()))
    while shared.is_busy:
        longest_s = max(longest_s, longest_call_s(shared.poll))
        time.sleep(0.001)
    assert longest_s < 0.15  # s; the imports of a process take longer, and this machine may have other work


def longest_call_s(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_closing_does_not_wait_for_a_process_that_is_stopped():
    graph = GraphProcess()
    graph.wait_until_ready()
    os.kill(graph.pid, signal.SIGSTOP)
    graph.submit(problem(landmarks=3000))
    assert longest_call_s(graph.close) < 1.0  # s
    assert not graph.is_busy


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
