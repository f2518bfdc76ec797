"""Pieces of long work, done by several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

Mapped = Callable[..., Iterator[Any]]  # map, here or in several processes


@contextmanager
def shared_by(processes: int) -> Iterator[Mapped]:
    """``map`` that lets so many processes do the pieces, in order; the own one for 1."""
    if processes == 1:
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield pool.map
