"""Anybody's trajectories against each other: what ``slam evaluate`` prints, and the truth laid over a map."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.ate import Align, ate
from slam.evaluation.kitti_segments import kitti_segment_errors
from slam.evaluation.rpe import rpe
from slam.evaluation.trajectory_files import read_trajectory
from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64

MAX_DIFF_S = 0.02


def evaluate_files(
    estimate: Path, truth: Path, align: str, max_diff_s: float, formats: tuple[str, str] = ("", ""),
    times: Path | None = None, delta_frames: int = 1,
) -> list[tuple[str, str]]:  # fmt: skip
    """Names and values of ATE, RPE and KITTI's errors, with evo's conventions. Raises TrajectoryError.

    ``formats`` of estimate and truth, guessed where empty; ``times`` are the stamps of those in KITTI's format.
    """
    est, gt = read_trajectory(estimate, formats[0], times), read_trajectory(truth, formats[1], times)
    result = ate(est, gt, cast(Align, align), max_diff_s)
    relative = rpe(est, gt, delta_frames, result.scale, max_diff_s)
    names = ("rmse", "mean", "median", "std", "min", "max")
    rows = [("poses", f"{len(est)} estimated, {len(gt)} true, {result.n} compared")]
    rows += [(f"ATE {name}", f"{getattr(result, name):.9f} m") for name in names]
    rows += [("ATE of the path", f"{result.percent:.3f} % of {result.path_length_m:.3f} m")]
    rows += [("aligned", f"{result.align}, scale {result.scale:.9f}")]
    per = "frame" if delta_frames == 1 else f"{delta_frames} frames"
    rows += [(f"RPE {name}", f"{getattr(relative.translation_m, name):.9f} m per {per}") for name in ("rmse", "median")]
    segments = kitti_segment_errors(est, gt, result.scale, max_diff_s)
    if segments is not None:
        rows += [("KITTI segments", f"{segments.t_percent:.4f} %, {segments.r_deg_per_100m:.4f} deg per 100 m")]
    return rows


def aligned_to(est: Trajectory, gt: Trajectory, with_scale: bool) -> Float64 | None:
    """(F, 3) true positions in the estimate's world, or None while the two have too little in common to align."""
    if len(est) < 3:
        return None
    try:
        result = ate(est, gt, "sim3" if with_scale else "se3", MAX_DIFF_S)
    except (TrajectoryError, np.linalg.LinAlgError):
        return None
    T_world_gt = invert(result.T_gt_world)
    return (gt.T_world_cam[:, :3, 3] @ T_world_gt[:3, :3].T + T_world_gt[:3, 3]) / result.scale
