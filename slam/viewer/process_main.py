"""What runs inside the viewer's process: receive, draw, answer. Imports Open3D only when something is drawn."""

from __future__ import annotations

import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from slam.viewer.commands import Ask, Asking, ViewerCommand
from slam.viewer.screenshot import write_screenshot
from slam.viewer.update import ViewerUpdate
from slam.viewer.window import MapWindow, has_display

READY = "ready"
CLOSE = "close"
IDLE_S = 0.02  # between two drawings while nothing new comes


class View(Protocol):
    """What a viewer's process shows updates with."""

    def wait(self, connection: Connection) -> None:
        """Be there for the user until a message waits, if the user needs that."""

    def show(self, update: ViewerUpdate) -> None: ...

    def close(self) -> None: ...


def run_viewer(connection: Connection, commands: Connection) -> None:
    """Answer READY, receive an update, draw it, and again, until (CLOSE, screenshot path or None) comes.

    Without a display nothing is drawn before the screenshot. A window that the user closes stays closed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's; it closes the viewer when it is done
    try:
        with tempfile.TemporaryDirectory(prefix="slam-viewer-") as folder:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # without one Mesa complains on the run's terminal
            serve(connection, *_opened(Asking(commands)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the run is gone


def serve(connection: Connection, view: View, note: str) -> None:
    """What every viewer's process does: READY or the note first, then an answer to everything that comes."""
    last: ViewerUpdate | None = None
    connection.send(note or READY)
    while True:
        view.wait(connection)
        message = connection.recv()
        if isinstance(message, tuple):
            view.close()
            connection.send(finished(last, message[1]))
            return
        last = message
        view.show(last)
        connection.send(READY)


class NoView:
    """Shows nothing: there is no display, or the viewer could not be opened."""

    def wait(self, connection: Connection) -> None:
        pass

    def show(self, update: ViewerUpdate) -> None:
        pass

    def close(self) -> None:
        pass


class _WindowView:
    """A window, until the user closes it."""

    def __init__(self, window: MapWindow, ask: Ask) -> None:
        self._window: MapWindow | None = window
        self._ask = ask

    def wait(self, connection: Connection) -> None:
        """Draw until a message waits."""
        while self._window is not None and not connection.poll(IDLE_S):
            if not self._window.draw():
                self.close()
                self._ask(ViewerCommand.CLOSED)

    def show(self, update: ViewerUpdate) -> None:
        if self._window is not None:
            self._window.show(update, with_panel=True)

    def close(self) -> None:
        if self._window is not None:
            self._window.close()
        self._window = None


def _opened(ask: Ask) -> tuple[View, str]:
    """A window if there is a display, and what to tell when there should be one and is not."""
    if not has_display():
        return NoView(), ""
    try:
        return _WindowView(MapWindow(ask=ask), ask), ""
    except (RuntimeError, ImportError) as error:
        return NoView(), f"no viewer window: {error}"


def finished(last: ViewerUpdate | None, screenshot: Path | None) -> str:
    """Write the screenshot; a note when that fails."""
    if screenshot is None:
        return ""
    if last is None:
        return f"no screenshot {screenshot}: nothing was shown"
    try:
        write_screenshot(last, screenshot)
    except (OSError, RuntimeError, ImportError) as error:
        return f"no screenshot {screenshot}: {error}"
    return ""
