"""Which frames of a recording show one place, by depth and ground-truth poses: nobody's keypoints are asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from slam.camera import Camera, Rig
from slam.evaluation.matching_registration import color_view
from slam.geometry import apply, inside, invert
from slam.learning.places_views import SAME_PLACE
from slam.types import Bool, Float32, Float64, Frame

GRID_PX = 32  # between the points of a frame that others may see
COARSE_PX = 8  # between the pixels of the depth that says what is hidden
HIDDEN_SHARE = 0.1  # a point is hidden where the depth there is nearer by more than this
OTHER_PLACE = 0.1  # frames of which neither sees this share of the other show different places


@dataclass(frozen=True, eq=False)
class PlaceView:
    """What of a frame the truth needs."""

    stamp_ns: int
    T_world_cam: Float64  # (4, 4)
    points_cam: Float64  # (P, 3) of the grid, those of known depth
    coarse_m: Float32  # (H / COARSE_PX, W / COARSE_PX) depth, 0 where unknown


@dataclass(frozen=True, eq=False)
class Truth:
    """Of N frames, what share of its points two of them see of each other. A little of the same proves nothing."""

    least: Float64  # (N, N) the smaller share of the two
    most: Float64  # (N, N) the larger one

    @property
    def right(self) -> Bool:
        """(N, N) the two show one place, as training has it."""
        return self.least > SAME_PLACE

    @property
    def wrong(self) -> Bool:
        """(N, N) they show different places."""
        return self.most < OTHER_PLACE


def place_view(rig: Rig, frame: Frame, depth_m: Float32, T_world_cam: Float64) -> PlaceView:
    """A frame with depth (H, W) and pose (4, 4)."""
    camera, depth_m = color_view(rig, depth_m)
    half = GRID_PX // 2
    lines, columns = np.mgrid[half : camera.height : GRID_PX, half : camera.width : GRID_PX].reshape(2, -1)
    known = depth_m[lines, columns] > 0
    xy_raw = np.column_stack([columns[known], lines[known]]).astype(np.float32)
    points = camera.rays(camera.undistort(xy_raw)) * depth_m[lines[known], columns[known], None]
    return PlaceView(frame.stamp_ns, T_world_cam, points, depth_m[::COARSE_PX, ::COARSE_PX].copy())


def truth_of(views: list[PlaceView], rig: Rig) -> Truth:
    """All pairs of frames of one recording."""
    camera, _ = color_view(rig, np.zeros((rig.left.height, rig.left.width), np.float32))
    shares = np.array([[seen_share(a, b, camera) for b in views] for a in views])
    return Truth(np.minimum(shares, shares.T), np.maximum(shares, shares.T))


def seen_share(a: PlaceView, b: PlaceView, camera: Camera) -> float:
    """Share of a's points that b sees; one at an unknown depth of b counts as seen."""
    if not len(a.points_cam):
        return 0.0
    points_b = apply(invert(b.T_world_cam) @ a.T_world_cam, a.points_cam)
    points_b = points_b[points_b[:, 2] > 0]
    xy = camera.distort(camera.project(points_b)).astype(np.float64)
    is_inside = inside(xy, camera.image_size)
    column, line = (xy[is_inside] / COARSE_PX).astype(int).T
    depth_b = b.coarse_m[line.clip(0, b.coarse_m.shape[0] - 1), column.clip(0, b.coarse_m.shape[1] - 1)]
    is_hidden = (depth_b > 0) & (depth_b < (1 - HIDDEN_SHARE) * points_b[is_inside, 2])
    return float((~is_hidden).sum() / len(a.points_cam))


def together(truths: list[Truth]) -> Truth:
    """Of recordings of different places, one after the other: their frames see nothing of each other."""
    return Truth(block_diag(*(truth.least for truth in truths)), block_diag(*(truth.most for truth in truths)))
