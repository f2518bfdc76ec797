"""What a run left, as curves over time: for the pictures of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from slam.errors import TrajectoryError
from slam.evaluation.ate import Align, AteResult, ate
from slam.evaluation.frame_records import FrameRecord, read_records
from slam.evaluation.run_errors import MAX_DIFF_S
from slam.evaluation.suite.records import RunFigures
from slam.trajectory import Trajectory, read_tum
from slam.types import Float64, Int64


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Position error over time, after the alignment of its run."""

    time_s: Float64  # (n,) from the first frame
    error_m: Float64  # (n,)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """Curves of one run over the time from its first frame."""

    path_m: Float64  # (n, 3) final positions, in the truth's frame where there is one
    truth_m: Float64 | None  # (k, 3)
    final: ErrorCurve | None
    causal: ErrorCurve | None
    time_s: Float64  # (F,)
    exit_layer: Int64  # (F,)
    inliers: Int64  # (F,)
    tracked: tuple[bool, ...]  # (F,)

    def axes_by_extent(self) -> tuple[int, int, int]:
        """The axes of the path, the longest first."""
        shown = self.path_m if self.truth_m is None else self.truth_m
        if len(shown) == 0:
            return 0, 1, 2
        first, second, third = np.argsort(-np.ptp(shown, axis=0), kind="stable")
        return int(first), int(second), int(third)

    def spans_without_pose(self) -> Iterator[tuple[float, float]]:
        """Begin and end in seconds of every time in which frames had no pose."""
        lost = np.concatenate([[0], 1 - np.asarray(self.tracked, np.int64), [0]])
        edges = np.flatnonzero(np.diff(lost))
        for begin, end in zip(edges[::2], edges[1::2]):
            yield float(self.time_s[begin]), float(self.time_s[min(end, len(self.time_s) - 1)])


def run_curves(folder: Path, figures: RunFigures, align: str) -> RunCurves | None:
    """The curves of a run in ``folder``, the folder of results; None where its files are gone or it left none."""
    place = folder / figures.folder
    if figures.failure or not (place / "health.jsonl").exists() or not (place / "trajectory.txt").exists():
        return None
    records = read_records(place / "health.jsonl")
    start_ns = records[0].stamp_ns if records else 0
    truth = _trajectory(place / "truth.txt")
    final = _trajectory(place / "trajectory.txt") or Trajectory(np.zeros(0, np.int64), np.zeros((0, 4, 4)))
    result = _result(final, truth, align)
    path = final if result is None else result.aligned
    causal = _causal(place, truth, align, figures)
    return RunCurves(
        path.T_world_cam[:, :3, 3],
        None if result is None or truth is None else truth.T_world_cam[:, :3, 3],
        None if result is None else _curve(result, start_ns),
        None if causal is None else _curve(causal, start_ns),
        **_over_frames(records, start_ns),
    )


def _over_frames(records: list[FrameRecord], start_ns: int) -> dict[str, Any]:
    return {
        "time_s": np.array([r.stamp_ns - start_ns for r in records], np.float64) * 1e-9,
        "exit_layer": np.array([r.exit_layer for r in records], np.int64),
        "inliers": np.array([r.inliers for r in records], np.int64),
        "tracked": tuple(r.tracked for r in records),
    }


def _causal(place: Path, truth: Trajectory | None, align: str, figures: RunFigures) -> AteResult | None:
    """Of the poses as emitted; None where the file is of other poses than the figure: another sub-map or scale."""
    result = _result(_trajectory(place / "trajectory_causal.txt"), truth, align)
    expected = figures.ate_causal_m
    if result is None or expected is None or not math.isclose(result.rmse, expected, rel_tol=1e-3, abs_tol=1e-6):
        return None
    return result


def _result(estimate: Trajectory | None, truth: Trajectory | None, align: str) -> AteResult | None:
    if estimate is None or truth is None:
        return None
    try:
        return ate(estimate, truth, cast(Align, align), MAX_DIFF_S)
    except TrajectoryError:  # too few poses in common
        return None


def _curve(result: AteResult, start_ns: int) -> ErrorCurve:
    return ErrorCurve((result.stamps_ns - start_ns).astype(np.float64) * 1e-9, result.errors_m)


def _trajectory(path: Path) -> Trajectory | None:
    """None where there is no file or no pose in it."""
    try:
        return read_tum(path) if path.exists() else None
    except TrajectoryError:  # a run without a map leaves a file without poses
        return None
