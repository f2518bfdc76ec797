"""Answers come when they are due, whether the optimiser was done long before or not yet."""

import os
import signal
import time
from dataclasses import dataclass

import numpy as np
import pytest
from synthetic_world import FRAME_NS, RIG, blank_frame, make_world, walk
from test_graph_process import problem

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.graph import InlineGraph
from slam.pipeline import Slam
from slam.running.graph_process import GraphProcess
from slam.running.punctual import PunctualGraph
from slam.types import Mode

ROOM = make_world(600, descriptor_dim=128)
PATH = walk(40, length_m=1.5)


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


def test_a_process_killed_in_a_replay_changes_nothing_to_the_bit():
    undisturbed, killed = (walked_with(GraphProcess(niceness=0), frames) for frames in ([], [6, 16]))
    assert killed.restarts == 2 and undisturbed.restarts == 0
    assert killed.trajectory == undisturbed.trajectory == walked_with(None, []).trajectory


@dataclass(frozen=True)
class Walked:
    trajectory: bytes
    restarts: int


def walked_with(process, killed_after):
    """A walk with the graph in a process, which is killed at the first problem after these frames; or in line."""
    graph = PunctualGraph(process or InlineGraph(), 3)
    slam = Slam(RIG, Mode.RGBD, SlamConfig(FeatureConfig(name="sift"), MatcherConfig(name="nearest")), graph)
    for index, T_world_cam in enumerate(PATH):
        seen, _ = ROOM.observe(T_world_cam, index, 0.3, 0.1, stamp_ns=index * FRAME_NS)
        slam.process(blank_frame(index), seen)
        if killed_after and graph.is_busy and index > killed_after[0]:
            os.kill(process.pid, signal.SIGKILL)
            killed_after = killed_after[1:]
    slam.finish()
    graph.close()
    return Walked(slam.trajectory().T_world_cam.tobytes(), graph.restarts)
