"""Relative poses refined on Sampson distances, all candidates in one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.camera import Camera
from slam.types import Bool, Float64

MAX_STEPS = 25
FIRST_DAMPING, LEAST_DAMPING, STUCK_DAMPING = 1e-3, 1e-9, 1e6  # times the diagonal
TURNS = np.cross(np.eye(3)[:, None], np.eye(3)).swapaxes(1, 2)  # (3, 3, 3): TURNS[k] @ v == cross(unit k, v)


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """C candidates of T_a_b with translations of length 1, and how they fit N matches."""

    R_a_b: Float64  # (C, 3, 3)
    t_a_b: Float64  # (C, 3)
    residuals_px: Float64  # (C, N) signed Sampson distances
    jacobians: Float64  # (C, 5, N) by a turn of b (rad) and by a step along each of ``tangents``
    tangents: Float64  # (C, 2, 3) at right angles to the translation

    @property
    def costs(self) -> Float64:
        """(C,) Cauchy losses, half the sum of log(1 + residual^2)."""
        return 0.5 * np.log1p(self.residuals_px**2).sum(1)

    def of(self, chosen: Bool) -> Poses:
        """Those of ``chosen`` (C,)."""
        return Poses(*(getattr(self, name)[chosen] for name in Poses.__slots__))

    def replaced(self, chosen: Bool, others: Poses) -> Poses:
        """With others in the places ``chosen`` (C,)."""
        parts = [getattr(self, name).copy() for name in Poses.__slots__]
        for part, name in zip(parts, Poses.__slots__, strict=True):
            part[chosen] = getattr(others, name)
        return Poses(*parts)


def refine(camera: Camera, T_a_b: Float64, a: Float64, b: Float64, least_gain: float = 1e-6) -> tuple[Float64, Float64]:
    """Costs (C,) and poses (C, 4, 4) nearest to the candidates T_a_b (C, 4, 4) that fit matched ideal pixels (N, 2).

    Levenberg-Marquardt with a Cauchy loss on the Sampson distances in pixels (Hartley & Zisserman, eq. 11.9), until a
    step lowers the cost by less than ``least_gain`` of it; translations have length 1 before and after.
    """
    rays_a, rays_b, focal_px = camera.rays(a), camera.rays(b), (camera.fx + camera.fy) / 2
    poses = _fitted(rays_a, rays_b, focal_px, T_a_b[:, :3, :3], T_a_b[:, :3, 3])
    damping, costs, is_moving = np.full(len(T_a_b), FIRST_DAMPING), poses.costs, np.ones(len(T_a_b), bool)
    for _ in range(MAX_STEPS):
        moving = poses.of(is_moving)
        tried = _fitted(rays_a, rays_b, focal_px, *_moved(moving, _steps(moving, damping[is_moving])))
        gain = np.zeros(len(costs))
        gain[is_moving] = costs[is_moving] - tried.costs
        is_better = gain > 0
        poses = poses.replaced(is_better, tried.of(is_better[is_moving]))
        damping = np.where(is_better, np.maximum(damping / 10, LEAST_DAMPING), damping * 10)
        costs = np.where(is_better, costs - gain, costs)
        is_moving &= np.where(is_better, gain > least_gain * costs, damping < STUCK_DAMPING)
        if not is_moving.any():
            break
    found = np.tile(np.eye(4), (len(T_a_b), 1, 1))
    found[:, :3, :3], found[:, :3, 3] = poses.R_a_b, poses.t_a_b
    return costs, found


def _fitted(rays_a: Float64, rays_b: Float64, focal_px: float, R_a_b: Float64, t_a_b: Float64) -> Poses:
    """Distances by the constraint ray_a . (t x R ray_b) = 0, and their derivatives."""
    tangents = np.linalg.svd(t_a_b[:, None])[2][:, 1:]
    crossed = np.einsum("ckj,jmn->ckmn", np.concatenate([t_a_b[:, None], tangents], 1), TURNS) @ R_a_b[:, None]
    essentials = np.concatenate([crossed[:, :1], crossed[:, :1] @ TURNS, crossed[:, 1:]], 1)  # (C, 6, 3, 3)
    lines_a = rays_b @ essentials.swapaxes(2, 3)  # (C, 6, N, 3)
    lines_b = rays_a @ essentials[..., :2]
    numerator = np.einsum("nk,cgnk->cgn", rays_a, lines_a)
    normals = np.concatenate([lines_a[..., :2], lines_b], 3)  # (C, 6, N, 4)
    length = np.maximum(np.sqrt(np.einsum("cnk,cnk->cn", normals[:, 0], normals[:, 0])), 1e-12)
    residuals = numerator[:, 0] / length
    lengthening = np.einsum("cgnk,cnk->cgn", normals[:, 1:], normals[:, 0]) / length[:, None]
    jacobians = (numerator[:, 1:] - residuals[:, None] * lengthening) / length[:, None]
    return Poses(R_a_b, t_a_b, focal_px * residuals, focal_px * jacobians, tangents)


def _steps(poses: Poses, damping: Float64) -> Float64:
    """(C, 5) by damped Gauss-Newton with Cauchy weights."""
    weighted = poses.jacobians / (1.0 + poses.residuals_px**2)[:, None]
    information = weighted @ poses.jacobians.swapaxes(1, 2)
    gradient = np.einsum("cgn,cn->cg", weighted, poses.residuals_px)
    diagonal = np.einsum("cgg->cg", information)
    damped = information + (damping[:, None] * diagonal + 1e-12)[:, :, None] * np.eye(5)
    return -np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]


def _moved(poses: Poses, steps: Float64) -> tuple[Float64, Float64]:
    """R_a_b and t_a_b after the steps."""
    R_a_b = poses.R_a_b @ Rotation.from_rotvec(steps[:, :3]).as_matrix()
    t_a_b = poses.t_a_b + np.einsum("ck,ckj->cj", steps[:, 3:], poses.tangents)
    return R_a_b, t_a_b / np.linalg.norm(t_a_b, axis=1, keepdims=True)
