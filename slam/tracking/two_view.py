"""The relative pose of two views, and whether the views can tell it from its rivals.

A nearly flat scene seen with little parallax has two good explanations, the twins of a
planar homography (Longuet-Higgins 1986); taking the wrong one ruins a map from its first keyframe.
"""

from __future__ import annotations

import cv2
import numpy as np

from slam.camera import Camera
from slam.geometry import invert, transform
from slam.mapping.triangulation import triangulate_checked
from slam.tracking.sampson import refine
from slam.types import Float64

FAR_BASELINES = 1000.0  # points beyond don't vote on the sign of depth; OpenCV's own 50 rejects an early start
RIVAL_ANGLE_RAD = np.deg2rad(30.0)  # translations further apart are different explanations
RIVAL_COST = 1.25  # a rival this close to the best makes the views ambiguous
MIN_SUPPORT = 15
ROUGHLY = 1e-3  # relative gain below which a candidate's cost is known well enough to compare it
Explanation = tuple[float, Float64]  # cost, T_a_b
DIRECTIONS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], np.float64)


def relative_pose(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> tuple[Float64 | None, str]:
    """T_a_b with a translation of length 1 from matched ideal pixels (N, 2), or None and the reason.

    Candidates come from the essential matrix, from a homography, and from all around: a turn without translation, and
    then a step in each of DIRECTIONS. Each is refined on Sampson distances; the best one must be better than every
    other that moves another way.
    """
    a, b = xy_a.astype(np.float64), xy_b.astype(np.float64)
    candidates = [*_from_essential(camera, a, b), *_from_homography(camera, a, b), *_from_all_around(camera, a, b)]
    explanations = _explanations(camera, candidates, a, b)
    best = next((each for each in explanations if _is_in_front(camera, each[1], a, b)), None)
    if best is None:
        return None, "no relative pose explains the matches"
    if any(_is_in_front(camera, T_a_b, a, b) for T_a_b in _rivals(best, explanations)):
        return None, "two motions explain the matches equally well"
    return refine(camera, best[1][None], a, b)[1][0], ""


def _explanations(camera: Camera, candidates: list[Float64], a: Float64, b: Float64) -> list[Explanation]:
    """Cost and pose of the candidates, refined, the best first."""
    costs, refined = refine(camera, np.stack(candidates), a, b, ROUGHLY)
    return sorted(zip(costs.tolist(), _facing(camera, refined, a, b), strict=True), key=_cost)


def _rivals(best: Explanation, explanations: list[Explanation]) -> list[Float64]:
    """The poses that cost little more than the best one and move another way."""
    least_cost, T_best = best
    return [
        T_a_b
        for cost, T_a_b in explanations
        if cost < RIVAL_COST * least_cost and T_a_b[:3, 3] @ T_best[:3, 3] < np.cos(RIVAL_ANGLE_RAD)
    ]


def _cost(explanation: Explanation) -> float:
    return explanation[0]


def rotation_residual_px(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> float:
    """What a camera that only turned can't explain: median distance in pixels after the best pure rotation.

    Iteratively re-weighted Kabsch on the viewing rays.
    """
    return float(np.median(turned(camera, xy_a, xy_b)[1]))


def turned(camera: Camera, xy_a: np.ndarray, xy_b: np.ndarray) -> tuple[Float64, Float64]:
    """R_b_a (3, 3) of the pure rotation that explains matched ideal pixels (N, 2) best, and its residuals (N,) px."""
    units_a, units_b = _units(camera, xy_a), _units(camera, xy_b)
    weights, residual_px, R_b_a = np.ones(len(units_a)), np.zeros(len(units_a)), np.eye(3)
    for _ in range(10):
        U, _, Vt = np.linalg.svd((units_b * weights[:, None]).T @ units_a)
        R_b_a = U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
        residual_px = np.linalg.norm(camera.project(units_a @ R_b_a.T) - xy_b, axis=1)
        residual_px = np.nan_to_num(residual_px, nan=1e3)
        weights = 1.0 / np.maximum(residual_px, 0.5)
    return R_b_a, residual_px


def _from_all_around(camera: Camera, a: Float64, b: Float64) -> list[Float64]:
    R_a_b = turned(camera, a, b)[0].T
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
    found = [
        _with_unit_translation(invert(transform(R_b_a, t_b_a.ravel())))
        for R_b_a, t_b_a in zip(rotations, translations)
        if np.linalg.norm(t_b_a) > 1e-6
    ]
    return [T for i, T in enumerate(found) if not any(_is_twin(T, other) for other in found[:i])]


def _is_twin(T_a_b: Float64, other: Float64) -> bool:
    """Whether two poses differ in the sign of their translations at most: they have the same epipolar lines."""
    same_turn = np.allclose(T_a_b[:3, :3], other[:3, :3], atol=1e-9)
    return bool(same_turn and abs(T_a_b[:3, 3] @ other[:3, 3]) > 1.0 - 1e-12)


def _is_in_front(camera: Camera, T_a_b: Float64, a: Float64, b: Float64) -> bool:
    """Whether most matches triangulate in front of both views."""
    _, good = triangulate_checked(camera, np.eye(4), T_a_b, a, b, min_parallax_deg=0.0, max_reprojection_px=3.0)
    return bool(good.sum() >= max(MIN_SUPPORT, 0.5 * len(a)))


def _facing(camera: Camera, T_a_b: Float64, a: Float64, b: Float64) -> Float64:
    """The poses (C, 4, 4), those turned backwards that have more points behind the views than in front of them.

    Both signs of a translation have the same epipolar lines. The depths of ray_a and R ray_b that come closest to
    each other have the signs of (t x R ray_b) . n and (t x ray_a) . n with n = ray_a x R ray_b.
    """
    rays_a, rays_b = camera.rays(a), camera.rays(b) @ T_a_b[:, :3, :3].swapaxes(1, 2)
    t_a_b, normals = T_a_b[:, None, :3, 3], np.cross(rays_a, rays_b)
    depths = (np.sum(np.cross(t_a_b, rays) * normals, -1) for rays in (rays_a, rays_b))
    votes = sum(np.sign(depth).sum(1) for depth in depths)
    facing = T_a_b.copy()
    facing[votes < 0, :3, 3] *= -1.0
    return facing


def _with_unit_translation(T_a_b: Float64) -> Float64:
    return transform(T_a_b[:3, :3], T_a_b[:3, 3] / np.linalg.norm(T_a_b[:3, 3]))


def _units(camera: Camera, xy: np.ndarray) -> Float64:
    rays = camera.rays(xy)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)
