"""Rows of a map file found without SQLite's help: in a file without its beginning, end, or any part between.

The layout of SQLite's pages is from https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages, cell payload
overflow) and 2.1 (record format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from slam.mapfile.database import LARGEST_ROW, PAGE_BYTES
from slam.mapfile.row import HEADER_BYTES, IDENTITY, MAGIC, Row, announced_bytes, opened

LEAF = 13  # first byte of a page with rows
OVERFLOW_BYTES = PAGE_BYTES - 4  # of a row in each page that it takes beyond the first
LARGEST_WHOLE = PAGE_BYTES - 35  # bytes of a record that fit in one page
LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23  # bytes of a larger one that stay in the first


@dataclass(frozen=True, slots=True)
class _Cell:
    """What looks like the beginning of a row, and where SQLite would have its cell begin."""

    begin: int  # in its page
    at: int  # in the file, of the row's first byte
    row_bytes: int
    local_bytes: int  # of the row, in this page


def rows_in(data: bytes) -> Iterator[Row]:
    """Every whole row in the bytes of a map file; of some there may be several ages."""
    for page_at in range(0, len(data), PAGE_BYTES):
        cells = list(_cells(data, page_at))
        listed = _listed(data[page_at : page_at + PAGE_BYTES], {cell.begin for cell in cells})
        for cell in cells:
            if listed is not None and cell.begin not in listed:
                continue  # left over from before the page was rearranged
            row = opened(_gathered(data, cell))
            if row is not None:
                yield row


def _cells(data: bytes, page_at: int) -> Iterator[_Cell]:
    end = min(page_at + PAGE_BYTES, len(data))
    at = data.find(MAGIC, page_at, end)
    while at >= 0:
        payload_bytes = announced_bytes(data[at : min(at + HEADER_BYTES, end)])
        if payload_bytes is not None and payload_bytes <= LARGEST_ROW:
            yield _cell(data, at, HEADER_BYTES + payload_bytes)
        at = data.find(MAGIC, at + 1, end)


def _cell(data: bytes, at: int, row_bytes: int) -> _Cell:
    """The record is its own length, a null for the id, the length of the row, and the row."""
    before = 2 + _varint_bytes(12 + 2 * row_bytes)
    record_bytes = before + row_bytes
    row_id = IDENTITY.unpack_from(data, at)[3]
    begin = at % PAGE_BYTES - before - _varint_bytes(row_id) - _varint_bytes(record_bytes)
    return _Cell(begin, at, row_bytes, _local_bytes(record_bytes) - before)


def _gathered(data: bytes, cell: _Cell) -> bytes:
    """The bytes of a row, from its first page and the chain of those that follow; fewer where the chain breaks."""
    end = cell.at + cell.local_bytes
    parts, missing = [data[cell.at : end]], cell.row_bytes - cell.local_bytes
    pointer = data[end : end + 4]
    while missing > 0 and len(pointer) == 4:
        page_at = (int.from_bytes(pointer, "big") - 1) * PAGE_BYTES
        if not 0 <= page_at < len(data):
            break
        pointer = data[page_at : page_at + 4]
        parts.append(data[page_at + 4 : page_at + 4 + min(missing, OVERFLOW_BYTES)])
        missing -= OVERFLOW_BYTES
    return b"".join(parts)


def _listed(page: bytes, begins: set[int]) -> set[int] | None:
    """Where the page says that its cells begin; None when it cannot be believed."""
    if len(page) < 8 or page[0] != LEAF:
        return None
    (count,) = struct.unpack_from(">H", page, 3)
    if 8 + 2 * count > len(page):
        return None
    listed = set(struct.unpack_from(f">{count}H", page, 8))
    return listed if listed <= begins else None


def _local_bytes(record_bytes: int) -> int:
    if record_bytes <= LARGEST_WHOLE:
        return record_bytes
    local = LEAST_LOCAL + (record_bytes - LEAST_LOCAL) % OVERFLOW_BYTES
    return local if local <= LARGEST_WHOLE else LEAST_LOCAL


def _varint_bytes(value: int) -> int:
    """Bytes that SQLite needs for a whole number, seven bits in each."""
    return 9 if value < 0 else min(9, max(1, -(-value.bit_length() // 7)))
