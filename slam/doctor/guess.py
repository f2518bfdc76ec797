"""From what the user typed to a source: a row of SOURCES with its path, or a path alone whose layout is guessed."""

from __future__ import annotations

import difflib
from pathlib import Path

from slam.errors import SourceError
from slam.sources import SOURCES, WITHOUT_PATH
from slam.sources.folder import image_files


def named(what: str, path: str | None) -> tuple[str, str | None]:
    """The row of SOURCES and the path that are meant. Raises SourceError."""
    if what in SOURCES:
        return what, path
    if not Path(what).exists():
        close = difflib.get_close_matches(what, [*SOURCES, *WITHOUT_PATH], 1)
        hint = f"did you mean '{close[0]}'?" if close else f"give a folder or file, or one of {', '.join(SOURCES)}"
        raise SourceError(f"doctor: '{what}' is neither a source nor a path; {hint}")
    if path is not None:
        raise SourceError(f"doctor: two paths, {what} and {path}; give one of them, or a source's name before it")
    return layout_of(Path(what)), what


def layout_of(path: Path) -> str:
    """The row of SOURCES for a recording. Raises SourceError where nothing known is there."""
    if path.is_file():
        return "video"
    if (path / "mav0").is_dir() or (path / "cam0").is_dir():
        return "euroc"
    if (path / "rgb.txt").is_file() and (path / "imu.csv").is_file() | (path / "right.txt").is_file():
        return "recorded"
    if (path / "rgb.txt").is_file() or (path / "associations.txt").is_file():
        return "tum"
    if (path / "image_0").is_dir():
        return "kitti"
    if (path / "tum").is_dir() and (path / "euroc").is_dir():
        return "demo"
    try:
        image_files(path)
    except SourceError as error:
        raise SourceError(f"{path}: is no recording of a known layout (tum, euroc, kitti, video, images)") from error
    return "folder"
