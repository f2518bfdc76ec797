"""KITTI's odometry errors: drift over stretches of 100 to 800 m of the true path, as the benchmark's devkit counts it.

Nothing is aligned, so the figures show the error that grows along the way; a frame is a frame of the ground truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from slam.evaluation.association import MAX_DIFF_S
from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64, Int64

LENGTHS_M = (100, 200, 300, 400, 500, 600, 700, 800)  # devkit_odometry, evaluate_odometry.cpp
STEP_FRAMES = 10  # a stretch starts at every tenth frame: the same


class SegmentErrors(NamedTuple):
    """Mean over all stretches of the error at their end, relative to their nominal length."""

    t_percent: float
    r_deg_per_100m: float


def kitti_segment_errors(
    est: Trajectory, gt: Trajectory, scale: float = 1.0, max_diff_s: float = MAX_DIFF_S
) -> SegmentErrors | None:
    """Translation and rotation error of KITTI's stretches (Geiger et al., CVPR 2012), None where none can be had.

    A stretch ends at the first frame whose true path is longer than its length. One whose first or last frame has no
    estimate within ``max_diff_s`` is left out; the devkit knows no missing frames, so compare coverage as well. ``gt``
    must hold the frames of the sequence, no more: a stretch starts at every tenth of them. ``scale`` multiplies the
    estimate's positions (monocular: the scale of ``ate``).
    """
    partner = _partners(est.stamps_ns, gt.stamps_ns, max_diff_s)
    first, last, length_m = _stretches(gt.T_world_cam[:, :3, 3])
    seen = (partner[first] >= 0) & (partner[last] >= 0)
    if not np.any(seen):
        return None
    first, last, length_m = first[seen], last[seen], length_m[seen]

    T_est = est.T_world_cam.copy()
    T_est[:, :3, 3] *= scale
    motion_est = invert(T_est[partner[first]]) @ T_est[partner[last]]
    motion_gt = invert(gt.T_world_cam[first]) @ gt.T_world_cam[last]
    error = invert(motion_est) @ motion_gt

    angles_deg = np.degrees(Rotation.from_matrix(error[:, :3, :3]).magnitude())
    distances_m = np.linalg.norm(error[:, :3, 3], axis=1)
    return SegmentErrors(100 * float(np.mean(distances_m / length_m)), 100 * float(np.mean(angles_deg / length_m)))


def _partners(stamps_est_ns: Int64, stamps_gt_ns: Int64, max_diff_s: float) -> Int64:
    """(F,) index of the nearest estimate of each true frame, -1 where it is too far away."""
    if len(stamps_est_ns) == 0:
        return np.full(len(stamps_gt_ns), -1, np.int64)
    after = np.clip(np.searchsorted(stamps_est_ns, stamps_gt_ns), 0, len(stamps_est_ns) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(stamps_est_ns[before] - stamps_gt_ns) <= np.abs(stamps_est_ns[after] - stamps_gt_ns)
    nearest = np.where(nearer, before, after)
    return np.where(np.abs(stamps_est_ns[nearest] - stamps_gt_ns) <= round(max_diff_s * 1e9), nearest, -1)


def _stretches(positions_gt: Float64) -> tuple[Int64, Int64, Float64]:
    """First frames, last frames and nominal lengths (m) of all stretches that fit into the path."""
    path_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(positions_gt, axis=0), axis=1))])
    starts, lengths_m = np.meshgrid(np.arange(0, len(positions_gt), STEP_FRAMES), LENGTHS_M, indexing="ij")
    ends = np.searchsorted(path_m, path_m[starts] + lengths_m, side="right")  # the first that is longer
    fits = ends < len(positions_gt)
    return starts[fits], ends[fits], lengths_m[fits].astype(np.float64)
