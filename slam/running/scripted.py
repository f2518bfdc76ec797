"""Graphs that write down when their answers came, and that give them when a script says so."""

from __future__ import annotations

import time
from collections.abc import Sequence

from slam.graph import Answer, Graph, Problem, no_correction

PAUSE_S = 0.0005


class LoggedGraph:
    """A Graph that remembers what every poll gave."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._polls: list[str | None] = []

    @property
    def is_busy(self) -> bool:
        return self._graph.is_busy

    @property
    def restarts(self) -> int:
        return self._graph.restarts

    def submit(self, problem: Problem) -> None:
        self._graph.submit(problem)

    def poll(self) -> Answer | None:
        answer = self._graph.poll()
        self._polls.append(None if answer is None else answer.failure)
        return answer

    def close(self) -> None:
        self._graph.close()

    def polls(self) -> tuple[str | None, ...]:
        """What the polls since the last call gave: None without an answer, "" with one, else its failure."""
        polls, self._polls = tuple(self._polls), []
        return polls


class ScriptedGraph:
    """A Graph whose answers come at the polls that a script names; after the script, as soon as they are there."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._script: list[str | None] = []
        self._has_problem = False

    @property
    def is_busy(self) -> bool:
        return self._has_problem

    @property
    def restarts(self) -> int:
        return self._graph.restarts

    def follow(self, polls: Sequence[str | None]) -> None:
        """What the next polls give, in the words of ``LoggedGraph.polls``."""
        self._script = list(polls)

    def submit(self, problem: Problem) -> None:
        self._has_problem = True
        self._graph.submit(problem)

    def poll(self) -> Answer | None:
        wanted = self._script.pop(0) if self._script else ""
        if wanted is None or not self._has_problem:
            return None
        answer = self._awaited()
        self._has_problem = False
        return no_correction(wanted) if wanted else answer

    def close(self) -> None:
        self._graph.close()

    def _awaited(self) -> Answer:
        while (answer := self._graph.poll()) is None:
            time.sleep(PAUSE_S)
        return answer
