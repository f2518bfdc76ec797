"""Coverage: the share of a recording's frames that got a pose. Frames that were skipped count as missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """How much of a recording was tracked."""

    frames: int  # given by the source, skipped ones included
    tracked: int
    first_tracked: int  # index of the first frame with a pose, -1 for none

    @property
    def of_all(self) -> float:
        """Share of all frames with a pose, in [0, 1]."""
        return self.tracked / self.frames if self.frames else 0.0

    @property
    def after_initialisation(self) -> float:
        """Share of the frames from the first pose on that have a pose, in [0, 1]; 0 when there is none."""
        return self.tracked / (self.frames - self.first_tracked) if self.first_tracked >= 0 else 0.0


def coverage(tracked_indices: Sequence[int], frames: int) -> Coverage:
    """Coverage from the ascending indices of the tracked frames and the number of frames given by the source."""
    return Coverage(frames, len(tracked_indices), tracked_indices[0] if len(tracked_indices) else -1)
