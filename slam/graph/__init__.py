"""The factor graph. ``Graph`` is what the pipeline talks to; it answers problems with Corrections, in line."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from slam.graph.solve import solve
from slam.types import Correction, PoseCorrection

Answer: TypeAlias = Correction | PoseCorrection


class Graph(Protocol):
    """Takes one problem at a time, of any kind that ``slam.graph.solve`` knows; answers when it is done."""

    @property
    def is_busy(self) -> bool: ...

    @property
    def restarts(self) -> int:
        """How often what solves the problems had to be started again."""
        ...

    def submit(self, problem: Any) -> None: ...

    def poll(self) -> Correction | PoseCorrection | None:
        """The answer to the last problem, once; None while there is none."""
        ...

    def close(self) -> None: ...


class InlineGraph:
    """Optimises at once, in this thread: a replay is a pure function of its input."""

    is_busy = False
    restarts = 0

    def __init__(self) -> None:
        self._answer: Correction | PoseCorrection | None = None

    def submit(self, problem: Any) -> None:
        self._answer = solve(problem)

    def poll(self) -> Correction | PoseCorrection | None:
        answer, self._answer = self._answer, None
        return answer

    def close(self) -> None:
        self._answer = None


def no_correction(why: str, ms: float = 0.0) -> Correction:
    """The answer that changes nothing, and says why."""
    none = np.zeros(0, np.int64)
    no_poses, no_points, no_covariances = np.zeros((0, 4, 4)), np.zeros((0, 3)), np.zeros((0, 6, 6))
    return Correction(none, no_poses, none, no_points, no_covariances, none, none, ms=ms, failure=why)
