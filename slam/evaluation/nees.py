"""Whether a run knows how wrong it is: pose errors in units of the covariances it gave with them (NEES)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from slam.errors import TrajectoryError
from slam.evaluation.association import MAX_DIFF_S, associated
from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64, Int64

DIMENSIONS = 6  # of a pose


@dataclass(frozen=True, slots=True, eq=False)
class KnownPoses:
    """Poses as they were emitted, and how well they were known then."""

    stamps_ns: Int64  # (N,)
    T_world_cam: Float64  # (N, 4, 4)
    covariances: Float64  # (N, 6, 6) in the pose's tangent, rotation first


def known_poses(causal: Trajectory, health: Path) -> KnownPoses:
    """The emitted poses of a run that have a covariance in its health.jsonl; the first, which is the world, has none.

    Raises TrajectoryError when there are none.
    """
    records = [json.loads(line) for line in health.read_text(encoding="utf-8").splitlines()]
    upper = {record["stamp_ns"]: record["covariance"] for record in records if record.get("covariance")}
    covariances = {stamp_ns: _full(numbers) for stamp_ns, numbers in upper.items() if any(numbers)}
    rows = [i for i, stamp_ns in enumerate(causal.stamps_ns.tolist()) if stamp_ns in covariances]
    if not rows:
        raise TrajectoryError(f"health record {health}: gives no covariance for any pose of the trajectory")
    stamps_ns = causal.stamps_ns[rows]
    return KnownPoses(stamps_ns, causal.T_world_cam[rows], np.stack([covariances[s] for s in stamps_ns.tolist()]))


def nees(known: KnownPoses, truth: Trajectory, T_truth_world: Float64) -> tuple[Int64, Float64]:
    """Stamps (K,) and normalised estimation errors squared (K,) of the poses that have a true one.

    e' P^-1 e of the error e = (rotation vector, translation) of ``T_true^-1 @ T_estimated`` (Bar-Shalom, Li and
    Kirubarajan 2001, section 5.4): 6 on average where covariances are right, more where they promise too much.
    T_truth_world: where the run's world lies, which is known exactly: that of its first frame.
    Raises TrajectoryError when fewer than three stamps agree.
    """
    index, index_truth = associated(known.stamps_ns, truth.stamps_ns, MAX_DIFF_S)
    off = invert(truth.T_world_cam[index_truth]) @ T_truth_world @ known.T_world_cam[index]
    errors = np.concatenate([Rotation.from_matrix(off[:, :3, :3]).as_rotvec(), off[:, :3, 3]], axis=1)
    whitened = np.linalg.solve(known.covariances[index], errors[..., None])
    return known.stamps_ns[index], np.einsum("ki,ki->k", errors, whitened[..., 0])


def bounds(runs: int, share: float = 0.95) -> tuple[float, float]:
    """Between what the mean over so many independent runs lies with this probability, at one moment."""
    outside = (1.0 - share) / 2.0
    low, high = chi2.ppf([outside, 1.0 - outside], DIMENSIONS * runs) / runs
    return float(low), float(high)


@dataclass(frozen=True)
class Consistency:
    """NEES over several independent runs, moment by moment."""

    runs: int
    moments: int
    mean: float  # over runs and moments; 6 where covariances are right
    median_of_moments: float  # of the means over the runs
    low: float  # 95 % bounds of a moment's mean
    high: float
    within: float  # share of the moments inside the bounds
    above: float  # share of the moments where too much is promised


def consistency(runs: Sequence[Float64]) -> Consistency:
    """Of one row of NEES per run, which are cut to the shortest; moments are compared by their number."""
    moments = min(len(run) for run in runs)
    table = np.stack([run[:moments] for run in runs])
    means = table.mean(0)
    low, high = bounds(len(runs))
    return Consistency(
        len(runs),
        moments,
        float(table.mean()),
        float(np.median(means)),
        low,
        high,
        float(np.mean((means >= low) & (means <= high))),
        float(np.mean(means > high)),
    )


def _full(upper: list[float]) -> Float64:
    """(6, 6) of the 21 numbers of its upper triangle."""
    covariance = np.zeros((DIMENSIONS, DIMENSIONS))
    covariance[np.triu_indices(DIMENSIONS)] = upper
    return covariance + np.triu(covariance, 1).T
