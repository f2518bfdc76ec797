"""Which function solves which problem: the one way into the graph, in line and in its own process."""

from __future__ import annotations

import importlib
from typing import Any

from slam.types import Correction, PoseCorrection

SOLVERS = {  # class of the problem -> function of the problem alone; imported when the first one comes
    "WindowProblem": "slam.graph.bundle:optimize",
    "PoseGraphProblem": "slam.graph.pose_graph:optimize_poses",
}


def solve(problem: Any) -> Correction | PoseCorrection:
    """The answer to a problem of any kind in SOLVERS; a kind that is not there is a bug, and a KeyError."""
    module, _, function = SOLVERS[type(problem).__name__].partition(":")
    return getattr(importlib.import_module(module), function)(problem)


def allowed_s(problem: Any) -> float:
    """Seconds of wall time that a problem says it may take, 0 where it says nothing."""
    return getattr(problem, "max_s", 0.0)
