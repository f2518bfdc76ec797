"""The time between two frames, and how much of it the matcher may use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

AFTER = ("pose", "map")  # stages that follow the match; the graph works beside
MEMORY = 0.9  # weight of what was known, against the newest frame


class Deadline:
    """Answers fps frames in a second: what was used before the match, and what usually follows it, is taken off.

    The running mean of what follows counts frames that no keyframe was made of, too, so that a keyframe's extra work
    is shared by the frames around it. Where frames are extracted beside and that takes longer than the interval, no
    frame comes sooner, and nothing is won by hurrying.
    """

    def __init__(self, fps: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._interval_ms = 1e3 / fps if fps > 0 else math.inf
        self._clock = clock
        self._start_s = clock()
        self._after_ms: float | None = None
        self._beside_ms: float | None = None

    def begin(self) -> None:
        """A frame is taken up."""
        self._start_s = self._clock()

    @property
    def left_ms(self) -> float:
        """What the matcher may take now; without end when no rate is to be held."""
        used_ms = (self._clock() - self._start_s) * 1e3
        return max(self._interval_ms, self._beside_ms or 0.0) - used_ms - (self._after_ms or 0.0)

    def lift(self) -> None:
        """No frame comes any more: there is no hurry, and what is still matched must not depend on the clock."""
        self._interval_ms = math.inf

    def end(self, ms: Mapping[str, float]) -> None:
        """The frame is answered; ``ms``: stage -> milliseconds."""
        self._after_ms = _mixed(self._after_ms, sum(ms.get(stage, 0.0) for stage in AFTER))

    def extracted_beside(self, ms: float) -> None:
        """The frame's features took so long, while the one before was tracked."""
        self._beside_ms = _mixed(self._beside_ms, ms)


def _mixed(known: float | None, new: float) -> float:
    return new if known is None else MEMORY * known + (1.0 - MEMORY) * new
