"""A file that is on its way: its bytes so far, and beside them what is known of the file they belong to.

The trap: bytes of two versions of a file must never be joined, so a part is only taken up again when the server's
ETag (or date) is the one it began with, or when the whole is checked by a sum that is known beforehand.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

UNKNOWN = -1  # bytes
NOTE_EVERY_S = 1.0  # how often progress is written down


@dataclass
class Stretch:
    """A run of bytes that one connection fetches: from ``start`` to before ``stop``, ``done`` of them there."""

    start: int
    stop: int  # UNKNOWN: to the end, which the server did not tell
    done: int = 0

    @property
    def next(self) -> int:
        return self.start + self.done

    @property
    def is_whole(self) -> bool:
        return self.stop != UNKNOWN and self.next >= self.stop


@dataclass
class Part:
    """The bytes so far in ``NAME.part``, and ``NAME.part.json``: address, validator, size and stretches."""

    path: Path
    address: str = ""
    validator: str = ""  # strong ETag, else the date of the last change
    size: int = UNKNOWN  # of the whole file
    stretches: list[Stretch] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)  # asks all connections to end
    halt: threading.Event = field(default_factory=threading.Event, repr=False)  # the caller's, set on Ctrl-C
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _noted_s: float = 0.0

    @classmethod
    def beside(cls, path: Path) -> Part:
        """The part of an earlier run for ``path``, or an empty one. A note that cannot be read counts as none."""
        part = cls(path.with_name(path.name + ".part"))
        if not part.path.is_file():
            return part
        try:
            values = json.loads(part.note.read_text())
            part.stretches = [Stretch(*row) for row in values["stretches"]]
            part.address, part.validator, part.size = values["address"], values["validator"], int(values["size"])
        except (OSError, ValueError, TypeError, KeyError):
            part.stretches = [Stretch(0, UNKNOWN, part.path.stat().st_size)]
        return part

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def done(self) -> int:
        return sum(stretch.done for stretch in self.stretches)

    @property
    def is_whole(self) -> bool:
        return bool(self.stretches) and all(stretch.is_whole for stretch in self.stretches)

    def begin(self, address: str, validator: str, size: int, count: int) -> None:
        """Forget what was there; the file of ``size`` will come in ``count`` stretches."""
        self.address, self.validator, self.size = address, validator, size
        edges = [0, UNKNOWN] if size == UNKNOWN else [size * i // count for i in range(count + 1)]
        self.stretches = [Stretch(start, stop) for start, stop in pairwise(edges)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        self.write_note()

    def open(self) -> BinaryIO:
        return self.path.open("r+b")

    def write(self, target: BinaryIO, stretch: Stretch, chunk: bytes) -> None:
        """Put the next bytes of a stretch where they belong."""
        target.seek(stretch.next)
        target.write(chunk)
        stretch.done += len(chunk)
        if time.monotonic() - self._noted_s > NOTE_EVERY_S:
            target.flush()
            self.write_note()

    def write_note(self) -> None:
        """Write down how far it is; never ahead of the bytes themselves."""
        with self._lock:
            self._noted_s = time.monotonic()
            rows = [[stretch.start, stretch.stop, stretch.done] for stretch in self.stretches]
            values = {"address": self.address, "validator": self.validator, "size": self.size, "stretches": rows}
            unfinished = self.note.with_name(self.note.name + ".new")
            unfinished.write_text(json.dumps(values))
            unfinished.replace(self.note)

    def finish(self, path: Path) -> None:
        """Give the whole file its name."""
        self.path.replace(path)
        self.note.unlink(missing_ok=True)

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.stretches = []
