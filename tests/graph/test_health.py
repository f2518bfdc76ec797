"""What a run says about its graph."""

import json
from dataclasses import replace

from known_windows import window

from slam.config import GraphConfig
from slam.graph import no_correction
from slam.graph.bundle import optimize
from slam.graph.health import GraphHealth


def test_a_sound_run_has_nothing_to_note():
    health = GraphHealth()
    health.add(optimize(window()))
    assert health.solved == 1 and health.failed == 0 and health.notes() == []


def test_what_is_put_aside_and_what_fails_is_added_up_by_kind():
    health, problem = GraphHealth(), window()
    xy = problem.xy.copy()
    xy[:3] = float("nan")
    for posed in (problem, replace(problem, xy=xy), replace(problem, xy=xy), replace(problem, xy=xy * float("nan"))):
        health.add(optimize(posed))
    health.add(no_correction("too few observations: 3"))
    health.restarts = 2
    assert health.failures == {"too few observations": 2}  # without their figures: one kind
    assert health.set_aside["observations without a pixel"] == 6 + len(xy)
    notes = health.notes()
    assert notes[0] == "2 of 5 optimisations failed: 2 too few observations"
    assert "observations without a pixel" in notes[1] and notes[-1] == "the graph's process was started again 2 times"


def test_the_time_limit_is_noted_and_everything_can_be_written():
    health = GraphHealth()
    health.add(optimize(replace(window(), config=GraphConfig(max_ms=0.0))))
    assert health.notes() == ["1 optimisations were ended by their time limit (graph.max_ms)"]
    assert json.loads(json.dumps(health.figures()))["out_of_time"] == 1
