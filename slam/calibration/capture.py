"""Taking views from a camera by itself: those that are new, sharp and held still, until there is enough.

The loop is synchronous and knows no camera: it takes any frames, so a test feeds it rendered ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from slam.calibration.board import Board
from slam.calibration.coverage import LEAST_BLUR_PX, MOST_VIEWS, Coverage
from slam.calibration.detect import Detector
from slam.calibration.view import View
from slam.types import Frame, Uint8

STILL_SHARE = 0.008  # of the image's width that corners may move from one frame to the next: more skews and blurs
BLUR_OVER_BEST = 1.4  # times the sharpest view so far


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What became of a frame."""

    frame: Frame
    view: View | None  # of the board, where it was found
    is_taken: bool
    what: str  # why it was not taken, or that it was
    advice: str  # what to do next; empty once there is enough
    coverage: Coverage


class Capture:
    """Decides frame by frame."""

    def __init__(self, board: Board) -> None:
        self.coverage = Coverage(board)
        self.views: list[View] = []
        self._detector = Detector(board)
        self._before: View | None = None  # of the frame before, to tell how fast the board moves
        self._best_blur_px = np.inf

    def look(self, frame: Frame) -> Look:
        """Find the board in a frame and take the view when it is worth it."""
        view = self._detector.find(frame.image, f"{len(self.views):03d}", is_fast=True)
        refusal = self._refusal(view)
        self._before = view
        if view is not None and not refusal:
            self.views.append(view)
            self.coverage.add(view)
        what = refusal or f"view {len(self.views)} taken"
        return Look(frame, view, not refusal, what, self.coverage.advice(), self.coverage)

    def _refusal(self, view: View | None) -> str:
        if view is None:
            return "the board is not seen"
        self._best_blur_px = min(self._best_blur_px, view.blur_px)
        if not self.is_still(view):
            return "hold it still"
        if view.blur_px > max(LEAST_BLUR_PX, BLUR_OVER_BEST * self._best_blur_px):
            return "blurred: hold it still, or give more light"
        if not self.coverage.is_new(view):
            return "like a view before"
        return ""

    def is_still(self, view: View) -> bool:
        """Whether the board is nearly where it was a frame ago. Not known without the frame before: then it is not."""
        if self._before is None:
            return False
        _, here, there = np.intersect1d(view.ids, self._before.ids, return_indices=True)
        if len(here) == 0:
            return False
        moved_px = np.median(np.linalg.norm(view.xy[here] - self._before.xy[there], axis=1))
        return bool(moved_px <= STILL_SHARE * view.image_size[0])


def capture(
    frames: Iterable[Frame],
    board: Board,
    on_look: Callable[[Look], None],
    keep: Callable[[str, Uint8], None],
    stop: Callable[[], bool] = lambda: False,
) -> list[View]:
    """Views of a camera until there is enough, frames end, or ``stop`` says so.

    ``keep`` gets the name and image of each view taken, at once, so that nothing is lost whatever happens later.
    """
    work = Capture(board)
    for frame in frames:
        look = work.look(frame)
        if look.is_taken:
            keep(work.views[-1].name, frame.image)
        on_look(look)
        if not look.advice or stop() or len(work.views) >= MOST_VIEWS:
            break
    return work.views
