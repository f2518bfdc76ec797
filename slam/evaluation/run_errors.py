"""The error figures of a run, where its recording has ground truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.association import associate
from slam.evaluation.ate import Align, AteResult, ate
from slam.evaluation.kitti_segments import kitti_segment_errors
from slam.evaluation.rpe import rpe, rpe_per_second
from slam.trajectory import Trajectory
from slam.types import Int64

MAX_DIFF_S = 0.02  # between a pose and its ground truth, as in the TUM benchmark's tools


def run_errors(
    final: Trajectory, causal: Trajectory, truth: Trajectory | None, align: Align
) -> tuple[dict[str, Any], AteResult | None]:
    """The error fields of a Summary and its notes, and the final trajectory's result to draw.

    ``truth``: of the frames alone, as ``truth_of_frames`` gives it.
    """
    names = ("ate", "ate_causal", "rpe", "rpe_per_second", "kitti_segments")
    figures: dict[str, Any] = {"align": align, **dict.fromkeys(names)}
    if truth is None:
        return {**figures, "notes": ("no ground truth: no error figures",)}, None
    try:
        result = ate(final, truth, align, MAX_DIFF_S)
        relative = rpe(final, truth, 1, result.scale, MAX_DIFF_S)
        per_second = rpe_per_second(final, truth, result.scale, MAX_DIFF_S)
    except TrajectoryError as error:
        return {**figures, "notes": (f"no error figures: {error}",)}, None
    figures |= {"ate": result.figures(), "rpe": relative.figures()}
    figures["rpe_per_second"] = per_second.figures() if per_second else None
    segments = kitti_segment_errors(final, truth, result.scale, MAX_DIFF_S)
    figures["kitti_segments"] = segments._asdict() if segments else None
    try:
        figures["ate_causal"] = ate(causal, truth, align, MAX_DIFF_S).figures()
    except TrajectoryError as error:
        return {**figures, "notes": (f"no error of the poses as emitted: {error}",)}, result
    return {**figures, "notes": ()}, result


def truth_of_frames(truth: Trajectory, stamps_ns: Int64) -> Trajectory:
    """The true poses nearest to the frames' stamps, those of all others left out.

    Errors against them are those against the whole: a pose meets the same true pose. Only a stretch of KITTI's counts
    frames, not time, and needs them.
    """
    stamps_ns = np.sort(stamps_ns)
    if len(truth) < len(stamps_ns):
        return truth
    _, chosen = associate(stamps_ns, truth.stamps_ns, MAX_DIFF_S)
    chosen = np.unique(chosen)
    return Trajectory(truth.stamps_ns[chosen], truth.T_world_cam[chosen])
