"""``slam export``: which of the ways out was asked for, and what it needs to be opened."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from slam.errors import MapError
from slam.export.folder import FOLDERS, export_folder
from slam.export.map_export import EXPORTS, Part, export_map, frames_of_run
from slam.export.mesh import Grid, export_mesh
from slam.export.pictures import PictureForm
from slam.export.subject import Subject
from slam.export.trajectories import FORMATS, export_trajectory, run_trajectory
from slam.running.options import RunOptions

NAMES = (*FOLDERS, "ply", "mesh", *FORMATS, "tum-keyframes")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for. ``recording``: an empty source leaves it to the run."""

    what: str  # one of NAMES
    recording: RunOptions
    out: Path | None = None
    part: Part = field(default_factory=Part)
    with_pictures: bool = True
    form: PictureForm = PictureForm()
    every: int = 0  # frames besides the keyframes, or of a mesh; 0: none, or all
    grid: Grid = Grid()


def export(subject: Subject, wanted: Wanted) -> str:
    """Write a run; what was written and where, in words. Raises SlamError."""
    what = wanted.what
    if what not in NAMES:
        close = difflib.get_close_matches(what, NAMES, 1)
        raise MapError(f"{what}: is unknown; {f'did you mean {close[0]}?' if close else 'write ' + ', '.join(NAMES)}")
    out = subject.out(what, wanted.out)
    return f"{_written(subject, wanted, out)}, written to {out}"


def _written(subject: Subject, wanted: Wanted, out: Path) -> str:
    what, part = wanted.what, wanted.part
    if what in FORMATS:
        return _trajectory(subject, wanted, out)
    loaded = subject.load_map()
    if what in EXPORTS:
        out.parent.mkdir(parents=True, exist_ok=True)
        return export_map(loaded, what, out, part)
    source, without = subject.opened_source(wanted.recording) if wanted.with_pictures else (None, "left out")
    if what == "mesh":
        if source is None:
            raise MapError(f"a mesh needs the recording's depth: {without}")
        return export_mesh(loaded, out, part, source, wanted.grid, wanted.every)
    words = export_folder(loaded, what, out, part, source, wanted.form, wanted.every)
    return f"{words}, {'with pictures' if source is not None else f'without pictures ({without})'}"


def _trajectory(subject: Subject, wanted: Wanted, out: Path) -> str:
    """A run's own trajectory, unless a part of a map is asked for."""
    if subject.folder is not None and wanted.part == Part():
        return export_trajectory(*run_trajectory(subject.folder), wanted.what, out)
    _, trajectory = frames_of_run(subject.load_map(), wanted.part)
    return export_trajectory(trajectory, 0, wanted.what, out)
