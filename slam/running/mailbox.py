"""One slot, newest wins: how threads hand each other frames without ever falling behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from slam.errors import SourceError

Item = TypeVar("Item")


class Closed(Exception):
    """The producer is done and everything was read."""


class Mailbox(Generic[Item]):
    """A new item replaces an unread one; the replaced are counted. A producer's exception is raised in the reader."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._is_closed = False
        self._error: BaseException | None = None
        self._replaced = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        with self._changed:
            return self._item is None

    def put(self, item: Item) -> None:
        with self._changed:
            self._replaced += self._item is not None
            self._item = item
            self._changed.notify_all()

    def take(self, timeout_s: float, is_excused: Callable[[], bool] = lambda: False) -> tuple[Item, int]:
        """The newest unread item and how many were replaced since the last take; waits for one.

        is_excused: whether the producer has said why it is silent; then waiting goes on.

        Raises Closed when there will be none, the producer's exception if it failed, and SourceError after
        ``timeout_s`` of silence.
        """
        with self._changed:
            arrived = False
            while not arrived:
                arrived = self._changed.wait_for(lambda: self._item is not None or self._is_closed, timeout_s)
                if not is_excused():
                    break
            if self._item is not None:
                item, replaced = self._item, self._replaced
                self._item, self._replaced = None, 0
                return item, replaced
            if self._error is not None:
                raise self._error
            if arrived:
                raise Closed
        raise SourceError(f"no frame for {timeout_s:.0f} s: the camera is silent; check its cable and power")

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come; an unread item can still be taken."""
        with self._changed:
            self._is_closed, self._error = True, error
            self._changed.notify_all()
