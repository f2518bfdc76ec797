"""Answers come when they are due, whether the optimiser was done long before or not yet."""

import time

import numpy as np
import pytest
from test_graph_process import problem

from slam.graph import InlineGraph
from slam.running.graph_process import GraphProcess
from slam.running.punctual import PunctualGraph


def polls_until_answered(graph):
    """How many polls it took, and the answer."""
    for count in range(1, 100):
        if (correction := graph.poll()) is not None:
            return count, correction
    raise AssertionError("no answer")


@pytest.mark.parametrize("polls", [1, 2, 4])
def test_an_answer_that_is_ready_is_held_back_until_it_is_due(polls):
    graph = PunctualGraph(InlineGraph(), polls)
    graph.submit(problem())
    assert graph.is_busy
    count, correction = polls_until_answered(graph)
    assert count == polls and correction.failure == ""
    assert not graph.is_busy and graph.poll() is None


def test_an_answer_that_is_late_is_waited_for():
    process = GraphProcess(niceness=0)
    graph = PunctualGraph(process, 3)
    graph.submit(problem())
    start = time.perf_counter()
    count, correction = polls_until_answered(graph)
    graph.close()
    assert count == 3 and time.perf_counter() - start > 0.05  # s: the process has to start first
    inline = InlineGraph()
    inline.submit(problem())
    np.testing.assert_array_equal(correction.T_world_cam, inline.poll().T_world_cam)


def test_without_a_problem_there_is_no_answer():
    graph = PunctualGraph(InlineGraph(), 2)
    assert not graph.is_busy and graph.poll() is None
