"""Reading a map file: every row is checked, and all of them together; then it is loaded, or it is an error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from slam.errors import MapError
from slam.mapfile.about import FORMAT, MapState
from slam.mapfile.contents import Contents, LoadedMap, Unreadable, decoded, put_together, without_dangling
from slam.mapfile.database import APPLICATION_ID, at_rest, opened_to_read
from slam.mapfile.row import DIGESTS, Kind, Row, digest_of, opened
from slam.mapfile.salvage import Salvaged, salvaged


class _Damage(Exception):
    """What is wrong with a file."""


def load_map(path: Path) -> LoadedMap:
    """The map in a file. The file is only read.

    What a killed run had finished writing is there. Raises MapError when the file is missing, of another format, being
    written, or damaged in any way; then the text says what could be recovered, and how.
    """
    with at_rest(path) as file:
        try:
            return _sound(file)
        except _Damage as damage:
            raise _error(path, damage, _best(file, path)) from damage


def recovered_map(path: Path) -> Salvaged | None:
    """What is left of a damaged file, None when the file is sound. The file is only read.

    Raises MapError when nothing is left, and where load_map does but for damage.
    """
    with at_rest(path) as file:
        try:
            _sound(file)
            return None
        except _Damage as damage:
            found = _best(file, path)
            if found.loaded is None:
                raise _error(path, damage, found) from damage
            return found


def _best(file: Path, path: Path) -> Salvaged:
    """The most that is left: with what a killed run had written beside the file, or without."""
    tries = [salvaged(file), *([salvaged(path)] if path != file else [])]
    return max(tries, key=lambda found: -1 if found.loaded is None else len(found.loaded.world.keyframes))


def _sound(file: Path) -> LoadedMap:
    """The map of a file without any damage; raises _Damage."""
    try:
        with closing(opened_to_read(file)) as connection:
            _check_header(connection)
            rows, digest = _checked_rows(connection)
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.Error, MemoryError) as error:
        raise _Damage(str(error)) from error
    if verdict != "ok":
        raise _Damage(verdict.splitlines()[0])
    try:
        contents = decoded(rows)
    except Unreadable as error:
        raise _Damage(str(error)) from error
    return put_together(contents, _checked_state(contents, digest)) if contents else _fail("its description is missing")


def _check_header(connection: sqlite3.Connection) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        _fail("its beginning is not that of a map")
    if version != FORMAT:
        _fail(f"it is of format {version}, and this program reads format {FORMAT}")


def _checked_rows(connection: sqlite3.Connection) -> tuple[list[Row], int]:
    """All rows, each of them whole and in its place, and the sum of the digests."""
    rows, total = [], 0
    for kind, row_id, blob in _stored(connection):
        row = opened(blob) if isinstance(blob, bytes) else None
        if row is None or (row.kind, row.row_id) != (kind, row_id):
            _fail(f"row {row_id} of {kind.table} is not what was written")
        rows.append(row)
        if row.map_id != rows[0].map_id:
            _fail("rows of two maps; is the journal beside it its own?")
        total += digest_of(blob) if kind is not Kind.STATE else 0
    if len({(row.kind, row.row_id) for row in rows}) != len(rows):
        _fail("a row is there twice")
    return rows, total % DIGESTS


def _stored(connection: sqlite3.Connection) -> Iterator[tuple[Kind, int, bytes]]:
    for kind in Kind:
        for row_id, blob in connection.execute(f"SELECT id, row FROM {kind.table} ORDER BY id"):
            yield kind, row_id, blob


def _checked_state(contents: Contents, digest: int) -> MapState:
    """The state, when it says the same as the contents."""
    state = contents.state
    if state is None:
        _fail("its state is missing")
    if int(state.digest, 16) != digest:
        _fail("rows are missing, old, or too many")
    _, complaints = without_dangling(contents)
    if complaints:
        _fail(complaints[0])
    is_counted = len(contents.keyframes) == state.keyframes and len(contents.landmark_ids) == state.landmarks
    is_below = max(contents.keyframes, default=-1) < state.next_keyframe_id
    if not (is_counted and is_below and contents.landmark_ids.max(initial=-1) < state.num_landmarks):
        _fail("its counts are wrong")
    return state


def _error(path: Path, damage: _Damage, found: Salvaged) -> MapError:
    if found.loaded is None:
        return MapError(f"map {path}: is not a map that can be read ({damage}), and nothing in it can be recovered")
    return MapError(
        f"map {path}: damaged ({damage}): {found.words} can be recovered; "
        f"write them to a new file with: slam map check {path} --recover NEW"
    )


def _fail(what: str) -> NoReturn:
    raise _Damage(what)
