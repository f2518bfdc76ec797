"""The factor graph in a process of its own: GTSAM holds Python's lock while it works, and the tracker must not wait."""

from __future__ import annotations

import multiprocessing as mp
import os
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from multiprocessing.synchronize import Event

from slam.graph import Answer, Problem, no_correction
from slam.running.stopping import deaf_to_ctrl_c
from slam.types import Correction

STUCK_S = 20.0  # a problem that takes longer is given up, with its process


class GraphProcess:
    """A Graph: one problem at a time. A dead or stuck process is started again and its problem answered as failed.

    ``niceness``: how much it gives way to the tracker.
    """

    def __init__(self, niceness: int = 5) -> None:
        self._niceness = niceness
        self._context = mp.get_context("spawn")
        self._submitted_s = 0.0
        self._waiting = False
        self._sender: threading.Thread | None = None
        self._start()

    def wait_until_ready(self, timeout_s: float = STUCK_S) -> None:
        """Wait for the imports of the process: they take a second of a core that the first frames need."""
        self._ready.wait(timeout_s)

    @property
    def is_busy(self) -> bool:
        return self._waiting

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def submit(self, problem: Problem) -> None:
        """Hand the problem over. A thread sends it: a process that starts or hangs reads nothing, and nobody waits."""
        self._waiting, self._submitted_s = True, time.monotonic()
        packed = ForkingPickler.dumps(problem)  # now: the map's arrays may change while the thread sends
        self._sender = threading.Thread(target=_send, args=(self._pipe, packed), name="graph-sender", daemon=True)
        self._sender.start()

    def poll(self) -> Answer | None:
        if not self._waiting:
            return None
        try:
            if self._pipe.poll():
                self._waiting = False
                return self._pipe.recv()
        except (EOFError, OSError):
            return self._restart("the graph's process died; it was started again")
        if not self._process.is_alive():
            return self._restart("the graph's process died; it was started again")
        if time.monotonic() - self._submitted_s > STUCK_S:
            return self._restart(f"the graph was stuck for {STUCK_S:.0f} s; it was started again")
        return None

    def close(self) -> None:
        """End the process; an answer still on its way is given up."""
        if self._waiting:
            self._process.kill()
        if self._sender is not None:
            self._sender.join(timeout=2.0)
        self._pipe.close()
        self._process.join(timeout=2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._waiting = False

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._ready = self._context.Event()
        args = (theirs, self._ready, self._niceness)
        self._process = self._context.Process(target=_serve, args=args, name="slam-graph", daemon=True)
        with deaf_to_ctrl_c():
            self._process.start()
        theirs.close()

    def _restart(self, why: str) -> Correction:
        self.close()
        self._start()
        return no_correction(why)


def _send(pipe: Connection, packed: memoryview) -> None:
    try:
        pipe.send_bytes(packed)
    except OSError:  # the process is gone: poll will find out, and answer
        return


def _serve(pipe: Connection, ready: Event, niceness: int) -> None:
    """Answer problems until the other end closes."""
    from slam.graph import InlineGraph

    inline = InlineGraph()
    os.setpgid(0, 0)  # a signal to the run's group is the run's: it still needs the last answer
    os.nice(niceness)
    ready.set()
    while True:
        try:
            problem = pipe.recv()
        except (EOFError, OSError):
            return
        inline.submit(problem)
        pipe.send(inline.poll())
