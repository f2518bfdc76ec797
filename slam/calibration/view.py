"""What one image shows of the board, how sharp it is there, and roughly how the board is held."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.calibration.board import Board
from slam.types import Bool, Float64, Int64, Uint8

NOMINAL_FOCAL = 0.9  # of the image's width: good enough to tell a tilt from another before there is a calibration
BLUR_REACH_PX = 5  # around a corner
FEWEST_CORNERS = 6  # of a view: a pose has six unknowns and a corner gives two numbers; half of them are left to check


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Corners of the board in one image."""

    name: str
    image_size: tuple[int, int]
    ids: Int64  # (N,) rows of Board.points
    xy: Float64  # (N, 2) px
    blur_px: float  # over how many pixels an edge is spread


@dataclass(frozen=True, slots=True)
class Placement:
    """How the board is held, by a nominal focal length; what ROS's camera_calibration calls X, Y, size and skew."""

    x: float  # of the board's corners' centre, share of the width
    y: float  # share of the height
    size: float  # side of the square with their hull's area, share of the image's side likewise
    turn_rad: float  # of the board about the vertical: positive when its right edge is farther away
    nod_rad: float  # about the horizontal: positive when its lower edge is farther away

    @property
    def values(self) -> Float64:
        """Scaled so that a difference of 1 in any of them is a clearly different view."""
        x, y, size = self.x / 0.25, self.y / 0.25, self.size / 0.25
        return np.array([x, y, size, self.turn_rad / 0.35, self.nod_rad / 0.35])


def placement(view: View, board: Board) -> Placement:
    """Rough pose of a view's board. A view of few corners in a line counts as unturned."""
    width, height = view.image_size
    x, y = view.xy.mean(0) / (width, height)
    hull = cv2.contourArea(cv2.convexHull(view.xy.astype(np.float32)))
    size = float(np.sqrt(hull / (width * height)))
    turn_rad, nod_rad = _tilt(view, board)
    return Placement(float(x), float(y), size, turn_rad, nod_rad)


def _tilt(view: View, board: Board) -> tuple[float, float]:
    width, height = view.image_size
    f = NOMINAL_FOCAL * width
    K = np.array([[f, 0.0, width / 2], [0.0, f, height / 2], [0.0, 0.0, 1.0]])
    if not spans_a_plane(board.points[view.ids]):
        return 0.0, 0.0
    found, rotation, _ = cv2.solvePnP(board.points[view.ids], view.xy, K, None, flags=cv2.SOLVEPNP_IPPE)
    normal = np.asarray(cv2.Rodrigues(rotation)[0])[:, 2] if found else np.array([0.0, 0.0, 1.0])
    normal = normal * (1.0 if normal[2] >= 0 else -1.0)
    return float(np.arctan2(-normal[0], normal[2])), float(np.arctan2(-normal[1], normal[2]))


def spans_a_plane(points_board: Float64) -> bool:
    """Whether corners lie in more than one row and column, so that they fix a homography."""
    x, y = np.unique(points_board[:, 0]), np.unique(points_board[:, 1])
    spread = np.linalg.svd(points_board[:, :2] - points_board[:, :2].mean(0), compute_uv=False)
    return len(x) > 1 and len(y) > 1 and bool(spread[-1] > 0.25 * spread[0] / max(len(x), len(y)))


def blur_px(image: Uint8, xy: Float64) -> float:
    """Median over corners of their contrast over their steepest slope: the rise of an edge (after ISO 12233).

    About 1.5 for a sharp image; a box blur of n pixels gives about n.
    """
    reach = BLUR_REACH_PX
    height, width = image.shape
    near = np.rint(xy).astype(np.int64)
    near = near[_well_inside(near, width, height, reach + 1)]
    if len(near) == 0:
        return float("nan")
    offsets = np.arange(-reach - 1, reach + 2)
    patches = image[near[:, 1, None, None] + offsets[:, None], near[:, 0, None, None] + offsets].astype(np.float64)
    slope = np.hypot(patches[:, 1:-1, 2:] - patches[:, 1:-1, :-2], patches[:, 2:, 1:-1] - patches[:, :-2, 1:-1]) / 2.0
    contrast = np.ptp(np.percentile(patches, (10, 90), axis=(1, 2)), axis=0)
    steepest = np.percentile(slope, 95, axis=(1, 2))
    return float(np.median(contrast / np.maximum(steepest, 1e-3)))


def _well_inside(xy: Int64, width: int, height: int, margin: int) -> Bool:
    x, y = xy[:, 0], xy[:, 1]
    return (x >= margin) & (y >= margin) & (x < width - margin) & (y < height - margin)
