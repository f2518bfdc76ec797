"""What runs inside the browser view's process: receive, serve, answer. Speaks as slam/viewer/process_main.py does."""

from __future__ import annotations

import logging
import os
import signal
import sys
from multiprocessing.connection import Connection

from slam.viewer.browser_page import BrowserPage
from slam.viewer.commands import Ask, Asking
from slam.viewer.process_main import READY, finished
from slam.viewer.update import ViewerUpdate


def run_browser(connection: Connection, commands: Connection, host: str, port: int) -> None:
    """Answer READY, receive an update, show it, and again, until (CLOSE, screenshot path or None) comes.

    Whether a browser looks makes no difference.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's; it closes the viewer when it is done
    logging.getLogger("websockets").addHandler(logging.NullHandler())  # it shows tracebacks of whoever hangs up
    logging.getLogger("websockets").propagate = False
    with open(os.devnull, "w") as nowhere:
        sys.stdout = nowhere  # viser tells the terminal of its end, in the middle of the run's figures
        try:
            _serve(connection, Asking(commands), host, port)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return  # the run is gone


def _serve(connection: Connection, ask: Ask, host: str, port: int) -> None:
    page, note = _opened(ask, host, port)
    last: ViewerUpdate | None = None
    connection.send(note or READY)
    while True:
        message = connection.recv()
        if isinstance(message, tuple):
            if page is not None:
                page.close()
            connection.send(finished(last, message[1]))
            return
        last = message
        if page is not None:
            page.show(last)
        connection.send(READY)


def _opened(ask: Ask, host: str, port: int) -> tuple[BrowserPage | None, str]:
    """The page, and what to tell when there should be one and is not."""
    try:
        return BrowserPage(host, port, ask), ""
    except (OSError, ImportError) as error:
        return None, f"no browser view: {error}; choose another --viewer-port"
