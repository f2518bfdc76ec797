"""A viewer in a process of its own. The run never waits for it, and never ends with it."""

from __future__ import annotations

import importlib.util
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from slam.errors import MissingExtraError
from slam.viewer.commands import GONE, Asked, ViewerCommand
from slam.viewer.process_main import CLOSE, READY, run_viewer
from slam.viewer.update import ViewerUpdate

CLOSE_TIMEOUT_S = 20.0


class Viewer(Protocol):
    """Shows a run to people."""

    is_live: bool  # whether people watch while the run goes on
    note: str  # what the report should say about the viewer, "" when all is well
    address: str  # where to look with a browser, "" where there is no such place

    def show(self, update: ViewerUpdate) -> None:
        """Show the newest state; returns at once."""

    def commands(self) -> tuple[ViewerCommand, ...]:
        """What people asked since the last call; returns at once."""
        ...

    def close(self, screenshot: Path | None = None) -> None:
        """End the viewer; the last update goes into ``screenshot`` (PNG) first."""


class NullViewer:
    """Shows nothing."""

    is_live = False
    note = address = ""

    def show(self, update: ViewerUpdate) -> None:
        """Do nothing."""

    def commands(self) -> tuple[ViewerCommand, ...]:
        """Nobody asks anything."""
        return ()

    def close(self, screenshot: Path | None = None) -> None:
        """Do nothing."""


def require_open3d() -> None:
    """Raises MissingExtraError when Open3D is not installed."""
    require("open3d", "the viewer needs Open3D", "viewer")


def require(package: str, need: str, extra: str) -> None:
    """Raises MissingExtraError, with what needs the package and the extra that brings it, when it is not installed."""
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"{need}; install it with: pip install 'earlybird-slam[{extra}]', or run with --viewer none"
        )


class ProcessViewer:
    """A viewer in a spawned process, fed through one slot: a newer update replaces one that is not yet sent.

    A thread sends, whenever the process says it is ready, so ``show`` never blocks. When the process dies the viewer
    goes quiet and ``note`` says so. ``main`` runs there, with both connections and ``args``; it is Open3D's window
    unless it is said otherwise. Raises MissingExtraError when Open3D is not installed.
    """

    is_live = True
    address = ""

    def __init__(self, main: Callable[..., None] = run_viewer, args: tuple[Any, ...] = ()) -> None:
        if main is run_viewer:
            require_open3d()
        self.note = ""
        self._changed = threading.Condition()
        self._newest: ViewerUpdate | None = None
        self._closing = False
        self._screenshot: Path | None = None
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        commands, asking = context.Pipe(duplex=False)  # of its own: read by the run itself, without a thread
        self._asked = Asked(commands)
        self._process = context.Process(target=main, args=(theirs, asking, *args), name="slam-viewer", daemon=True)
        self._process.start()
        theirs.close()
        asking.close()
        self._sender = threading.Thread(target=self._send_all, args=(self._connection,), daemon=True)
        self._sender.start()

    @property
    def pid(self) -> int:
        return self._process.pid or -1

    def show(self, update: ViewerUpdate) -> None:
        """Put the update into the slot. Does nothing once the process is gone."""
        with self._changed:
            self._newest = update
            self._changed.notify()

    def commands(self) -> tuple[ViewerCommand, ...]:
        """What people asked since the last call; CLOSED, once, when they can ask no more."""
        return self._asked.take()

    def close(self, screenshot: Path | None = None) -> None:
        """Show the last update, write the screenshot, end the process; waits at most 20 s."""
        with self._changed:
            self._closing, self._screenshot = True, screenshot
            self._changed.notify()
        self._sender.join(CLOSE_TIMEOUT_S)
        self._process.join(1.0)
        if self._process.is_alive():
            self._process.kill()
            self.note = self.note or "the viewer did not end in time and was stopped"
        if screenshot is not None and not screenshot.is_file() and "screenshot" not in self.note:
            self.note = f"{self.note}; no screenshot was written".removeprefix("; ")
        self._connection.close()
        self._asked.close()

    def _send_all(self, connection: Connection) -> None:
        try:
            while self._send_next(connection):
                pass
        except GONE:
            self.note = self.note or "the viewer process ended early; the run went on without it"

    def _send_next(self, connection: Connection) -> bool:
        """Wait for the process, then for something new, and send it; False after the last."""
        said = connection.recv()
        if said != READY:
            self.note = said
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closing)
            update, self._newest = self._newest, None
            closing = self._closing
        if update is not None:
            connection.send(update)
        if not closing:
            return True
        if update is not None:
            connection.recv()
        connection.send((CLOSE, self._screenshot))
        self.note = connection.recv() or self.note
        return False
