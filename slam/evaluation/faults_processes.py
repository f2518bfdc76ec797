"""A run of the command line watched from outside: what it has told, and the processes beneath it. Linux only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

LONGEST_S = 300.0  # that anything is waited for
LOOK_S = 0.003  # between two looks
GONE_S = 20.0  # for what is beneath a killed program to end by itself
NO_SCREEN = ":4095"  # a display without a server: Open3D then draws the viewer's window off-screen
OUTPUT = "output.txt"  # beside the run's folder
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Process:
    """A process beneath a run, started by multiprocessing."""

    pid: int
    leads_group: bool  # as the back-end's does once it works, see slam.running.graph_worker

    @property
    def is_alive(self) -> bool:
        return _stat(self.pid)[0] not in ("", "Z", "X")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class WatchedRun:
    """``slam ARGUMENTS --out FOLDER`` in a session of its own. As a context manager it leaves no process behind."""

    def __init__(self, arguments: Sequence[str], folder: Path, with_window: bool = False) -> None:
        self.folder = folder
        self._output = folder.with_name(f"{folder.name}-{OUTPUT}").open("w+", encoding="utf-8", errors="replace")
        self._program = subprocess.Popen(
            [sys.executable, "-m", "slam", *arguments, "--out", str(folder)],
            env=_environment(with_window),
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> WatchedRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        beneath = self.beneath()
        self.kill()
        for process in beneath:
            process.kill()
        self._output.close()

    @property
    def is_running(self) -> bool:
        return self._program.poll() is None

    @property
    def told(self) -> int:
        """Frames that health.jsonl has."""
        try:
            return (self.folder / "health.jsonl").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def until_told(self, frames: int) -> bool:
        """Wait until so many frames are told of; False when the run ended before."""
        return self.first(lambda: self.told >= frames or None) is not None

    def first(self, look: Callable[[], Found | None]) -> Found | None:
        """What ``look`` finds, as soon as it finds something; None when the run ended before."""
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end and self.is_running:
            if (found := look()) is not None:
                return found
            time.sleep(LOOK_S)
        return None

    def beneath(self) -> list[Process]:
        """The living processes that the run has started and works with."""
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        parents = [(pid, *_stat(pid)) for pid in numbers]
        return [
            Process(pid, group == pid)
            for pid, state, parent, group in parents
            if parent == self._program.pid and state not in ("", "Z", "X") and _is_spawned(pid)
        ]

    def kill(self) -> None:
        """``kill -9`` for the program, and for it alone."""
        self._program.kill()
        self._program.wait()

    def ended(self) -> int | None:
        """The exit code, once the run has ended; None when it does not end."""
        try:
            return self._program.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            return None

    @property
    def last_line(self) -> str:
        """Of what it has printed."""
        self._output.seek(0)
        lines = self._output.read().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")


def left_behind(processes: Sequence[Process]) -> int:
    """How many of the processes beneath a killed program do not end by themselves; those are killed."""
    end = time.monotonic() + GONE_S
    while time.monotonic() < end and any(process.is_alive for process in processes):
        time.sleep(LOOK_S)
    left = [process for process in processes if process.is_alive]
    for process in left:
        process.kill()
    return len(left)


def _environment(with_window: bool) -> dict[str, str]:
    display = {name: value for name, value in os.environ.items() if name in ("DISPLAY", "WAYLAND_DISPLAY")}
    others = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return others | one_thread | ((display or {"DISPLAY": NO_SCREEN}) if with_window else {})


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and group of a process; "" when there is none (any more)."""
    try:
        state, parent, group = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return "", 0, 0
    return state, int(parent), int(group)


def _is_spawned(pid: int) -> bool:
    try:
        return b"multiprocessing.spawn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
