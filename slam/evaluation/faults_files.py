"""Damaged map files judged: each loads as it was, or is refused; and what is recovered of it was in the map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slam.errors import MapError
from slam.evaluation.faults_damage import damage
from slam.mapfile.contents import LoadedMap
from slam.mapfile.journal import write_map
from slam.mapfile.reader import load_map, recovered_map
from slam.mapfile.same import is_part_of, same_file, same_map, same_places

UNHARMED = "unharmed"  # loads, and is what it was to the bit
RECOVERED = "refused, recovered"
NOTHING_LEFT = "refused, nothing to recover"  # not one keyframe
CHANGED = "accepted, changed"
CRASHED = "crashed"
GOOD = (UNHARMED, RECOVERED, NOTHING_LEFT)


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """What happened to a file, and what its reader made of it."""

    seed: int
    kind: str
    verdict: str
    keyframes: int = 0  # still there, in the file or in what was recovered
    whole: int = 1  # keyframes that there were
    detail: str = ""  # of what must not be


class _Broken(Exception):
    """A promise that was not kept, and which."""


def damaged_files(sound: Path, folder: Path, seeds: range) -> Iterator[DamagedFile]:
    """Copies of a sound map file damaged in turn, each judged. ``folder`` is for the copies."""
    data, whole = sound.read_bytes(), load_map(sound)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        kind = damage(folder / "map", data, seed)
        yield judged(folder / "map", folder / "new", whole, seed, kind)


def judged(file: Path, new: Path, whole: LoadedMap, seed: int = 0, kind: str = "") -> DamagedFile:
    """Read a damaged file that held ``whole``, and recover it into ``new`` where it is refused."""
    before = file.read_bytes()
    try:
        verdict, keyframes = _read(file, new, whole)
        if file.read_bytes() != before:
            raise _Broken("reading it changed the file")
    except _Broken as broken:
        return DamagedFile(seed, kind, CHANGED, detail=str(broken))
    except Exception as error:  # noqa: BLE001 - whatever it is: that it comes is what is looked for
        return DamagedFile(seed, kind, CRASHED, detail=f"{type(error).__name__}: {error}")
    return DamagedFile(seed, kind, verdict, keyframes, len(whole.world.keyframes))


def _read(file: Path, new: Path, whole: LoadedMap) -> tuple[str, int]:
    try:
        loaded = load_map(file)
    except MapError as error:
        if "\n" in str(error) or str(file) not in str(error):
            raise _Broken("the error is not a sentence that names the file") from error
        return _recovered(file, new, whole)
    if not same_file(loaded, whole):
        raise _Broken("it loaded as another map")
    if recovered_map(file) is not None:
        raise _Broken("a sound file was recovered")
    return UNHARMED, len(loaded.world.keyframes)


def _recovered(file: Path, new: Path, whole: LoadedMap) -> tuple[str, int]:
    try:
        salvaged = recovered_map(file)
    except MapError as error:
        if "nothing in it can be recovered" not in str(error):
            raise _Broken("the error does not say what can be recovered") from error
        return NOTHING_LEFT, 0
    if salvaged is None or salvaged.loaded is None:
        raise _Broken("it was refused, and then found sound")
    found = salvaged.loaded
    if not is_part_of(found, whole):
        raise _Broken("what was recovered was not in the map")
    new.unlink(missing_ok=True)
    write_map(new, found.about, found.world, found.placed(), found.state.runs)
    again = load_map(new)
    if not (same_map(again.world, found.world) and same_places(again.places, found.places)):
        raise _Broken("what was recovered was written as another map")
    keyframes = len(found.world.keyframes)
    return RECOVERED if keyframes else NOTHING_LEFT, keyframes
