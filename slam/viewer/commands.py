"""What people ask of a run at its viewer. What only the view is asked (layers, where to look from) stays there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from multiprocessing.connection import Connection


class ViewerCommand(Enum):
    """Travels from the viewer's process to the run, which obeys between two frames."""

    PAUSE = "pause"
    GO_ON = "go on"
    RESET = "reset"  # a new map begins
    SAVE_MAP = "save map"
    CLOSED = "closed"  # nobody can ask anything any more: the window was closed, or its process is gone


Ask = Callable[[ViewerCommand], None]
GONE = (ConnectionError, EOFError, OSError)


class Asking:
    """The viewer's end of the pipe: sends a command, from any thread. A run that is gone hears nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def __call__(self, command: ViewerCommand) -> None:
        with self._lock, suppress(*GONE):
            self._connection.send(command)


class Asked:
    """The run's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    def take(self) -> tuple[ViewerCommand, ...]:
        """What was asked since the last call, oldest first; returns at once. Ends with one CLOSED."""
        commands: list[ViewerCommand] = []
        try:
            while self._connection is not None and self._connection.poll():
                commands.append(self._connection.recv())
        except GONE:
            self.close()
            commands.append(ViewerCommand.CLOSED)
        return tuple(commands)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
