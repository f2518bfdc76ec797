"""The factor graph. ``Graph`` is what the pipeline talks to; it answers problems with Corrections, in line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from slam.graph.window import WindowProblem
from slam.types import Correction, PoseCorrection

if TYPE_CHECKING:
    from slam.graph.pose_graph import PoseGraphProblem

Problem: TypeAlias = "WindowProblem | PoseGraphProblem"
Answer: TypeAlias = Correction | PoseCorrection


class Graph(Protocol):
    """Takes one problem at a time; answers when it is done."""

    @property
    def is_busy(self) -> bool: ...

    def submit(self, problem: Problem) -> None: ...

    def poll(self) -> Answer | None:
        """The answer to the last problem, once; None while there is none."""
        ...

    def close(self) -> None: ...


class InlineGraph:
    """Optimises at once, in this thread: a replay is a pure function of its input."""

    is_busy = False

    def __init__(self) -> None:
        self._answer: Answer | None = None

    def submit(self, problem: Problem) -> None:
        from slam.graph.bundle import optimize
        from slam.graph.pose_graph import PoseGraphProblem, optimize_poses

        self._answer = optimize_poses(problem) if isinstance(problem, PoseGraphProblem) else optimize(problem)

    def poll(self) -> Answer | None:
        answer, self._answer = self._answer, None
        return answer

    def close(self) -> None:
        self._answer = None


def no_correction(why: str, ms: float = 0.0) -> Correction:
    """The answer that changes nothing, and says why."""
    none = np.zeros(0, np.int64)
    no_poses, no_points, no_covariances = np.zeros((0, 4, 4)), np.zeros((0, 3)), np.zeros((0, 6, 6))
    return Correction(none, no_poses, none, no_points, no_covariances, none, none, ms=ms, failure=why)
