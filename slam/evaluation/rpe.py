"""Relative pose error: how much the estimated motion between two moments differs from the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.errors import TrajectoryError
from slam.evaluation.association import MAX_DIFF_S, associated
from slam.evaluation.statistics import ErrorFigures, error_figures
from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64, Int64

SECOND_TOLERANCE_S = 0.05  # a pair "one second" apart may be this much off
STAMP_ROUNDING_NS = 1_000_000


@dataclass(frozen=True)
class RpeResult:
    """Figures of the relative errors of all pairs."""

    translation_m: ErrorFigures
    rotation_deg: ErrorFigures

    def figures(self) -> dict[str, dict[str, float]]:
        """The numbers alone, for a report."""
        return {"translation_m": vars(self.translation_m), "rotation_deg": vars(self.rotation_deg)}


def rpe(
    est: Trajectory, gt: Trajectory, delta_frames: int = 1, scale: float = 1.0, max_diff_s: float = MAX_DIFF_S
) -> RpeResult:
    """Relative pose error over consecutive pairs ``delta_frames`` apart (Sturm et al., IROS 2012, eq. 2), as evo_rpe.

    ``scale`` multiplies the estimate's positions (monocular: the scale of ``ate``). Raises TrajectoryError when fewer
    than three stamps are within ``max_diff_s`` of each other, or none are ``delta_frames`` apart.
    """
    index_est, index_gt = associated(est.stamps_ns, gt.stamps_ns, max_diff_s)
    chosen = np.arange(0, len(index_est), delta_frames)
    if len(chosen) < 2:
        raise TrajectoryError(
            f"no two of the {len(index_est)} associated poses are {delta_frames} frames apart; use a smaller delta"
        )
    T_est, T_gt = est.T_world_cam[index_est], gt.T_world_cam[index_gt]
    return _relative(T_est, T_gt, chosen[:-1], chosen[1:], scale)


def rpe_per_second(
    est: Trajectory, gt: Trajectory, scale: float = 1.0, max_diff_s: float = MAX_DIFF_S
) -> RpeResult | None:
    """Relative pose error over all pairs one second apart: drift per second. None when no pair is.

    Raises TrajectoryError when fewer than three stamps are within ``max_diff_s`` of each other.
    """
    index_est, index_gt = associated(est.stamps_ns, gt.stamps_ns, max_diff_s)
    first, second = _one_second_apart(est.stamps_ns[index_est])
    if len(first) == 0:
        return None
    return _relative(est.T_world_cam[index_est], gt.T_world_cam[index_gt], first, second, scale)


def _one_second_apart(stamps_ns: Int64) -> tuple[Int64, Int64]:
    wanted_ns = stamps_ns + 1_000_000_000
    after = np.clip(np.searchsorted(stamps_ns, wanted_ns), 1, len(stamps_ns) - 1)
    before = after - 1
    nearest = np.where(wanted_ns - stamps_ns[before] <= np.abs(stamps_ns[after] - wanted_ns), before, after)
    close = np.abs(stamps_ns[nearest] - wanted_ns) <= SECOND_TOLERANCE_S * 1e9
    close &= wanted_ns <= stamps_ns[-1] + STAMP_ROUNDING_NS  # the last poses have no partner
    return np.flatnonzero(close), nearest[close]


def _relative(T_world_est: Float64, T_world_gt: Float64, first: Int64, second: Int64, scale: float) -> RpeResult:
    T_est = T_world_est.copy()
    T_est[:, :3, 3] *= scale
    motion_est = invert(T_est[first]) @ T_est[second]
    motion_gt = invert(T_world_gt[first]) @ T_world_gt[second]
    error = invert(motion_gt) @ motion_est
    angles_rad = Rotation.from_matrix(error[:, :3, :3]).magnitude()
    return RpeResult(error_figures(np.linalg.norm(error[:, :3, 3], axis=1)), error_figures(np.degrees(angles_rad)))
