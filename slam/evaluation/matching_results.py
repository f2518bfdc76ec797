"""What one method did on one pair, and what that adds up to over a set of pairs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import TrackingConfig
from slam.evaluation.matching_cases import INLIER_PX, Case
from slam.evaluation.matching_scores import (
    corner_error_px,
    dlt_homography,
    kept_at_recall,
    pose_error_deg,
    ransac_homography,
    recall_auc,
    relative_pose,
)
from slam.matching import Matcher
from slam.types import Bool, Float32, Float64, Int64, Matches

LOOSE_PX = 6.0  # the same where depth and poses of a recording are no better
FAR_PX = 12.0  # off by more: another object, not the same one badly placed
ROBUST_REPEATS = 3  # a robust estimate depends on luck: it is made from so many orders of the matches
USABLE = TrackingConfig().min_matches  # matches from which tracking would believe them
CORNER_PX = (1, 3, 5)
POSE_DEG = (5, 10, 20)

Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One method on one pair."""

    matches: Matches
    layers: int  # that the matcher has
    points: int  # keypoints of the smaller side
    error_px: Float64  # (K,) from b's point to the true place of a's; NaN where that is unknown
    possible: int  # right matches that there are
    ms: float
    dlt_px: tuple[float, ...] = ()  # corner error of one DLT
    robust_px: tuple[float, ...] = ()  # corner errors of several robust estimates
    pose_deg: tuple[float, ...] = ()  # errors of several robust estimates

    @property
    def known(self) -> Bool:
        """(K,) whether the truth of a match is known."""
        return np.isfinite(self.error_px)

    @property
    def right(self) -> Bool:
        """(K,) whether a match is true."""
        return self.error_px < INLIER_PX

    @property
    def leaves_early(self) -> bool:
        """Whether it stopped because it was sure, not because a side had no point left, nor for lack of time."""
        is_early = 0 < self.matches.exit_layer < self.layers
        return is_early and not (self.matches.emptied or self.matches.hurried)


def outcome(matcher: Matcher, case: Case) -> Outcome:
    """Match, time and judge one pair."""
    started = time.perf_counter()
    found = matcher.match(case.a, case.b)
    ms = 1e3 * (time.perf_counter() - started)
    places, xy_b = case.a_in_b[found.index_a], case.b.xy[found.index_b]
    xy_a = case.truth_a.xy[found.index_a]
    return Outcome(
        found,
        matcher.num_layers,
        min(len(case.a.xy), len(case.b.xy)),
        np.linalg.norm(places - xy_b, axis=1),
        case.possible,
        ms,
        *_corner_errors(case, xy_a, xy_b),
        _pose_errors(case, xy_a, xy_b),
    )


def effort(outcomes: Sequence[Outcome]) -> Figures:
    """What every set shows: matches, depth, pruning and time."""
    exits = [o.matches.exit_layer for o in outcomes if o.layers]
    return {
        "matches": _mean([len(o.matches) for o in outcomes]),
        "exit": _mean(exits),
        "depth %": _mean([100 * o.matches.exit_layer / o.layers for o in outcomes if o.layers]),
        "pruned %": _mean([100 * o.matches.pruned for o in outcomes if o.layers]),
        "ms": float(np.median([o.ms for o in outcomes])),
    }


def correctness(outcomes: Sequence[Outcome]) -> Figures:
    """Right matches per pair; precision and recall in percent, pooled over the pairs."""
    right = sum(int(o.right.sum()) for o in outcomes)
    known, possible = sum(int(o.known.sum()) for o in outcomes), sum(o.possible for o in outcomes)
    return {
        "right": right / len(outcomes),
        "precision %": 100 * right / known if known else float("nan"),
        "recall %": 100 * right / possible if possible else float("nan"),
    }


def homography_figures(outcomes: Sequence[Outcome]) -> Figures:
    """Areas under the recall of the corner error, in percent, for DLT and RANSAC."""
    errors = {"DLT": [px for o in outcomes for px in o.dlt_px], "RSC": [px for o in outcomes for px in o.robust_px]}
    areas = {f"{kind}@{px}": 100 * recall_auc(values, px) for kind, values in errors.items() for px in CORNER_PX}
    return {**correctness(outcomes), **areas, **effort(outcomes)}


