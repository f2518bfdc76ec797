"""The factor graph. ``Graph`` is what the pipeline talks to; it answers problems with Corrections, in line."""

from __future__ import annotations

from typing import Protocol

from slam.graph.window import WindowProblem
from slam.types import Correction


class Graph(Protocol):
    """Takes one problem at a time; answers when it is done."""

    @property
    def is_busy(self) -> bool: ...

    def submit(self, problem: WindowProblem) -> None: ...

    def poll(self) -> Correction | None:
        """The answer to the last problem, once; None while there is none."""
        ...

    def close(self) -> None: ...


class InlineGraph:
    """Optimises at once, in this thread: a replay is a pure function of its input."""

    is_busy = False

    def __init__(self) -> None:
        self._answer: Correction | None = None

    def submit(self, problem: WindowProblem) -> None:
        from slam.graph.bundle import optimize

        self._answer = optimize(problem)

    def poll(self) -> Correction | None:
        answer, self._answer = self._answer, None
        return answer

    def close(self) -> None:
        self._answer = None
