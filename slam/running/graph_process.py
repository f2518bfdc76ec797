"""The factor graph in a process of its own: GTSAM holds Python's lock while it works, and the tracker must not wait."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

from slam.graph import no_correction
from slam.graph.solve import allowed_s
from slam.running.graph_worker import GraphWorker
from slam.types import Correction, PoseCorrection

STUCK_S = 20.0  # a problem that takes longer, beyond what it says it may take, is given up with its process
START_S = 60.0  # a process whose imports take longer is given up
TIMES_POSED = 2  # a problem that its process did not survive is posed again, once
MOST_DEATHS = 4  # in a row, without an answer between them: to start it again and again takes time from tracking
REST = 10  # problems that are then answered as failed at once, before it is tried again
IDLE_S = 0.5  # between two looks at a process that has nothing to do


class GraphProcess:
    """A Graph: one problem at a time. Its process is started again when it dies or is stuck, and a problem that was
    not answered is posed again, once; one that can't be answered is a failure, and tracking goes on without.

    A thread starts the process, talks to it and waits for it, so that no call here ever waits.
    ``niceness``: how much the process gives way to the tracker.
    """

    def __init__(self, niceness: int = 5) -> None:
        self._worker = GraphWorker(niceness)
        self._problems: queue.SimpleQueue[tuple[memoryview, float] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Correction] = queue.SimpleQueue()
        self._waiting = False
        self._deaths = 0  # in a row
        self._keeper = threading.Thread(target=self._keep, name="graph-keeper", daemon=True)
        self._keeper.start()

    def wait_until_ready(self, timeout_s: float = START_S) -> None:
        """Wait for the imports of the process: they take a second of a core that the first frames need."""
        self._worker.is_ready.wait(timeout_s)

    @property
    def is_busy(self) -> bool:
        return self._waiting

    @property
    def restarts(self) -> int:
        return self._worker.starts - 1

    @property
    def pid(self) -> int | None:
        return self._worker.pid

    def submit(self, problem: Any) -> None:
        """Hand the problem over as it is now; it is kept, so that it can be posed again."""
        self._waiting = True
        self._problems.put((ForkingPickler.dumps(problem), allowed_s(problem)))

    def poll(self) -> Correction | PoseCorrection | None:
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return None
        self._waiting = False
        return answer

    def close(self) -> None:
        """End the process; an answer still on its way is given up."""
        self._problems.put(None)
        self._worker.end()
        self._keeper.join()
        self._waiting = False

    # --- what the keeper does, in its thread ---

    def _keep(self) -> None:
        """Answer problems until there are no more."""
        self._worker.has_greeted(START_S)
        resting = 0
        while (posed := self._next()) is not None:
            if resting:
                resting -= 1
                self._answers.put(no_correction(f"the graph rests, its process died in a row: {self._deaths} times"))
                continue
            self._answers.put(self._answer(*posed))
            resting = REST if self._deaths >= MOST_DEATHS else 0
        self._worker.bury()

    def _next(self) -> tuple[memoryview, float] | None:
        """The next problem, None at the end. A process that dies while it waits for one is started again."""
        while True:
            try:
                return self._problems.get(timeout=IDLE_S)
            except queue.Empty:
                self._look_after()

    def _look_after(self) -> None:
        if self._worker.is_alive:
            return
        if self._deaths >= MOST_DEATHS:
            self._worker.is_ready.set()  # there is nothing to wait for
            return
        self._deaths += 1
        self._start_again()
        self._worker.has_greeted(START_S)

    def _answer(self, packed: memoryview, allowed_s: float) -> Correction:
        for _ in range(TIMES_POSED):
            if not self._worker.is_alive:
                self._start_again()
            answer = self._worker.ask(packed, START_S, STUCK_S + allowed_s)
            if answer is not None:
                self._deaths = 0
                return answer
            self._deaths += 1
            if self._deaths >= MOST_DEATHS:
                break
            self._start_again()
        return no_correction(f"the graph's process {'was stuck' if self._worker.was_stuck else 'died'} on one problem")

    def _start_again(self) -> None:
        self._worker.bury()
        with suppress(OSError):  # no room for a process: it stays dead, and that counts when it is asked
            self._worker.start()
