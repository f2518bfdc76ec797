"""The map in a browser, for machines without a display: viser in a process of its own."""

from __future__ import annotations

import errno
import socket

from slam.errors import ConfigError
from slam.viewer.browser_main import run_browser
from slam.viewer.process import ProcessViewer, require

LOOPBACK, PORT = "127.0.0.1", 8080
LARGEST_PORT = 65535


class BrowserViewer(ProcessViewer):
    """A page at ``address``. Whether a browser looks, comes late or leaves makes no difference to the run.

    Raises MissingExtraError when viser is not installed, ConfigError when the page can't be served there.
    """

    def __init__(self, host: str = LOOPBACK, port: int = PORT) -> None:
        require("viser", "the browser view needs viser", "browser")
        check_free(host, port)
        super().__init__(run_browser, (host, port))
        self.address = f"http://{_reachable(host)}:{port}"


def check_free(host: str, port: int) -> None:
    """Raises ConfigError when nothing can be served at the port, and says which option to change."""
    if not 1 <= port <= LARGEST_PORT:
        raise ConfigError(f"--viewer-port {port}: must be 1 to {LARGEST_PORT}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError(f"--viewer-host {host}: is no address ({error.strerror}); write {LOOPBACK}") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: one that just ended is no bar
        try:
            probe.bind(place)
        except OSError as error:
            raise ConfigError(_refused(host, port, error)) from error


def _refused(host: str, port: int, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"--viewer-port {port}: is not allowed for you; choose one above 1023"
    if error.errno == errno.EADDRINUSE:
        return f"--viewer-port {port}: is taken by another program; choose another port"
    return f"--viewer-host {host}: is no address of this machine ({error.strerror}); write {LOOPBACK}"


def _reachable(host: str) -> str:
    """What to type into a browser on this machine."""
    if host in ("0.0.0.0", "::"):
        return LOOPBACK
    return f"[{host}]" if ":" in host else host