def pose_figures(outcomes: Sequence[Outcome]) -> Figures:
    """Areas under the recall of the pose error, in percent."""
    errors = [degrees for o in outcomes for degrees in o.pose_deg]
    areas = {f"AUC@{degrees}": 100 * recall_auc(errors, degrees) for degrees in POSE_DEG}
    distances = np.concatenate([o.error_px[o.known] for o in outcomes])
    near = {f"precision@{LOOSE_PX:g} %": 100 * _mean((distances < LOOSE_PX).tolist())}
    return {**areas, **correctness(outcomes), **near, **effort(outcomes)}


def stranger_figures(outcomes: Sequence[Outcome]) -> Figures:
    """Where nothing is right: the share of keypoints matched, and how often it stopped early because it was sure."""
    early = [o for o in outcomes if o.leaves_early]
    usable = [o for o in early if len(o.matches) >= USABLE]
    return {
        "matched %": _mean([100 * len(o.matches) / max(o.points, 1) for o in outcomes]),
        "most %": float(max(100 * len(o.matches) / max(o.points, 1) for o in outcomes)),
        "early %": 100 * len(early) / len(outcomes),
        f"early, {USABLE}+ matches %": 100 * len(usable) / len(outcomes),
        **effort(outcomes),
    }


def repeated_figures(outcomes: Sequence[Outcome], recall: float) -> Figures:
    """False matches per pair, as found and where the confidences give ``recall`` of the possible matches."""
    confidence = np.concatenate([o.matches.confidence[o.known] for o in outcomes])
    error_px = np.concatenate([o.error_px[o.known] for o in outcomes])
    kept = kept_at_recall(confidence, error_px < INLIER_PX, sum(o.possible for o in outcomes), recall)
    there = np.full(1, np.nan) if kept is None else error_px[kept]
    return {
        **correctness(outcomes),
        "false": _per_pair(error_px, INLIER_PX, outcomes),
        "far": _per_pair(error_px, FAR_PX, outcomes),
        "at recall %": 100 * recall,
        "false there": _per_pair(there, INLIER_PX, outcomes),
        "far there": _per_pair(there, FAR_PX, outcomes),
        **effort(outcomes),
    }


def pooled_recall(outcomes: Sequence[Outcome]) -> float:
    """Right matches over possible ones, of all pairs."""
    return sum(int(o.right.sum()) for o in outcomes) / max(sum(o.possible for o in outcomes), 1)


def _corner_errors(case: Case, xy_a: Float32, xy_b: Float32) -> tuple[tuple[float, ...], tuple[float, ...]]:
    H_b_a, size = case.pair.H_b_a, case.a.image_size
    if H_b_a is None:
        return (), ()
    robust = [ransac_homography(xy_a[order], xy_b[order]) for order in _orders(len(xy_a))]
    dlt_px = corner_error_px(dlt_homography(xy_a, xy_b), H_b_a, size)
    return (dlt_px,), tuple(corner_error_px(found, H_b_a, size) for found in robust)


def _pose_errors(case: Case, xy_a: Float32, xy_b: Float32) -> tuple[float, ...]:
    camera_a, camera_b, T_b_a = case.pair.a.camera, case.pair.b.camera, case.pair.T_b_a
    if camera_a is None or camera_b is None or T_b_a is None:
        return ()
    rays_a, rays_b = camera_a.rays(xy_a), camera_b.rays(xy_b)
    found = [relative_pose(rays_a[order], rays_b[order], camera_a.fx) for order in _orders(len(xy_a))]
    return tuple(pose_error_deg(pose, T_b_a) for pose in found)


def _orders(count: int) -> list[Int64]:
    """(count,) permutations, always the same ones."""
    return [np.random.default_rng(seed).permutation(count) for seed in range(ROBUST_REPEATS)]


def _per_pair(error_px: Float64, least_px: float, outcomes: Sequence[Outcome]) -> float:
    """Matches at least so far off, per pair; NaN when an error is."""
    return float("nan") if np.isnan(error_px).any() else float((error_px >= least_px).sum()) / len(outcomes)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
