"""What is wrong with a problem before it is solved: put aside, or held by a stated prior, and counted by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from slam.graph.reprojection import LEAST_DEPTH, points_in_cameras
from slam.graph.subset import held, kept
from slam.graph.window import WindowProblem
from slam.types import Bool, Float64

FARTHEST = 1e9  # units from the origin; beyond, float64 no longer tells micrometres apart
MOST_TANGENT = 100.0  # focal lengths from the principal point: 89.4 degrees off the axis, no pinhole sees that
NEAREST = 1e-3  # of the median depth: a pixel there would weigh a million times those of the others
LONGEST = 1e4  # baselines: 0.05 px of parallax at a focal length of 500 px, less than a keypoint is off
MIN_PARALLAX_RAD = 1e-5  # of a landmark without depth, a two-hundredth of a pixel there
MIN_POINTS = 4  # of a pose: three make it finite, the fourth chooses (Haralick et al., IJCV 1994)
LOOSE_RAD, LOOSE_SHARE = 0.1, 0.1  # sigmas that replace an unusable covariance: rotation; position, of the median depth
TIGHTEST = 1e-24  # rad^2 and units^2; priors are made of the last ones and would shrink below any number
LEAST_CONDITION = 1e-14  # smallest over largest eigenvalue of a covariance that float64 can still invert

Cleaned = tuple[WindowProblem, dict[str, int]]


def cleaned(problem: WindowProblem) -> tuple[WindowProblem, Counter[str]]:
    """A problem that can be solved, as far as its numbers can tell, and what was put aside: kind -> how many.

    A sound problem comes back as it is. Rows that hang on a row that was put aside go with it, uncounted.
    """
    counts: Counter[str] = Counter()
    for step in STEPS:
        problem, found = step(problem)
        counts.update({kind: count for kind, count in found.items() if count})
    return problem, counts


def in_range(problem: WindowProblem) -> Cleaned:
    """Without the observations that name a row which is not there."""
    keyframes, landmarks = problem.keyframe_index, problem.landmark_index
    known = (keyframes >= 0) & (keyframes < len(problem.keyframe_ids))
    known &= (landmarks >= 0) & (landmarks < len(problem.landmark_ids))
    rows = {name: getattr(problem, name)[known] for name in ("keyframe_index", "landmark_index", "xy", "right_x")}
    return replace(problem, **rows), {"observations of nothing": int((~known).sum())}


def has_place(points_world: Float64) -> Bool:
    """(L,) which points (L, 3) are somewhere."""
    with np.errstate(invalid="ignore"):
        return np.all(np.abs(points_world) < FARTHEST, axis=1)


def _posed(problem: WindowProblem) -> Cleaned:
    T = problem.T_world_cam
    proper = has_place(T[:, :3, 3]) & np.isfinite(T).all((1, 2))
    R = np.where(proper[:, None, None], T[:, :3, :3], 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(R @ R.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    proper &= (off < 1e-3) & (np.linalg.det(np.where(off[:, None, None] < 1e-3, R, 0.0)) > 0)
    return kept(problem, keyframes=proper), {"keyframes without a pose": int((~proper).sum())}


def _placed(problem: WindowProblem) -> Cleaned:
    placed = has_place(problem.points_world)
    return kept(problem, landmarks=placed), {"landmarks without a place": int((~placed).sum())}


def _measured(problem: WindowProblem) -> Cleaned:
    """Without pixels that no camera measures; an infinite right_x counts as unknown everywhere."""
    fx, fy, cx, cy = problem.intrinsics
    with np.errstate(invalid="ignore"):
        measured = (np.abs(problem.xy - (cx, cy)) < (MOST_TANGENT * fx, MOST_TANGENT * fy)).all(1)
        measured &= ~np.isfinite(problem.right_x) | (np.abs(problem.right_x - cx) < MOST_TANGENT * fx)
    return kept(problem, observations=measured), {"observations without a pixel": int((~measured).sum())}


def _in_front(problem: WindowProblem) -> Cleaned:
    z = points_in_cameras(problem, problem.T_world_cam, problem.points_world)[:, 2]
    behind = z <= LEAST_DEPTH
    near = ~behind & (z < NEAREST * _median_depth(z))
    far = z > LONGEST * max(_baseline(problem), LEAST_DEPTH)
    counts = {
        "observations from behind": int(behind.sum()),
        "observations from too near": int(near.sum()),
        "observations from too far": int(far.sum()),
    }
    return kept(problem, observations=~(behind | near | far)), counts


def _seen_enough(problem: WindowProblem) -> Cleaned:
    """A point needs two pictures, or one with depth."""
    views = np.where(np.isfinite(problem.right_x), 2, 1)
    enough = np.bincount(problem.landmark_index, views, minlength=len(problem.landmark_ids)) >= 2
    return kept(problem, landmarks=enough), {"landmarks seen too little": int((~enough).sum())}


def _with_parallax(problem: WindowProblem) -> Cleaned:
    """A point without depth needs two different directions to it."""
    j, count = problem.landmark_index, len(problem.landmark_ids)
    rays = problem.T_world_cam[problem.keyframe_index, :3, 3] - problem.points_world[j]
    rays /= np.maximum(np.linalg.norm(rays, axis=1), 1e-12)[:, None]
    middle = np.zeros((count, 3))
    np.add.at(middle, j, rays)
    middle /= np.maximum(np.linalg.norm(middle, axis=1), 1e-12)[:, None]
    sine = np.linalg.norm(np.cross(rays, middle[j]), axis=1)
    known = np.isfinite(problem.right_x) | (2.0 * sine > MIN_PARALLAX_RAD)
    wide = np.bincount(j, known, minlength=count) > 0
    return kept(problem, landmarks=wide), {"landmarks without parallax": int((~wide).sum())}


def _constrained(problem: WindowProblem) -> Cleaned:
    """A keyframe that sees too little, and that nothing else holds, keeps its place."""
    points = np.bincount(problem.keyframe_index, minlength=len(problem.keyframe_ids))
    loose = (points < MIN_POINTS) & ~problem.is_edge
    return held(problem, loose) if loose.any() else problem, {"keyframes that see too little": int(loose.sum())}


def _with_covariances(problem: WindowProblem) -> Cleaned:
    """A covariance that is none is replaced by a loose one; one that is too tight to write down by TIGHTEST."""
    unusable = problem.is_edge & ~np.array([is_covariance(C) for C in problem.prior_covariances], bool)
    with np.errstate(invalid="ignore"):
        tight = problem.is_edge & ~unusable & (np.abs(problem.prior_covariances).max((1, 2), initial=0.0) < TIGHTEST)
    if unusable.any():
        problem = held(problem, unusable, loose_covariance(problem))
    if tight.any():
        problem = held(problem, tight, TIGHTEST * np.eye(6))
    return problem, {"covariances not positive definite": int(unusable.sum())}


def _anchored(problem: WindowProblem) -> Cleaned:
    """Something must hold the window: the oldest keyframe, where nothing does."""
    if problem.is_edge.any() or not len(problem.keyframe_ids):
        return problem, {}
    return held(problem, problem.keyframe_ids == problem.keyframe_ids.min()), {"windows that nothing held": 1}


def _scaled(problem: WindowProblem) -> Cleaned:
    """Two keyframes in one place hold no scale."""
    if problem.scale_pair is None:
        return problem, {}
    a, b = problem.T_world_cam[list(problem.scale_pair), :3, 3]
    if np.linalg.norm(a - b) > MIN_PARALLAX_RAD * median_depth(problem):
        return problem, {}
    return replace(problem, scale_pair=None), {"scales without a distance": 1}


def _felt(problem: WindowProblem) -> Cleaned:
    """Without an inertial chain whose numbers are no numbers, or whose prior is no covariance."""
    chain = problem.inertial
    if chain is None or (chain.is_finite and is_covariance(chain.prior_covariance)):
        return problem, {}
    return replace(problem, inertial=None), {"inertial chains that are not finite": 1}


STEPS: tuple[Callable[[WindowProblem], Cleaned], ...] = (
    in_range,
    _posed,
    _placed,
    _measured,
    _in_front,
    _seen_enough,
    _with_parallax,
    _constrained,
    _with_covariances,
    _anchored,
    _scaled,
    _felt,
)


def is_covariance(matrix: Float64) -> bool:
    """Whether a matrix (N, N) is finite, symmetric and positive definite beyond rounding."""
    if not np.isfinite(matrix).all():
        return False
    largest = float(np.abs(matrix).max())
    if largest == 0.0 or np.abs(matrix / largest - matrix.T / largest).max() > 1e-6:
        return False
    eigenvalues = np.linalg.eigvalsh(matrix / largest)
    return bool(eigenvalues[0] > LEAST_CONDITION * eigenvalues[-1])


def loose_covariance(problem: WindowProblem) -> Float64:
    """(6, 6) of a keyframe about which nothing better is known, rotation first."""
    sigmas = np.r_[np.full(3, LOOSE_RAD), np.full(3, LOOSE_SHARE * median_depth(problem))]
    return np.diag(sigmas**2)


def median_depth(problem: WindowProblem) -> float:
    """In units of the map, of what lies in front; 1 where nothing does."""
    return _median_depth(points_in_cameras(problem, problem.T_world_cam, problem.points_world)[:, 2]) or 1.0


def _median_depth(z: Float64) -> float:
    in_front = z[z > LEAST_DEPTH]
    return float(np.median(in_front)) if len(in_front) else 0.0


def _baseline(problem: WindowProblem) -> float:
    """The longest that there is: across the keyframes, or of the stereo pair."""
    centers = problem.T_world_cam[:, :3, 3]
    across = float(np.linalg.norm(np.ptp(centers, axis=0))) if len(centers) else 0.0
    return max(across, problem.baseline_m if np.isfinite(problem.right_x).any() else 0.0)
