"""The process that solves the graph's problems, and how to talk to it. It may die or hang at any moment."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from slam.graph.solve import solve
from slam.types import Correction

READY = "ready"
END_S = 2.0  # for a killed process to be gone; one that waits for a disk can take longer, and is left behind


class GraphWorker:
    """One process at a time. Everything but ``end``, ``pid`` and ``is_ready`` may wait and belongs to one thread."""

    def __init__(self, niceness: int) -> None:
        self._niceness = niceness
        self._context = mp.get_context("spawn")
        self._ended = False
        self.is_ready = threading.Event()  # the first process has made its imports
        self.starts = 0
        self.was_stuck = False  # the last one that died did, because of ``limit_s``
        self.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def start(self) -> None:
        """Start a process; it isn't waited for. Raises OSError when the system has no room for one."""
        if self._ended or not threading.main_thread().is_alive():  # a run that ends by a crash kills its processes
            return
        pipe, theirs = self._context.Pipe()
        args = (theirs, self._niceness)
        process = self._context.Process(target=_serve, args=args, name="slam-graph", daemon=True)
        with _sigint_blocked(), theirs:
            process.start()
        self._process, self._pipe, self._has_greeted = process, pipe, False
        self.starts += 1
        if self._ended:  # meanwhile
            process.kill()

    def ask(self, packed: memoryview, start_s: float, limit_s: float) -> Correction | None:
        """The answer to a pickled problem; None when the process died, or was killed because its start or its answer
        took too long.
        """
        self.was_stuck = False
        return self._heard_within(limit_s, packed) if self.has_greeted(start_s) else None

    def has_greeted(self, start_s: float) -> bool:
        """Whether the process has made its imports, or makes them in time."""
        if not self._has_greeted and self._heard_within(start_s) == READY:
            self._has_greeted = True
            self.is_ready.set()
        return self._has_greeted

    def bury(self) -> None:
        """Be done with the process, dead or alive."""
        self._process.kill()
        self._pipe.close()
        self._process.join(END_S)

    def end(self) -> None:
        """From any thread: kill the process, and those that may still be started."""
        self._ended = True
        self._process.kill()

    def _heard_within(self, limit_s: float, packed: memoryview | None = None) -> Any:
        """What the process says next; None when it died. Being killed ends whatever one waits for here."""
        process = self._process
        watch = threading.Timer(limit_s, self._give_up, (process,))
        watch.daemon = True
        watch.start()
        try:
            if packed is not None:
                self._pipe.send_bytes(packed)
            return self._pipe.recv()
        except (EOFError, OSError):
            return None
        finally:
            watch.cancel()

    def _give_up(self, process: Any) -> None:
        self.was_stuck = True
        process.kill()


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """A process started inside never hears Ctrl-C: the run decides when it ends. Works in any thread."""
    resource_tracker.ensure_running()  # else the start of the process does this, and unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, niceness: int) -> None:
    """Answer problems until the other end closes."""
    os.setpgid(0, 0)  # a signal to the run's group is the run's: it still needs the last answer
    os.nice(niceness)
    import slam.graph.bundle  # noqa: F401 - now, while nobody waits

    pipe.send(READY)
    while True:
        try:
            problem = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(solve(problem))
