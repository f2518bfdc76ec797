"""What matches are worth: errors of homographies and poses, area under their recall, false matches at a recall."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from slam.geometry import rotation_angle_rad
from slam.types import Bool, Float32, Float64

RANSAC_PX = 1.0  # USAC_MAGSAC's bound, of homographies and essential matrices
RANSAC_ITERATIONS = 10_000
RANSAC_CONFIDENCE = 0.9999
LEAST_BASELINE_M = 0.02  # below, the direction of the true translation is noise and only the rotation is judged
LOST = float("inf")  # the error of an estimate that could not be made


def recall_auc(errors: Sequence[float], threshold: float) -> float:
    """Area under the curve recall(error) from 0 to ``threshold``, divided by it: in [0, 1] (trapezoids).

    The curve starts at (0, 0), rises by 1/n at each of the n sorted errors, and is flat from the last one below the
    threshold on: the measure of the SuperGlue and LightGlue papers. NaN without errors.
    """
    if not len(errors):
        return float("nan")
    x = np.r_[0.0, np.sort(np.asarray(errors, np.float64))]
    recall = np.arange(len(x)) / len(errors)
    below = int(np.searchsorted(x, threshold))
    return float(np.trapezoid(np.r_[recall[:below], recall[below - 1]], np.r_[x[:below], threshold]) / threshold)


def dlt_homography(xy_a: Float32, xy_b: Float32) -> Float64 | None:
    """(3, 3) H_b_a that fits all matches (K, 2) equally well, no outlier left out; None for fewer than four.

    The normalised direct linear transform (Hartley & Zisserman, Multiple View Geometry, algorithm 4.2).
    """
    if len(xy_a) < 4:
        return None
    N_a, N_b = _normalizer(xy_a), _normalizer(xy_b)
    a, b = _carried(N_a, xy_a), _carried(N_b, xy_b)
    ones, zeros = np.ones((len(a), 1)), np.zeros((len(a), 3))
    h = np.hstack([a, ones])
    rows = np.concatenate([np.hstack([h, zeros, -b[:, :1] * h]), np.hstack([zeros, h, -b[:, 1:] * h])])
    solution = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 3).astype(np.float64)
    return np.asarray(np.linalg.inv(N_b), np.float64) @ solution @ N_a


def ransac_homography(xy_a: Float32, xy_b: Float32) -> Float64 | None:
    """(3, 3) H_b_a that most matches (K, 2) agree on, by MAGSAC++ at 1 px; None when there is none."""
    if len(xy_a) < 4:
        return None
    cv2.setRNGSeed(0)
    found, _ = cv2.findHomography(
        xy_a, xy_b, cv2.USAC_MAGSAC, RANSAC_PX, maxIters=RANSAC_ITERATIONS, confidence=RANSAC_CONFIDENCE
    )
    return None if found is None else np.asarray(found, np.float64)


def corner_error_px(found: Float64 | None, H_b_a: Float64, image_size: tuple[int, int]) -> float:
    """Mean distance of a's four corners under two homographies (3, 3), px of b; infinite without an estimate."""
    if found is None or not np.isfinite(found).all():
        return LOST
    width, height = image_size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
    error = float(np.linalg.norm(_carried(found, corners) - _carried(H_b_a, corners), axis=1).mean())
    return error if np.isfinite(error) else LOST


def relative_pose(rays_a: Float64, rays_b: Float64, focal_px: float) -> Float64 | None:
    """(4, 4) T_b_a, translation of length 1, from matched rays (K, 3) with z = 1; None when there is none.

    The essential matrix by MAGSAC++ at 1 px, that is 1 / ``focal_px`` on the rays; the side by most points in front.
    """
    if len(rays_a) < 6:
        return None
    a, b = np.ascontiguousarray(rays_a[:, :2]), np.ascontiguousarray(rays_b[:, :2])
    cv2.setRNGSeed(0)
    E, inlier = cv2.findEssentialMat(
        a, b, np.eye(3), cv2.USAC_MAGSAC, RANSAC_CONFIDENCE, RANSAC_PX / focal_px, RANSAC_ITERATIONS
    )
    if E is None or E.shape != (3, 3):
        return None
    _, R, t, _ = cv2.recoverPose(E, a, b, np.eye(3), mask=inlier)
    T_b_a = np.eye(4)
    T_b_a[:3, :3], T_b_a[:3, 3] = R, t[:, 0]
    return T_b_a


def pose_error_deg(found: Float64 | None, T_b_a: Float64) -> float:
    """The larger of rotation error and angle between the translations, sign left open; infinite without an estimate.

    Only the rotation counts when the true translation is shorter than 2 cm.
    """
    if found is None:
        return LOST
    rotation = np.degrees(rotation_angle_rad(found[:3, :3].T @ T_b_a[:3, :3]))
    length = float(np.linalg.norm(T_b_a[:3, 3]))
    if length < LEAST_BASELINE_M:
        return float(rotation)
    cos = abs(float(found[:3, 3] @ T_b_a[:3, 3])) / (length * float(np.linalg.norm(found[:3, 3])))
    return float(max(rotation, np.degrees(np.arccos(min(cos, 1.0)))))


def possible_matches(a_in_b: Float64, xy_b: Float32, within_px: float) -> int:
    """The most right matches that one-to-one matching can find: a maximum matching of points within ``within_px``.

    a_in_b: (M, 2) true places, NaN where unknown; xy_b: (N, 2).
    """
    if not len(a_in_b) or not len(xy_b):
        return 0
    distance = np.linalg.norm(a_in_b[:, None] - xy_b[None], axis=2)
    partner = maximum_bipartite_matching(csr_matrix(distance < within_px), perm_type="column")
    return int((partner >= 0).sum())


def kept_at_recall(confidence: Float32, right: Bool, possible: int, recall: float) -> Bool | None:
    """(K,) the most confident matches (all pairs pooled), no more than give ``recall`` of the possible right ones.

    confidence, right: (K,). None when that many are never found.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    wanted = int(np.ceil(recall * possible - 1e-9))
    if wanted and (not len(hits) or hits[-1] < wanted):
        return None
    kept = np.zeros(len(confidence), bool)
    kept[order[: int(np.searchsorted(hits, wanted)) + 1 if wanted else 0]] = True
    return kept


def _normalizer(xy: Float32) -> Float64:
    """(3, 3) that moves the centre of points (K, 2) to 0 and their mean distance from it to sqrt 2."""
    center = xy.mean(0, dtype=np.float64)
    scale = np.sqrt(2) / max(float(np.linalg.norm(xy - center, axis=1).mean()), 1e-9)
    return np.array([[scale, 0, -scale * center[0]], [0, scale, -scale * center[1]], [0, 0, 1]])


def _carried(H: Float64, xy: Float32 | Float64) -> Float64:
    carried = np.column_stack([np.asarray(xy, np.float64), np.ones(len(xy))]) @ H.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return carried[:, :2] / carried[:, 2:]
