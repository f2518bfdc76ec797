"""A command in a process of its own, with what it said last and what it cost."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``code`` is None when its time was up, negative when a signal ended it."""

    code: int | None
    last_line: str
    cpu_s: float  # of it and of the processes that it waited for, user and system
    wall_s: float


def ended(words: Sequence[str], timeout_s: float) -> Ended:
    """Run a command with one math thread and wait; it is killed when its time is up or the waiting is broken off."""
    start_s = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=os.environ | ONE_THREAD
        )
        try:
            status, usage = _waited(process.pid, start_s + timeout_s)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for here, not by subprocess
        wall_s = time.monotonic() - start_s
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    is_late = process.returncode < 0 and wall_s >= timeout_s
    code = None if is_late else process.returncode
    return Ended(code, lines[-1] if lines else "no message", usage.ru_utime + usage.ru_stime, wall_s)


def _waited(pid: int, until_s: float) -> tuple[int, Any]:
    """Wait status and usage of a child process, which is killed when its time is up."""
    while True:
        is_over, status, usage = os.wait4(pid, os.WNOHANG)
        if is_over:
            return status, usage
        if time.monotonic() > until_s:
            os.kill(pid, 9)
            _, status, usage = os.wait4(pid, 0)
            return status, usage
        time.sleep(0.02)
