"""The relative pose of two views, and whether the views can tell it from its rivals.

A nearly flat scene seen with little parallax has two good explanations, the twins of a
planar homography (Longuet-Higgins 1986); taking the wrong one ruins a map from its first keyframe.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from slam.camera import Camera
from slam.geometry import invert, transform
from slam.mapping.triangulation import epipolar_error_px, triangulate_checked
from slam.types import Float64

FAR_BASELINES = 1000.0  # points beyond don't vote on the sign of depth; OpenCV's own 50 rejects an early start
RIVAL_ANGLE_RAD = np.deg2rad(30.0)  # translations further apart are different explanations
RIVAL_COST = 1.25  # a rival this close to the best makes the views ambiguous
MIN_SUPPORT = 15
DIRECTIONS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], np.float64)


def relative_pose(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> tuple[Float64 | None, str]:
    """T_a_b with a translation of length 1 from matched ideal pixels (N, 2), or None and the reason.

    Candidates come from the essential matrix, from a homography, and from all around: a turn without translation, and
    then a step in each of DIRECTIONS. Each is refined on Sampson distances; the best one must be better than every
    other that moves another way.
    """
    a, b = xy_a.astype(np.float64), xy_b.astype(np.float64)
    refined = _explanations(camera, [*_from_essential(camera, a, b), *_from_homography(camera, a, b)], a, b)
    if not refined:
        return None, "no relative pose explains the matches"
    if not _is_ambiguous(refined):  # the rest is only asked when there is something to lose
        refined += _explanations(camera, _from_all_around(camera, a, b), a, b)
    if _is_ambiguous(refined):
        return None, "two motions explain the matches equally well"
    return min(refined, key=_cost)[1], ""


def _explanations(camera: Camera, candidates: list[Float64], a: Float64, b: Float64) -> list[tuple[float, Float64]]:
    """Cost and pose of the candidates, refined, that leave the points in front of both views."""
    refined = [_refined(camera, T_a_b, a, b) for T_a_b in candidates]
    turned = [(cost, _backwards(T_a_b)) for cost, T_a_b in refined]  # the same epipolar lines, the other sign of depth
    return [(cost, T_a_b) for cost, T_a_b in [*refined, *turned] if _is_in_front(camera, T_a_b, a, b)]


def _is_ambiguous(explanations: list[tuple[float, Float64]]) -> bool:
    best_cost, best = min(explanations, key=_cost)
    rivals = [cost for cost, T_a_b in explanations if T_a_b[:3, 3] @ best[:3, 3] < np.cos(RIVAL_ANGLE_RAD)]
    return bool(rivals) and min(rivals) < RIVAL_COST * best_cost


def _cost(explanation: tuple[float, Float64]) -> float:
    return explanation[0]


def rotation_residual_px(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> float:
    """What a camera that only turned can't explain: median distance in pixels after the best pure rotation.

    Iteratively re-weighted Kabsch on the viewing rays.
    """
    return float(np.median(_turned(camera, xy_a, xy_b)[1]))


def _turned(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> tuple[Float64, Float64]:
    """R_b_a (3, 3) of the best pure rotation and its residuals (N,) px."""
    units_a, units_b = _units(camera, xy_a), _units(camera, xy_b)
    weights, residual_px = np.ones(len(units_a)), np.zeros(len(units_a))
    rotation = Rotation.identity()
    for _ in range(10):
        rotation = Rotation.align_vectors(units_b, units_a, weights)[0]
        residual_px = np.linalg.norm(camera.project(rotation.apply(units_a)) - xy_b, axis=1)
        residual_px = np.nan_to_num(residual_px, nan=1e3)
        weights = 1.0 / np.maximum(residual_px, 0.5)
    return rotation.as_matrix(), residual_px


def _from_all_around(camera: Camera, a: Float64, b: Float64) -> list[Float64]:
    R_a_b = _turned(camera, a, b)[0].T
    return [_with_unit_translation(transform(R_a_b, direction)) for direction in DIRECTIONS]


def _from_essential(camera: Camera, a: Float64, b: Float64) -> list[Float64]:
    essential, inliers = cv2.findEssentialMat(a, b, camera.K, cv2.USAC_MAGSAC, 0.999, 1.0, 2000)
    if essential is None or essential.shape != (3, 3):
        return []
    count, R_b_a, t_b_a, *_ = cv2.recoverPose(
        essential, a, b, camera.K, distanceThresh=FAR_BASELINES, mask=inliers.copy()
    )
    return [invert(transform(R_b_a, t_b_a.ravel()))] if count >= MIN_SUPPORT else []


def _from_homography(camera: Camera, a: Float64, b: Float64) -> list[Float64]:
    homography, _ = cv2.findHomography(a, b, cv2.USAC_MAGSAC, 3.0, maxIters=2000, confidence=0.999)
    if homography is None:
        return []
    _, rotations, translations, _ = cv2.decomposeHomographyMat(homography, camera.K)
    lengths = [float(np.linalg.norm(t)) for t in translations]
    return [
        _with_unit_translation(invert(transform(R_b_a, t_b_a.ravel())))
        for R_b_a, t_b_a, length in zip(rotations, translations, lengths)
        if length > 1e-6
    ]


def _refined(camera: Camera, T_a_b: Float64, a: Float64, b: Float64) -> tuple[float, Float64]:
    """Cost and pose after minimising the Sampson distances with a Cauchy loss; the translation keeps length 1."""
    tangents = np.linalg.svd(T_a_b[None, :3, 3])[2][1:]  # (2, 3) at right angles to the translation

    def moved(parameters: Float64) -> Float64:
        rotation = T_a_b[:3, :3] @ Rotation.from_rotvec(parameters[:3]).as_matrix()
        return _with_unit_translation(transform(rotation, T_a_b[:3, 3] + parameters[3:] @ tangents))

    def residuals_px(parameters: Float64) -> Float64:
        return epipolar_error_px(camera, np.eye(4), moved(parameters), a, b)

    solution = least_squares(residuals_px, np.zeros(5), loss="cauchy", max_nfev=25)
    return float(solution.cost), moved(solution.x)


def _is_in_front(camera: Camera, T_a_b: Float64, a: Float64, b: Float64) -> bool:
    """Whether most matches triangulate in front of both views."""
    _, good = triangulate_checked(camera, np.eye(4), T_a_b, a, b, min_parallax_deg=0.0, max_reprojection_px=3.0)
    return bool(good.sum() >= max(MIN_SUPPORT, 0.5 * len(a)))


def _backwards(T_a_b: Float64) -> Float64:
    return transform(T_a_b[:3, :3], -T_a_b[:3, 3])


def _with_unit_translation(T_a_b: Float64) -> Float64:
    return transform(T_a_b[:3, :3], T_a_b[:3, 3] / np.linalg.norm(T_a_b[:3, 3]))


def _units(camera: Camera, xy: np.ndarray) -> Float64:
    rays = camera.rays(xy)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)
