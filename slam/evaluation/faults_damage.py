"""What may happen to a map file: to its bytes, as on a disk, or to its rows, as by another program."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import numpy as np
from numpy.random import Generator

from slam.types import Uint8

PAGE = 4096
TABLES = ("about", "state", "views", "keyframes", "landmarks", "descriptors", "loops", "frames")


# --- to its bytes: each takes them and says what became of them ---


def flipped_bits(data: Uint8, rng: Generator) -> Uint8:
    at = rng.integers(0, len(data), rng.integers(1, 4))
    data[at] ^= 1 << rng.integers(0, 8, len(at)).astype(np.uint8)
    return data


def flipped_bits_of_the_first_page(data: Uint8, rng: Generator) -> Uint8:
    data[:200] = flipped_bits(data[:200].copy(), rng)
    return data


def truncated(data: Uint8, rng: Generator) -> Uint8:
    return data[: rng.integers(0, len(data))]


def truncated_to_pages(data: Uint8, rng: Generator) -> Uint8:
    return data[: rng.integers(0, len(data) // PAGE) * PAGE]


def _block(data: Uint8, rng: Generator) -> slice:
    begin = int(rng.integers(0, len(data)))
    return slice(begin, begin + int(rng.choice([1, 16, 300, PAGE, 10 * PAGE])))


def zeroed(data: Uint8, rng: Generator) -> Uint8:
    data[_block(data, rng)] = 0
    return data


def zeroed_pages(data: Uint8, rng: Generator) -> Uint8:
    pages = data.reshape(-1, PAGE)
    pages[rng.integers(0, len(pages), rng.integers(1, 12))] = 0
    return data


def without_its_beginning(data: Uint8, rng: Generator) -> Uint8:
    data[: int(rng.integers(1, 20)) * PAGE] = 0
    return data


def overwritten(data: Uint8, rng: Generator) -> Uint8:
    where = _block(data, rng)
    data[where] = rng.integers(0, 256, len(data[where]), np.uint8)
    return data


def with_pages_swapped(data: Uint8, rng: Generator) -> Uint8:
    pages = data.reshape(-1, PAGE)
    a, b = rng.integers(0, len(pages), 2)
    pages[[a, b]] = pages[[b, a]]
    return data


def with_a_page_of_another(data: Uint8, rng: Generator) -> Uint8:
    pages = data.reshape(-1, PAGE)
    a, b = rng.integers(0, len(pages), 2)
    pages[a] = pages[b]
    return data


def with_bytes_moved(data: Uint8, rng: Generator) -> Uint8:
    at = int(rng.integers(0, len(data)))
    return np.delete(data, at) if rng.random() < 0.5 else np.insert(data, at, 7)


def longer(data: Uint8, rng: Generator) -> Uint8:
    return np.concatenate([data, rng.integers(0, 256, rng.integers(1, 3 * PAGE), np.uint8)])


# --- to its rows ---


def _cell(connection: Connection, rng: Generator) -> tuple[str, int]:
    """A table, and the number of a row in it."""
    filled = [name for name in TABLES if connection.execute(f"SELECT id FROM {name} LIMIT 1").fetchone()]
    table = str(rng.choice(filled))
    ids = [row_id for (row_id,) in connection.execute(f"SELECT id FROM {table}")]
    return table, int(rng.choice(ids))


def row_deleted(connection: Connection, rng: Generator) -> None:
    table, row_id = _cell(connection, rng)
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (row_id,))


def table_emptied(connection: Connection, rng: Generator) -> None:
    connection.execute(f"DELETE FROM {rng.choice(TABLES)}")


def table_dropped(connection: Connection, rng: Generator) -> None:
    connection.execute(f"DROP TABLE {rng.choice(TABLES)}")


def row_doubled(connection: Connection, rng: Generator) -> None:
    table, row_id = _cell(connection, rng)
    connection.execute(
        f"INSERT INTO {table} SELECT max(id) + 1, (SELECT row FROM {table} WHERE id = ?) FROM {table}", (row_id,)
    )


def row_edited(connection: Connection, rng: Generator) -> None:
    table, row_id = _cell(connection, rng)
    (blob,) = connection.execute(f"SELECT row FROM {table} WHERE id = ?", (row_id,)).fetchone()
    edited = bytearray(blob)
    edited[rng.integers(0, len(blob))] ^= int(rng.integers(1, 256))
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (bytes(edited), row_id))


def row_replaced(connection: Connection, rng: Generator) -> None:
    table, row_id = _cell(connection, rng)
    value = [b"", "text", 7, 1.5, b"\0" * 5000, "\ud800".encode("utf-8", "surrogatepass")][rng.integers(6)]
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (value, row_id))


def rows_swapped(connection: Connection, rng: Generator) -> None:
    (table, a), (other, b) = _cell(connection, rng), _cell(connection, rng)
    (first,) = connection.execute(f"SELECT row FROM {table} WHERE id = ?", (a,)).fetchone()
    (second,) = connection.execute(f"SELECT row FROM {other} WHERE id = ?", (b,)).fetchone()
    connection.execute(f"UPDATE {table} SET row = ? WHERE id = ?", (second, a))
    connection.execute(f"UPDATE {other} SET row = ? WHERE id = ?", (first, b))


def row_renumbered(connection: Connection, rng: Generator) -> None:
    table, row_id = _cell(connection, rng)
    connection.execute(f"UPDATE {table} SET id = ? WHERE id = ?", (int(rng.integers(-5, 2**40)), row_id))


def version_changed(connection: Connection, rng: Generator) -> None:
    connection.execute(f"PRAGMA {rng.choice(['user_version', 'application_id'])} = {rng.integers(2, 99)}")


DAMAGES = (
    *(flipped_bits, flipped_bits_of_the_first_page, truncated, truncated_to_pages, zeroed, zeroed_pages),
    *(without_its_beginning, overwritten, with_pages_swapped, with_a_page_of_another, with_bytes_moved, longer),
)
EDITS = (
    *(row_deleted, table_emptied, table_dropped, row_doubled, row_edited, row_replaced, rows_swapped),
    *(row_renumbered, version_changed),
)
KINDS = tuple(happens.__name__.replace("_", " ") for happens in (*DAMAGES, *EDITS))


def damage(file: Path, data: bytes, seed: int) -> str:
    """Write the bytes of a map file and let one thing happen to them: which, and where, is a function of the seed."""
    rng = np.random.default_rng(seed)
    kind = seed % len(KINDS)
    if kind < len(DAMAGES):
        file.write_bytes(DAMAGES[kind](np.frombuffer(data, np.uint8).copy(), rng).tobytes())
        return KINDS[kind]
    file.write_bytes(data)
    with closing(sqlite3.connect(file)) as connection:
        EDITS[kind - len(DAMAGES)](connection, rng)
        connection.commit()
    return KINDS[kind]
