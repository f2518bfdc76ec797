"""Anybody's trajectories against each other: what ``slam evaluate`` prints, and the truth laid over a map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.association import MAX_DIFF_S as DEFAULT_MAX_DIFF_S
from slam.evaluation.ate import Align, AteResult, ate
from slam.evaluation.kitti_segments import SegmentErrors, kitti_segment_errors
from slam.evaluation.rpe import RpeResult, rpe
from slam.evaluation.trajectory_files import read_trajectory
from slam.geometry import invert
from slam.sources.euroc_calibration import read_T_body_cam
from slam.trajectory import Trajectory
from slam.types import Float64

MAX_DIFF_S = 0.02
STATISTICS = ("rmse", "mean", "median", "std", "min", "max")


@dataclass(frozen=True)
class EvaluateOptions:
    """How two files are read and compared."""

    align: str = "se3"  # of ALIGNMENTS
    max_diff_s: float = DEFAULT_MAX_DIFF_S
    delta_frames: int = 1  # of the relative error
    est_format: str = ""  # of FORMATS; "" for guessed
    gt_format: str = ""
    times: Path | None = None  # stamps of poses in KITTI's format
    T_body_cam: Path | None = None  # a sensor.yaml: the truth is the body's, the estimate the camera's


@dataclass(frozen=True)
class Evaluation:
    """An estimate against its ground truth."""

    est: Trajectory
    gt: Trajectory
    ate: AteResult
    rpe: RpeResult
    segments: SegmentErrors | None  # KITTI's; None where no stretch of the path is long enough
    delta_frames: int

    def rows(self) -> list[tuple[str, str]]:
        """Names and values to be printed."""
        result, translation, rotation = self.ate, self.rpe.translation_m, self.rpe.rotation_deg
        per = "frame" if self.delta_frames == 1 else f"{self.delta_frames} frames"
        rows = [
            ("poses", f"{len(self.est)} estimated, {len(self.gt)} true, {result.n} compared"),
            *((f"ATE {name}", f"{getattr(result, name):.9f} m") for name in STATISTICS),
            ("ATE of the path", f"{result.percent:.3f} % of {result.path_length_m:.3f} m"),
            ("aligned", f"{result.align}, scale {result.scale:.9f}"),
            *((f"RPE {name}", f"{getattr(translation, name):.9f} m per {per}") for name in ("rmse", "median")),
            *((f"RPE angle {name}", f"{getattr(rotation, name):.9f} deg per {per}") for name in ("rmse", "median")),
        ]
        if self.segments is not None:
            t_percent, r_deg = self.segments
            rows += [("KITTI segments", f"{t_percent:.4f} %, {r_deg:.4f} deg per 100 m")]
        return rows

    def figures(self) -> dict[str, Any]:
        """The numbers alone, for a program."""
        return {
            "poses": {"estimated": len(self.est), "true": len(self.gt), "compared": self.ate.n},
            "ate": self.ate.figures(),
            "rpe": {"delta_frames": self.delta_frames, **self.rpe.figures()},
            "kitti_segments": None if self.segments is None else self.segments._asdict(),
        }


def evaluate_files(estimate: Path, truth: Path, options: EvaluateOptions) -> Evaluation:
    """ATE, RPE and KITTI's errors, with evo's conventions. Raises TrajectoryError, CalibrationError."""
    est = read_trajectory(estimate, options.est_format, options.times)
    gt = read_trajectory(truth, options.gt_format, options.times)
    if options.T_body_cam is not None:
        gt = Trajectory(gt.stamps_ns, gt.T_world_cam @ read_T_body_cam(options.T_body_cam))
    result = ate(est, gt, cast(Align, options.align), options.max_diff_s)
    relative = rpe(est, gt, options.delta_frames, result.scale, options.max_diff_s)
    segments = kitti_segment_errors(est, gt, result.scale, options.max_diff_s)
    return Evaluation(est, gt, result, relative, segments, options.delta_frames)


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
