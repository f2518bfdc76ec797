"""Health records for other programs while a run goes on: JSON lines into a file, or to whoever connects to a port.

A port is of this machine alone unless a host is named. Nobody who reads slowly, or not at all, holds the run up.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from slam.errors import ConfigError
from slam.evaluation.frame_records import FrameRecord

LOOPBACK = "127.0.0.1"
BEHIND = 300  # records that wait for a slow reader; then it misses the oldest
LAST_S = 2.0  # for readers to take what waits when the run ends


class Telemetry(Protocol):
    """Takes every record."""

    def send(self, record: FrameRecord) -> None: ...


class NoTelemetry:
    """Takes every record and keeps none."""

    def send(self, record: FrameRecord) -> None:
        pass


@contextmanager
def opened_telemetry(where: str | None) -> Iterator[Telemetry]:
    """To a port ("8765"), to a host's port ("0.0.0.0:8765") or to a file. Raises ConfigError when that can't be."""
    if where is None:
        yield NoTelemetry()
        return
    host, _, port = where.rpartition(":")
    opened: PortTelemetry | FileTelemetry
    opened = PortTelemetry(host or LOOPBACK, int(port)) if port.isdigit() else FileTelemetry(Path(where))
    try:
        yield opened
    finally:
        opened.close()


class FileTelemetry:
    """Appends to a file, which may be a named pipe. Once it takes no more, it is left alone."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--telemetry {path}: cannot be written ({error.strerror}); name another file") from error
        self._is_whole = True

    def send(self, record: FrameRecord) -> None:
        if not self._is_whole:
            return
        try:
            self._file.write(_line(record))
            self._file.flush()
        except OSError:
            self._is_whole = False

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


class PortTelemetry:
    """Every connection gets the records from then on. A thread accepts, and each connection has one that sends."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = socket.create_server((host, port))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"--telemetry {host}:{port}: cannot be listened on ({error}); name another port"
            ) from error
        self._readers: list[_Reader] = []
        threading.Thread(target=self._accept, name="telemetry", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def send(self, record: FrameRecord) -> None:
        if self._readers:
            line = _line(record).encode()
            for reader in self._readers:
                reader.add(line)

    def close(self) -> None:
        """End the connections, when their readers have what waits, or after LAST_S."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()
        for reader in self._readers:
            reader.end()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._readers = [reader for reader in self._readers if reader.is_there] + [_Reader(connection)]


class _Reader:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.is_there = True
        self._connection = connection
        self._lines: deque[bytes] = deque(maxlen=BEHIND)
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._send_all, name="telemetry-reader", daemon=True)
        self._thread.start()

    def add(self, line: bytes) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(LAST_S)
        self._connection.close()

    def _send_all(self) -> None:
        with suppress(OSError):
            while (data := self._next()) is not None:
                self._connection.sendall(data)
            self._connection.shutdown(socket.SHUT_WR)
        self.is_there = False

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_ending)
            data = b"".join(self._lines)
            self._lines.clear()
            return data or None


def _line(record: FrameRecord) -> str:
    return json.dumps(asdict(record)) + "\n"
