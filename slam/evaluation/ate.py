"""Absolute trajectory error: how far the estimated path lies from the true one after the best alignment."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.association import MAX_DIFF_S, associated
from slam.evaluation.statistics import ErrorFigures, error_figures
from slam.geometry import invert, umeyama
from slam.trajectory import Trajectory
from slam.types import Float64, Int64

Align = Literal["none", "origin", "se3", "sim3"]
ALIGNMENTS = ("none", "origin", "se3", "sim3")


@dataclass(frozen=True)
class AteResult(ErrorFigures):
    """Distances between associated positions after alignment, in metres, and what led to them."""

    align: str  # of ALIGNMENTS
    scale: float  # ground truth over estimate, 1 unless sim3
    path_length_m: float  # of the associated ground truth
    percent: float  # 100 rmse / path_length_m, NaN when nothing moved
    errors_m: Float64  # (n,)
    stamps_ns: Int64  # (n,) of the associated estimates
    T_gt_world: Float64  # (4, 4) the alignment, applied after the scale
    aligned: Trajectory  # every estimated pose in the ground truth's frame: T_gt_cam

    def figures(self) -> dict[str, float | str]:
        """The numbers alone, for a report."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, (int, float, str))}


def ate(est: Trajectory, gt: Trajectory, align: Align = "se3", max_diff_s: float = MAX_DIFF_S) -> AteResult:
    """Absolute trajectory error (Sturm et al., IROS 2012, section IV-B), figures equal to ``evo_ape --align``.

    "sim3" also estimates the scale, for monocular trajectories; "origin" lays the first common pose on the true one;
    "none" takes the estimate as it is. Raises TrajectoryError when fewer than three stamps are within ``max_diff_s`` of
    each other.
    """
    if align not in ALIGNMENTS:
        raise TrajectoryError(f"alignment '{align}' is not known; use none, origin, se3 or sim3")
    index_est, index_gt = associated(est.stamps_ns, gt.stamps_ns, max_diff_s)
    positions_gt = gt.T_world_cam[index_gt, :3, 3]
    scale, T_gt_world = _alignment(est.T_world_cam[index_est], gt.T_world_cam[index_gt], align)
    aligned = moved(est, T_gt_world, scale)
    errors_m = np.linalg.norm(aligned.T_world_cam[index_est, :3, 3] - positions_gt, axis=1)
    figures, length_m = error_figures(errors_m), path_length_m(positions_gt)
    return AteResult(
        **vars(figures),
        align=align,
        scale=scale,
        path_length_m=length_m,
        percent=100 * figures.rmse / length_m if length_m > 0 else float("nan"),
        errors_m=errors_m,
        stamps_ns=est.stamps_ns[index_est],
        T_gt_world=T_gt_world,
        aligned=aligned,
    )


def _alignment(T_world_est: Float64, T_world_gt: Float64, align: Align) -> tuple[float, Float64]:
    """Scale and T_gt_world of poses that belong together, (K, 4, 4) each."""
    if align == "none":
        return 1.0, np.eye(4)
    if align == "origin":
        return 1.0, T_world_gt[0] @ invert(T_world_est[0])
    return umeyama(T_world_gt[:, :3, 3], T_world_est[:, :3, 3], align == "sim3")


def moved(trajectory: Trajectory, T_gt_world: Float64, scale: float = 1.0) -> Trajectory:
    """The trajectory in another frame: positions scaled, then moved."""
    T_world_cam = trajectory.T_world_cam.copy()
    T_world_cam[:, :3, 3] *= scale
    return Trajectory(trajectory.stamps_ns, T_gt_world @ T_world_cam)


def path_length_m(positions: Float64) -> float:
    """Length of the line through positions (N, 3)."""
    return float(np.sum(np.linalg.norm(np.diff(positions, axis=0), axis=1)))
