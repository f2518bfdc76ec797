"""``slam export``: which of the ways out was asked for, and what it needs to be opened."""

from __future__ import annotations

import difflib
from pathlib import Path

from slam.errors import MapError
from slam.export.folder import FOLDERS, export_folder
from slam.export.map_export import EXPORTS, Part, export_map
from slam.export.subject import Subject
from slam.running.options import RunOptions

NAMES = (*FOLDERS, *EXPORTS)


def export(
    subject: Subject, what: str, out: Path | None, part: Part, recording: RunOptions, with_pictures: bool = True
) -> str:
    """Write a run in one of NAMES; what was written and where, in words. Raises SlamError.

    ``recording``: what the user says about it; an empty source leaves it to the run.
    """
    if what not in NAMES:
        close = difflib.get_close_matches(what, NAMES, 1)
        raise MapError(f"{what}: is unknown; {f'did you mean {close[0]}?' if close else f'write {_listed()}'}")
    place = subject.out(what, out)
    if what in EXPORTS:
        return f"{export_map(subject.load_map(), what, place, part)}, written to {place}"
    loaded = subject.load_map()
    source, without = subject.opened_source(recording) if with_pictures else (None, "left out")
    return f"{export_folder(loaded, what, place, part, source, without)}, written to {place}"


def _listed() -> str:
    return ", ".join(NAMES)
