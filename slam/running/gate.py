"""What a paced recording waits at while its run is paused."""

from __future__ import annotations

import threading
import time


class Gate:
    """Open at first. One thread opens and closes it, another waits."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._opened_s = -1e9  # of time.perf_counter

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._opened_s = time.perf_counter()
        self._open.set()

    def passed(self, stop: threading.Event) -> float:
        """Wait until it is open, or until stopped; how many seconds that took."""
        start_s = time.perf_counter()
        while not self._open.wait(0.05) and not stop.is_set():
            pass
        return time.perf_counter() - start_s

    def excuses(self, silence_s: float) -> bool:
        """Whether it is closed, or was within the last so many seconds: then silence means nothing."""
        return not self._open.is_set() or time.perf_counter() - self._opened_s < silence_s
