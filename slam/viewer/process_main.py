"""What runs inside the viewer's process: receive, draw, answer. Imports Open3D only when something is drawn."""

from __future__ import annotations

import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from slam.viewer.commands import Ask, Asking, ViewerCommand
from slam.viewer.screenshot import write_screenshot
from slam.viewer.update import ViewerUpdate
from slam.viewer.window import MapWindow, has_display

READY = "ready"
CLOSE = "close"
IDLE_S = 0.02  # between two drawings while nothing new comes


def run_viewer(connection: Connection, commands: Connection) -> None:
    """Answer READY, receive an update, draw it, and again, until (CLOSE, screenshot path or None) comes.

    Without a display nothing is drawn before the screenshot. A window that the user closes stays closed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's; it closes the viewer when it is done
    try:
        with tempfile.TemporaryDirectory(prefix="slam-viewer-") as folder:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # without one Mesa complains on the run's terminal
            _serve(connection, Asking(commands))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the run is gone


def _serve(connection: Connection, ask: Ask) -> None:
    window, note = _opened(ask)
    last: ViewerUpdate | None = None
    connection.send(note or READY)
    while True:
        window = _waited(connection, window, ask)
        message = connection.recv()
        if isinstance(message, tuple):
            if window is not None:
                window.close()
            connection.send(finished(last, message[1]))
            return
        last = message
        if window is not None:
            window.show(last, with_panel=True)
        connection.send(READY)


def _opened(ask: Ask) -> tuple[MapWindow | None, str]:
    """A window if there is a display, and what to tell when there should be one and is not."""
    if not has_display():
        return None, ""
    try:
        return MapWindow(ask=ask), ""
    except (RuntimeError, ImportError) as error:
        return None, f"no viewer window: {error}"


def _waited(connection: Connection, window: MapWindow | None, ask: Ask) -> MapWindow | None:
    """Draw until a message waits; None once the user has closed the window."""
    while window is not None and not connection.poll(IDLE_S):
        if not window.draw():
            window.close()
            ask(ViewerCommand.CLOSED)
            return None
    return window


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
