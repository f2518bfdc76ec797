"""Memory that stays: pictures and tables of a megabyte are made and dropped many times per frame."""

from __future__ import annotations

import ctypes
import os

KEPT_BYTES = 1 << 28  # freed blocks up to this size are used again instead of being given back
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt(3)
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed blocks, here and in processes started from now on; whether it listened.

    Given back, every block comes as zeroed pages again, each with a fault: a fifth of the extractor's time. Only glibc
    knows the setting; elsewhere nothing happens. What the environment says already, stays.
    """
    if any(variable in os.environ for variable in VARIABLES):
        return False
    os.environ.update(dict.fromkeys(VARIABLES, str(KEPT_BYTES)))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    answers = [mallopt(setting, KEPT_BYTES) for setting in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)]
    return all(answers)


def give_back_memory() -> None:
    """What is kept and not used goes back to the system now, so that what comes next can be measured."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
