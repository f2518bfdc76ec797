"""Which viewer a run gets: a live window, a picture at the end where there is no display, or none."""

from __future__ import annotations

from pathlib import Path

from slam.errors import ConfigError
from slam.viewer.process import NullViewer, ProcessViewer, Viewer, require_open3d
from slam.viewer.update import ViewerUpdate
from slam.viewer.window import has_display

VIEWERS = ("open3d", "none")


class PictureViewer:
    """No window: remembers the last update, and draws it once, when the run is over."""

    is_live = False

    def __init__(self) -> None:
        require_open3d()
        self.note = ""
        self._last: ViewerUpdate | None = None

    def show(self, update: ViewerUpdate) -> None:
        """Remember the update."""
        self._last = update

    def close(self, screenshot: Path | None = None) -> None:
        """Draw the last update into ``screenshot`` (PNG), in a process of its own."""
        if self._last is None or screenshot is None:
            return
        viewer = ProcessViewer()
        viewer.show(self._last)
        viewer.close(screenshot)
        self.note = viewer.note


def opened_viewer(name: str, screenshot: Path | None) -> Viewer:
    """The viewer for ``--viewer`` and ``--screenshot``. Raises ConfigError, and MissingExtraError without Open3D."""
    if name not in VIEWERS:
        raise ConfigError(f"--viewer {name}: is unknown; write {' or '.join(VIEWERS)}")
    if name == "none":
        return PictureViewer() if screenshot else NullViewer()
    return ProcessViewer() if has_display() else PictureViewer()
