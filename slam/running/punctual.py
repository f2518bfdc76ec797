"""The factor graph beside a replay: its answers come after a fixed number of frames, so that time decides nothing."""

from __future__ import annotations

import time
from typing import Any

from slam.graph import Graph
from slam.types import Correction, PoseCorrection

PAUSE_S = 0.0005


class PunctualGraph:
    """A Graph that answers at the n-th ``poll`` after ``submit``, neither sooner nor later.

    A frame polls once. Where the graph works in another process, n is the number of frames that it may take before
    the reader waits for it.
    """

    def __init__(self, graph: Graph, polls: int) -> None:
        self._graph, self._polls = graph, max(1, polls)
        self._left = 0

    @property
    def is_busy(self) -> bool:
        return self._left > 0

    @property
    def restarts(self) -> int:
        return self._graph.restarts

    def submit(self, problem: Any) -> None:
        self._left = self._polls
        self._graph.submit(problem)

    def poll(self) -> Correction | PoseCorrection | None:
        if not self.is_busy:
            return None
        self._left -= 1
        return None if self.is_busy else self._awaited()

    def close(self) -> None:
        self._left = 0
        self._graph.close()

    def _awaited(self) -> Correction | PoseCorrection:
        while (correction := self._graph.poll()) is None:
            time.sleep(PAUSE_S)
        return correction
