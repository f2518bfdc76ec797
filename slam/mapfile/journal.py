"""Writing a map file: a step of the map at a time while a run goes on, or all of it at once.

Every step is one transaction. It leaves rows that did not change as they are, and ends with a new state: how much there
is, and the sum of the digests of all rows (Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing",
EUROCRYPT 1997, AdHash), which says whether any row is missing, old or one too many.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

import slam
from slam.errors import MapError
from slam.mapfile import payload
from slam.mapfile.about import MapAbout, MapState, encoded
from slam.mapfile.changes import MapChanges, everything
from slam.mapfile.database import BESIDE, closed_to_one_file, made, opened_to_write
from slam.mapfile.payload import LOOKS, PLACES
from slam.mapfile.row import DIGESTS, HEADER_BYTES, Kind, Row, digest_of, sealed
from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames

Content = tuple[Kind, int, bytes | None]  # kind, id and payload of a row; None: it goes


class MapJournal:
    """A map file that a run writes to; nobody else can meanwhile. ``state``: as it was read."""

    def __init__(self, path: Path, about: MapAbout, state: MapState) -> None:
        """Open an existing file, for one more run. Raises MapError when it cannot be written."""
        self.path = path
        try:
            connection = opened_to_write(path)
        except sqlite3.Error as error:
            raise _unwritable(path, error) from error
        self._writer = _Writer(connection, about, replace(state, runs=state.runs + 1))

    def write(self, changes: MapChanges) -> None:
        """One transaction; it is safe when this returns. Raises MapError, and then nothing of it is in the file."""
        try:
            self._writer.write(changes)
        except sqlite3.Error as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Leave one file. Raises MapError when the last of it cannot be written."""
        try:
            closed_to_one_file(self._writer.connection)
        except sqlite3.Error as error:
            raise _unwritable(self.path, error) from error


def write_map(path: Path, about: MapAbout, world: Map, placed: PlacedFrames, runs: int = 0) -> MapState:
    """Write a whole map to a new file, which appears complete or not at all; its state. Raises MapError."""
    if path.exists():
        raise MapError(f"map {path}: exists already; choose another name, or remove it")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        with closing(made(temporary)) as connection:
            writer = _Writer(connection, about, empty_state(runs))
            writer.write(everything(world, placed))
        _sync(temporary)
        for end in BESIDE:  # of a file of this name that is gone
            Path(f"{path}{end}").unlink(missing_ok=True)
        temporary.rename(path)
        _sync(path.parent)
        return writer.state
    except (sqlite3.Error, OSError) as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def empty_state(runs: int) -> MapState:
    return MapState(0, "0", 0, 0, 0, 0, runs, 0, "")


class _Writer:
    """Puts steps into an open database."""

    def __init__(self, connection: sqlite3.Connection, about: MapAbout, state: MapState) -> None:
        self.connection, self.state = connection, state
        self._about, self._map_id = encoded(about), about.map_bytes
        self._sum = int(state.digest, 16)

    def write(self, changes: MapChanges) -> None:
        before = self.state, self._sum
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self._write(changes)
            self.connection.execute("COMMIT")
        except BaseException:
            self.state, self._sum = before
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def _write(self, changes: MapChanges) -> None:
        self.state = replace(self.state, age=self.state.age + 1)
        for kind, row_id, content in _contents(changes, self._about):
            self._put(kind, row_id, content)
        if changes.loops is not None:
            self._drop_from(Kind.LOOPS, len(changes.loops))
        if changes.num_landmarks < self.state.num_landmarks:  # compacted
            self._drop_from(Kind.LANDMARKS, -(-changes.num_landmarks // payload.BLOCK))
            self._drop_from(Kind.DESCRIPTORS, -(-changes.num_landmarks // payload.BLOCK))
        (keyframes,) = self.connection.execute("SELECT count(*) FROM keyframes").fetchone()
        self.state = replace(
            self.state,
            digest=f"{self._sum:x}",
            keyframes=keyframes,
            landmarks=changes.landmarks,
            next_keyframe_id=changes.next_keyframe_id,
            num_landmarks=changes.num_landmarks,
            changed_ns=time.time_ns(),
            program=slam.__version__,
        )
        self._store(Kind.STATE, 0, encoded(self.state), self.state.age > 1)

    def _put(self, kind: Kind, row_id: int, content: bytes | None) -> None:
        """Bring one row up to date."""
        old = self._stored(kind, row_id)
        if old is not None:
            if old[HEADER_BYTES:] == content:
                return
            self._sum = (self._sum - digest_of(old)) % DIGESTS
        if content is not None:
            self._sum = (self._sum + digest_of(self._store(kind, row_id, content, old is not None))) % DIGESTS
        elif old is not None:
            self.connection.execute(f"DELETE FROM {kind.table} WHERE id = ?", (row_id,))

    def _stored(self, kind: Kind, row_id: int) -> bytes | None:
        found = self.connection.execute(f"SELECT row FROM {kind.table} WHERE id = ?", (row_id,)).fetchone()
        return found[0] if found else None

    def _store(self, kind: Kind, row_id: int, content: bytes, is_there: bool) -> bytes:
        """Write a row; one of the same length as before takes the same pages (REPLACE would take others)."""
        blob = sealed(Row(kind, self._map_id, row_id, self.state.age, content))
        if is_there:
            self.connection.execute(f"UPDATE {kind.table} SET row = ? WHERE id = ?", (blob, row_id))
        else:
            self.connection.execute(f"INSERT INTO {kind.table} VALUES (?, ?)", (row_id, blob))
        return blob

    def _drop_from(self, kind: Kind, first: int) -> None:
        """Remove the rows of this id and higher ones."""
        for (row_id,) in self.connection.execute(f"SELECT id FROM {kind.table} WHERE id >= ?", (first,)).fetchall():
            self._put(kind, row_id, None)


def _contents(changes: MapChanges, about: bytes) -> Iterator[Content]:
    """Every row that a step may have changed."""
    yield Kind.ABOUT, 0, about
    for keyframe in changes.viewed:
        yield Kind.VIEWS, keyframe.keyframe_id, payload.packed_view(keyframe, about)
    for keyframe in changes.keyframes:
        yield Kind.KEYFRAMES, keyframe.keyframe_id, payload.packed_keyframe(keyframe)
    for keyframe_id in changes.gone:
        yield Kind.VIEWS, keyframe_id, None
        yield Kind.KEYFRAMES, keyframe_id, None
    yield from _block_contents(changes)
    for i, loop in enumerate(changes.loops or ()):
        yield Kind.LOOPS, i, payload.packed_loop(loop)
    for number, place in changes.frames:
        yield Kind.FRAMES, number, payload.packed_frame(place)


def _block_contents(changes: MapChanges) -> Iterator[Content]:
    """Blocks hold the living only; one in which all are dead goes."""
    blocks = changes.blocks
    for i, block_id in enumerate(blocks.ids.tolist()):
        slots = np.flatnonzero(blocks.alive[i])
        living = {name: column[i, slots] for name, column in blocks.columns.items()}
        is_empty = len(slots) == 0
        yield Kind.LANDMARKS, block_id, None if is_empty else payload.packed_block(slots, living, PLACES)
        yield Kind.DESCRIPTORS, block_id, None if is_empty else payload.packed_block(slots, living, LOOKS)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: sqlite3.Error | OSError) -> MapError:
    if isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
        return MapError(f"map {path}: another run is writing it; wait for its end, or choose another file")
    what = error.strerror if isinstance(error, OSError) else str(error)
    return MapError(f"map {path}: cannot be written ({what}); check its folder and the space there")
