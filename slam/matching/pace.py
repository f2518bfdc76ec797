"""How long a matcher's layers take on this machine, and whether another one still fits into the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable

MEMORY = 0.8  # weight of what was known, against the newest measurement
Clock = Callable[[], float]  # seconds, rising


class Pace:
    """Milliseconds per point of a layer and of the end of a matching: running means, learned while time is short."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self._layer_ms: float | None = None
        self._end_ms: float | None = None

    def learn_layer(self, ms: float, points: int) -> None:
        """A layer took so long with so many points in both views."""
        self._layer_ms = _mixed(self._layer_ms, ms / points)

    def learn_end(self, ms: float, points: int) -> None:
        """Reading the matches off took so long."""
        self._end_ms = _mixed(self._end_ms, ms / points)

    def expected_ms(self, layers: int, points: int) -> float:
        """What so many more layers and the end will take; a part that was never measured counts nothing."""
        return points * (layers * (self._layer_ms or 0.0) + (self._end_ms or 0.0))


class Countdown:
    """The time of one match, as it runs out."""

    def __init__(self, pace: Pace, budget_ms: float) -> None:
        self._pace = pace
        self._last_s = pace.clock()
        self._left_ms = budget_ms

    def begun(self) -> None:
        """The first layer starts now."""
        self._passed_ms()

    def layer_done(self, points: int) -> None:
        self._pace.learn_layer(self._passed_ms(), points)

    def end_done(self, points: int) -> None:
        self._pace.learn_end(self._passed_ms(), points)

    def is_short_of(self, layers: int, points: int) -> bool:
        """Whether the time left does not suffice for so many more layers and the end after them."""
        return self._pace.expected_ms(layers, points) > self._left_ms

    def _passed_ms(self) -> float:
        now_s = self._pace.clock()
        passed_ms, self._last_s = (now_s - self._last_s) * 1e3, now_s
        self._left_ms -= passed_ms
        return passed_ms


def _mixed(known: float | None, new: float) -> float:
    return new if known is None else MEMORY * known + (1.0 - MEMORY) * new
