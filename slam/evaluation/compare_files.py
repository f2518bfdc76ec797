"""Anybody's trajectories against each other: what ``slam evaluate`` prints, and the truth laid over a map."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.ate import Align, ate
from slam.evaluation.rpe import rpe
from slam.geometry import invert
from slam.trajectory import Trajectory, read_euroc_csv, read_tum
from slam.types import Float64

MAX_DIFF_S = 0.02


def read_any(path: Path) -> Trajectory:
    """A trajectory in TUM format, or in EuRoC's when the file ends in .csv. Raises TrajectoryError."""
    return read_euroc_csv(path) if path.suffix == ".csv" else read_tum(path)


def evaluate_files(estimate: Path, truth: Path, align: str, max_diff_s: float) -> list[tuple[str, str]]:
    """Names and values of ATE and frame-to-frame RPE, with evo's conventions. Raises TrajectoryError."""
    est, gt = read_any(estimate), read_any(truth)
    result = ate(est, gt, cast(Align, align), max_diff_s)
    relative = rpe(est, gt, 1, result.scale, max_diff_s)
    names = ("rmse", "mean", "median", "std", "min", "max")
    rows = [("poses", f"{len(est)} estimated, {len(gt)} true, {result.n} compared")]
    rows += [(f"ATE {name}", f"{getattr(result, name):.9f} m") for name in names]
    rows += [("ATE of the path", f"{result.percent:.3f} % of {result.path_length_m:.3f} m")]
    rows += [("aligned", f"{result.align}, scale {result.scale:.9f}")]
    rows += [(f"RPE {name}", f"{getattr(relative.translation_m, name):.9f} m per frame") for name in ("rmse", "median")]
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
