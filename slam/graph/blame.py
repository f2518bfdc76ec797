"""Why an attempt at a problem failed: which variables are to blame, and the problem without what they spoil."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import gtsam
import numpy as np

from slam.geometry import rotation_angle_rad
from slam.graph.answer import Solution
from slam.graph.clean import cleaned, median_depth
from slam.graph.descent import Descent
from slam.graph.reprojection import errors_px, points_in_cameras
from slam.graph.subset import held, kept
from slam.graph.window import WindowProblem
from slam.types import Bool

# A keyframe's matches lie within pixels of where its pose put the points. One that has to move by half the distance
# to what it sees, or to turn by half a field of view, sees something else, or the system did not hold it.
MOST_MOVED = 0.5  # of the median depth
MOST_TURNED_RAD = 0.5
MOST_OUTLIERS = 0.5  # of the observations: the map would lose them, on the word of the others (recordings: 0.007)


@dataclass(frozen=True, slots=True, eq=False)
class Blame:
    """Variables to put aside, and the failure if there is nothing left to try."""

    why: str
    kind: str  # what they are counted as
    keyframes: Bool  # (K,)
    landmarks: Bool  # (L,)
    states: bool = False  # velocities and biases: the inertial samples go

    @property
    def is_nobodys(self) -> bool:
        return not (self.keyframes.any() or self.landmarks.any() or self.states)


def blame_of_error(problem: WindowProblem, error: Exception) -> Blame:
    """What an exception of GTSAM says: its text names the variable near which a system is indeterminate."""
    keyframes, landmarks = _nobody(problem)
    text = " ".join(str(error).strip().splitlines()[:2])
    named = re.search(r"near variable\s+(\d+)", text)
    if named is None:
        return Blame(f"the optimiser failed: {text}", "", keyframes, landmarks)
    symbol, why = gtsam.Symbol(int(named[1])), f"indeterminate system: {text}"
    rows = slice(symbol.index(), symbol.index() + 1)
    letter = chr(symbol.chr())
    if letter == "x":
        keyframes[rows] = True
        return Blame(why, "indeterminate keyframes", keyframes, landmarks)
    if letter == "l":
        landmarks[rows] = True
    return Blame(why, "indeterminate landmarks", keyframes, landmarks)


def blame_of_result(problem: WindowProblem, solution: Solution, descent: Descent) -> Blame | None:
    """What is wrong with a result; None when it can be believed."""
    keyframes, landmarks = _nobody(problem)
    lost_poses = np.any(~np.isfinite(solution.T_world_cam), axis=(1, 2))
    lost_points = np.any(~np.isfinite(solution.points_world), axis=1)
    if lost_poses.any() or lost_points.any():
        return Blame("the solution is not finite", "variables that ended nowhere", lost_poses, lost_points)
    if not descent.cost <= descent.cost_before:  # NaN too
        why = f"the cost went up: {descent.cost_before:.4g} to {descent.cost:.4g}"
        return Blame(why, "", keyframes, landmarks)
    moved = _moved_too_far(problem, solution)
    if moved.any():
        why = f"moved too far: keyframes {problem.keyframe_ids[moved].tolist()}"
        return Blame(why, "keyframes that moved too far", moved, landmarks)
    share = _disagreeing(problem, solution)
    if share > MOST_OUTLIERS:
        return Blame(f"most observations disagree with the result: {share:.0%}", "", keyframes, landmarks)
    return None


def relieved(problem: WindowProblem, blame: Blame) -> tuple[WindowProblem, Counter[str]]:
    """The problem without the blamed landmarks; blamed keyframes keep their place and are not asked what they see."""
    observations = ~blame.keyframes[problem.keyframe_index]
    rest, counts = cleaned(kept(held(problem, blame.keyframes), landmarks=~blame.landmarks, observations=observations))
    if blame.states:
        rest = replace(rest, inertial=None)
    counts[blame.kind] += int(blame.keyframes.sum() + blame.landmarks.sum() + blame.states)
    return rest, counts


def _moved_too_far(problem: WindowProblem, solution: Solution) -> Bool:
    """(K,) which keyframes."""
    moved = np.linalg.norm(solution.T_world_cam[:, :3, 3] - problem.T_world_cam[:, :3, 3], axis=1)
    R_after_before = np.einsum("kji,kjl->kil", solution.T_world_cam[:, :3, :3], problem.T_world_cam[:, :3, :3])
    turned_rad = np.array([rotation_angle_rad(R) for R in R_after_before])
    return (moved > MOST_MOVED * median_depth(problem)) | (turned_rad > MOST_TURNED_RAD)


def _disagreeing(problem: WindowProblem, solution: Solution) -> float:
    """The share of the observations that would be outliers."""
    error_px = errors_px(problem, points_in_cameras(problem, solution.T_world_cam, solution.points_world))
    return float(np.mean(error_px > problem.config.outlier_px))


def _nobody(problem: WindowProblem) -> tuple[Bool, Bool]:
    return np.zeros(len(problem.keyframe_ids), bool), np.zeros(len(problem.landmark_ids), bool)
