"""Which viewer a run gets: a window, a page in the browser, a picture at the end without a display, or none."""

from __future__ import annotations

from pathlib import Path

from slam.errors import ConfigError
from slam.viewer.browser import LOOPBACK, PORT, BrowserViewer
from slam.viewer.commands import ViewerCommand
from slam.viewer.process import NullViewer, ProcessViewer, Viewer, require_open3d
from slam.viewer.update import ViewerUpdate
from slam.viewer.window import has_display

VIEWERS = ("open3d", "browser", "none")


class PictureViewer:
    """No window: remembers the last update, and draws it once, when the run is over."""

    is_live = False

    def __init__(self) -> None:
        require_open3d()
        self.note = self.address = ""
        self._last: ViewerUpdate | None = None

    def show(self, update: ViewerUpdate) -> None:
        """Remember the update."""
        self._last = update

    def commands(self) -> tuple[ViewerCommand, ...]:
        """Nobody looks, and nobody asks."""
        return ()

    def close(self, screenshot: Path | None = None) -> None:
        """Draw the last update into ``screenshot`` (PNG), in a process of its own."""
        if self._last is None or screenshot is None:
            return
        viewer = ProcessViewer()
        viewer.show(self._last)
        viewer.close(screenshot)
        self.note = viewer.note


def opened_viewer(name: str, screenshot: Path | None, host: str = LOOPBACK, port: int = PORT) -> Viewer:
    """The viewer for ``--viewer``, ``--screenshot``, ``--viewer-host`` and ``--viewer-port``.

    Raises ConfigError, and MissingExtraError without the package that the viewer needs.
    """
    if name not in VIEWERS:
        raise ConfigError(f"--viewer {name}: is unknown; write {', '.join(VIEWERS[:-1])} or {VIEWERS[-1]}")
    if name == "browser":
        return BrowserViewer(host, port)
    if name == "none":
        return PictureViewer() if screenshot else NullViewer()
    return ProcessViewer() if has_display() else PictureViewer()
