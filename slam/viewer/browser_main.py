"""What runs inside the browser view's process: receive, serve, answer. Speaks as slam/viewer/process_main.py does."""

from __future__ import annotations

import logging
import os
import signal
import sys
from multiprocessing.connection import Connection

from slam.viewer.browser_page import BrowserPage
from slam.viewer.commands import Ask, Asking
from slam.viewer.process_main import NoView, View, serve


def run_browser(connection: Connection, commands: Connection, host: str, port: int) -> None:
    """Answer READY, receive an update, show it, and again, until (CLOSE, screenshot path or None) comes.

    Whether a browser looks makes no difference.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's; it closes the viewer when it is done
    logging.getLogger("websockets").addHandler(logging.NullHandler())  # it shows tracebacks of whoever hangs up
    with open(os.devnull, "w") as nowhere:
        sys.stdout = nowhere  # viser tells the terminal of its end, in the middle of the run's figures
        try:
            serve(connection, *_opened(Asking(commands), host, port))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return  # the run is gone


def _opened(ask: Ask, host: str, port: int) -> tuple[View, str]:
    """The page, and what to tell when there should be one and is not."""
    try:
        return BrowserPage(host, port, ask), ""
    except (OSError, ImportError) as error:
        return NoView(), f"no browser view: {error}; choose another --viewer-port"
