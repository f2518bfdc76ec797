"""A row of a map file: a payload behind a header that says what it is, and a digest that says whether it is whole.

A row can be believed wherever it is found: in another table, left over, or in the ruins of a file.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import Enum

MAGIC = b"EBm\x01"
IDENTITY = struct.Struct("<4sB8sqQI")  # magic, kind, map, id, age, bytes of payload
DIGEST_BYTES = 16
HEADER_BYTES = IDENTITY.size + DIGEST_BYTES
DIGESTS = 1 << (8 * DIGEST_BYTES)  # sums of digests are modulo this


class Kind(Enum):
    """What a row holds; each kind has a table of its own."""

    ABOUT = 1  # what the map is of, once
    STATE = 2  # how much there is, and the sum of all digests, once
    VIEWS = 3  # by keyframe: what it observed; never changes, but for inertial samples that it inherits
    KEYFRAMES = 4  # by keyframe: where it is and which landmarks it sees
    LANDMARKS = 5  # by block of landmarks: where they are
    DESCRIPTORS = 6  # by block of landmarks: what they look like
    LOOPS = 7
    FRAMES = 8  # by number: where a tracked frame was

    @property
    def table(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Row:
    """One row, whole."""

    kind: Kind
    map_id: bytes  # 8 bytes, the same for all rows of a file
    row_id: int
    age: int  # number of the transaction that wrote it
    payload: bytes


def sealed(row: Row) -> bytes:
    """The row as it is stored."""
    identity = IDENTITY.pack(MAGIC, row.kind.value, row.map_id, row.row_id, row.age, len(row.payload))
    return b"".join([identity, _digest(identity, row.payload), row.payload])


def opened(blob: bytes) -> Row | None:
    """The row that was stored, None if this is not exactly what ``sealed`` made."""
    payload_bytes = announced_bytes(blob)
    if payload_bytes is None or len(blob) != HEADER_BYTES + payload_bytes:
        return None
    identity, payload = blob[: IDENTITY.size], blob[HEADER_BYTES:]
    if _digest(identity, payload) != blob[IDENTITY.size : HEADER_BYTES]:
        return None
    _, kind, map_id, row_id, age, _ = IDENTITY.unpack(identity)
    return Row(Kind(kind), map_id, row_id, age, payload)


def announced_bytes(blob: bytes) -> int | None:
    """Bytes of payload that a stored row says it has, None if this does not begin like one."""
    if len(blob) < HEADER_BYTES or blob[:4] != MAGIC or not 1 <= blob[4] <= len(Kind):
        return None
    return IDENTITY.unpack_from(blob)[-1]


def digest_of(blob: bytes) -> int:
    """The digest in a stored row, as a number to be summed."""
    return int.from_bytes(blob[IDENTITY.size : HEADER_BYTES], "little")


def _digest(identity: bytes, payload: bytes) -> bytes:
    digest = hashlib.blake2b(identity, digest_size=DIGEST_BYTES)
    digest.update(payload)
    return digest.digest()
