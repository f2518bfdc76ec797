"""Which parts of the image the views have reached, how they were tilted, and what is still missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slam.calibration.board import Board
from slam.calibration.settle import Dropped
from slam.calibration.view import Placement, View, placement
from slam.types import Bool, Float64, Int64

CELLS = (10, 8)  # across and down
ENOUGH_COVERED = 0.85  # of the cells
ENOUGH_VIEWS = 20
TILTED_RAD = 0.3  # 17 degrees: what counts as a tilt
ENOUGH_TILTED = 3  # views in each of the four directions
NEAR_SIZE = 0.4  # side of the board over the image's: one view at least comes so close
NEW_VIEW = 0.6  # distance of Placement.values at which a view says something new
NEW_CELLS = 3  # or so many cells that no view has reached
MOST_VIEWS = 60
BLURRED = 1.6  # times the median blur, at which a view of a set is left out
LEAST_BLUR_PX = 4.0  # up to here nothing counts as blurred
ROWS_OF_ZONES = ("top", "middle", "bottom")
COLUMNS_OF_ZONES = ("left", "centre", "right")
TILTS = ("right edge away from", "left edge away from", "lower edge away from", "upper edge away from")


class Coverage:
    """Grows view by view."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.corners: Int64 = np.zeros(CELLS[::-1], np.int64)  # (8, 10) in each cell
        self.placements: list[Placement] = []

    def add(self, view: View) -> None:
        self.corners += cells_of(view)
        self.placements.append(placement(view, self.board))

    @property
    def covered(self) -> Bool:
        """(8, 10)"""
        return self.corners > 0

    @property
    def share(self) -> float:
        return float(self.covered.mean())

    @property
    def tilted(self) -> tuple[int, int, int, int]:
        """Views tilted as TILTS says."""
        turns = np.array([(p.turn_rad, p.nod_rad) for p in self.placements]).reshape(-1, 2)
        ways = turns[:, 0], -turns[:, 0], turns[:, 1], -turns[:, 1]
        right, left, lower, upper = (int(np.count_nonzero(way > TILTED_RAD)) for way in ways)
        return right, left, lower, upper

    @property
    def nearest(self) -> float:
        """Largest size of the board in a view."""
        return max((p.size for p in self.placements), default=0.0)

    def is_new(self, view: View) -> bool:
        """Whether a view says what none before it did."""
        if not self.placements:
            return True
        values = placement(view, self.board).values
        away = min(float(np.abs(values - other.values).max()) for other in self.placements)
        new_cells = int(np.count_nonzero((cells_of(view) > 0) & ~self.covered))
        return away > NEW_VIEW or new_cells >= NEW_CELLS

    def advice(self) -> str:
        """What to do next, in the camera's image; empty once there is enough."""
        if self.share < ENOUGH_COVERED:
            return f"move the board to the {self._emptiest()} of the image"
        fewest = int(np.argmin(self.tilted))
        if self.tilted[fewest] < ENOUGH_TILTED:
            return f"tilt the board, its {TILTS[fewest]} the camera"
        if self.nearest < NEAR_SIZE:
            return "bring the board closer"
        if len(self.placements) < ENOUGH_VIEWS:
            return f"{ENOUGH_VIEWS - len(self.placements)} more views, each held otherwise"
        return ""

    def _emptiest(self) -> str:
        """The zone, of nine, with the largest share of cells not reached."""
        rows, columns = (np.arange(CELLS[axis]) * 3 // CELLS[axis] for axis in (1, 0))
        shares = {
            (row, column): self.covered[np.ix_(rows == row, columns == column)].mean()
            for row in range(3)
            for column in range(3)
        }
        row, column = min(shares, key=lambda zone: float(shares[zone]))
        words = [ROWS_OF_ZONES[row], COLUMNS_OF_ZONES[column]]
        named = [word for word in words if word not in ("middle", "centre")]
        return " ".join(named) or "middle"


def coverage_of(views: Sequence[View], board: Board) -> Coverage:
    coverage = Coverage(board)
    for view in views:
        coverage.add(view)
    return coverage


def cells_of(view: View) -> Int64:
    """(8, 10) corners of a view in each cell of the image."""
    width, height = view.image_size
    edges = np.linspace(-0.5, height - 0.5, CELLS[1] + 1), np.linspace(-0.5, width - 0.5, CELLS[0] + 1)
    return np.histogram2d(view.xy[:, 1], view.xy[:, 0], bins=edges)[0].astype(np.int64)


def sharp_and_diverse(views: Sequence[View], board: Board, most: int = MOST_VIEWS) -> tuple[list[View], list[Dropped]]:
    """At most ``most`` of a set's views in their order, without blurred ones; and which were left out, and why.

    Chosen one by one, always the one farthest from those chosen (Gonzalez, Clustering to minimize the maximum
    intercluster distance, 1985), the sharpest first.
    """
    if not views:
        return [], []
    blurs = np.array([view.blur_px for view in views])
    limit_px = max(LEAST_BLUR_PX, BLURRED * float(np.nanmedian(blurs)))
    sharp = [view for view in views if not view.blur_px > limit_px]
    blurred = [view for view in views if view.blur_px > limit_px]
    dropped = [
        Dropped(view.name, f"blurred over {view.blur_px:.1f} px, the median is {np.nanmedian(blurs):.1f} px")
        for view in blurred
    ]
    if len(sharp) <= most:
        return sharp, dropped
    chosen = _farthest_first(np.array([placement(view, board).values for view in sharp]), sharp, most)
    alike = [Dropped(view.name, "like others that were chosen") for i, view in enumerate(sharp) if i not in chosen]
    return [sharp[i] for i in sorted(chosen)], dropped + alike


def _farthest_first(values: Float64, views: Sequence[View], most: int) -> set[int]:
    chosen = [int(np.nanargmin([view.blur_px for view in views]))]
    away = np.full(len(views), np.inf)
    while len(chosen) < most:
        away = np.minimum(away, np.abs(values - values[chosen[-1]]).max(axis=1))
        chosen.append(int(np.argmax(away)))
    return set(chosen)
