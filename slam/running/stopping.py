"""Ctrl-C ends a run between two frames, so that the map and the files stay whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Stopped(Exception):
    """Somebody asked the run to end; the text says how."""


class StopSignals:
    """While entered, the first Ctrl-C or SIGTERM is remembered for ``check``; the second raises KeyboardInterrupt.

    Only the main thread hears signals; in another one nothing is installed.
    """

    def __init__(self) -> None:
        self._heard = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in NAMES}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def is_heard(self) -> bool:
        """Whether somebody asked for the end."""
        return bool(self._heard)

    def check(self) -> None:
        """Raises Stopped once a signal came."""
        if self._heard:
            raise Stopped(self._heard)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self._heard:
            raise KeyboardInterrupt
        self._heard = NAMES[signal.Signals(number)]


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C from their first moment: the run decides when they end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
