"""The folder that a run writes into, and files that appear in it whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slam.errors import ConfigError

RUNS = Path("runs")


def opened_run_folder(out: Path | None) -> Path:
    """An empty folder for a run: ``out``, or ``runs/<time>`` with ``runs/latest`` pointing at it.

    Raises ConfigError when ``out`` holds files already or cannot be made.
    """
    folder = _free_folder() if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = next(folder.iterdir(), None)
        if occupied is None and out is None:
            _point_latest_at(folder)
    except OSError as error:
        raise ConfigError(
            f"--out {folder}: cannot be used ({error.strerror}); choose a folder you may write"
        ) from error
    if occupied is not None:
        raise ConfigError(f"--out {folder}: holds {occupied.name} already; choose an empty or new folder")
    return folder


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, moved onto it when the block ends well and removed when it does not."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _free_folder() -> Path:
    name = time.strftime("%Y%m%d-%H%M%S")
    folder, number = RUNS / name, 2
    while folder.exists():
        folder, number = RUNS / f"{name}-{number}", number + 1
    return folder


def _point_latest_at(folder: Path) -> None:
    link = folder.parent / f".latest.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(folder.parent / "latest")
