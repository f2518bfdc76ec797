"""The SQLite side of a map file: its tables, and how it is opened. While a run writes, it has a journal beside it.

Write-ahead logging: what a transaction wrote is there even if the process is killed right after it, and a transaction
that was not finished is as if it had never begun. At rest a map is one file.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from slam.errors import MapError
from slam.mapfile.about import FORMAT
from slam.mapfile.row import Kind

APPLICATION_ID = 0x45426D70
PAGE_BYTES = 4096  # part of the format: a ruin is searched page by page
BESIDE = ("-wal", "-journal", "-shm")  # what SQLite keeps beside a file while it is written
LARGEST_ROW = 1 << 28  # bytes; more can only be damage
TABLE = "CREATE TABLE {} (id INTEGER PRIMARY KEY, row BLOB NOT NULL)"


def opened_to_read(path: Path) -> sqlite3.Connection:
    """Reads only. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", 0.5, isolation_level=None, uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_ROW)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def opened_to_write(path: Path) -> sqlite3.Connection:
    """Keeps everybody else out until it is closed. Any one thread at a time may use it. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, 0.5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last keyframes, never the file
        connection.execute("PRAGMA secure_delete = ON")  # nothing that has left the map is found in its ruins
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def made(path: Path) -> sqlite3.Connection:
    """A new, empty database that is not safe until it is closed."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    for kind in Kind:
        connection.execute(TABLE.format(kind.table))
    return connection


def closed_to_one_file(connection: sqlite3.Connection) -> None:
    """Take the journal into the file and close it. Raises sqlite3.Error."""
    with closing(connection):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def at_rest(path: Path) -> Iterator[Path]:
    """The file, or, if a run was killed while it wrote, a copy in which what it had finished is complete.

    Raises MapError when the file is missing, cannot be read, or is being written.
    """
    _check_readable(path)
    beside = [Path(f"{path}{end}") for end in BESIDE[:2]]
    if not any(side.exists() for side in beside):
        yield path
        return
    _check_free(path)
    with tempfile.TemporaryDirectory(prefix="slam-map-") as folder:
        copy = Path(folder) / "map"
        shutil.copyfile(path, copy)
        for side, end in zip(beside, BESIDE):
            if side.exists():
                shutil.copyfile(side, f"{copy}{end}")
        _settle(copy)
        yield copy


def _settle(copy: Path) -> None:
    """Let SQLite bring in what a killed run had finished. A file too damaged for that stays as it is."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            return


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise MapError(f"map {path}: cannot be read ({error.strerror}); check the path") from error


def _check_free(path: Path) -> None:
    try:
        with closing(opened_to_read(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise MapError(f"map {path}: another run is writing it; wait for its end") from error
