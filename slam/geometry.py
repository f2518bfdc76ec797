"""Rigid motions and projective geometry on plain arrays. Float64 throughout."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from slam.types import Bool, Float64


def transform(R_a_b: ArrayLike, t_a_b: ArrayLike) -> Float64:
    """(4, 4) T_a_b from its rotation (3, 3) and the origin of b in a (3,) or (3, 1)."""
    T_a_b = np.eye(4)
    T_a_b[:3, :3] = R_a_b
    T_a_b[:3, 3] = np.ravel(t_a_b)
    return T_a_b


def invert(T_a_b: Float64) -> Float64:
    """T_b_a of one rigid transform or of a stack (..., 4, 4)."""
    R_b_a = np.swapaxes(T_a_b[..., :3, :3], -1, -2)
    T_b_a = np.zeros_like(T_a_b)
    T_b_a[..., :3, :3] = R_b_a
    T_b_a[..., :3, 3] = -np.einsum("...ij,...j->...i", R_b_a, T_a_b[..., :3, 3])
    T_b_a[..., 3, 3] = 1.0
    return T_b_a


def apply(T_a_b: Float64, points_b: Float64) -> Float64:
    """points_a (N, 3) of points_b (N, 3)."""
    return points_b @ T_a_b[:3, :3].T + T_a_b[:3, 3]


def similar(T_new_old: Float64, scale: float, T_old_b: Float64) -> Float64:
    """T_new_b of one pose or of a stack (..., 4, 4) after ``p_new = scale * R_new_old @ p_old + t_new_old``."""
    scaled = T_old_b.copy()
    scaled[..., :3, 3] *= scale
    return T_new_old @ scaled


def exp_se3(xi: Float64) -> Float64:
    """Rigid transform of a twist (6,), rotation first (rad), then translation (Barfoot 2017, eq. 7.85)."""
    omega, rho = xi[:3], xi[3:]
    theta = float(np.linalg.norm(omega))
    W = skew(omega)
    if theta < 1e-8:
        return transform(np.eye(3) + W, rho + 0.5 * W @ rho)
    a, b, W_W = math.sin(theta) / theta, (1.0 - math.cos(theta)) / theta**2, W @ W
    V = np.eye(3) + b * W + (1.0 - a) / theta**2 * W_W
    return transform(np.eye(3) + a * W + b * W_W, V @ rho)


def adjoint(T_a_b: Float64) -> Float64:
    """(6, 6) that brings a small motion in the tangent of b to that of a, rotation first; or a stack (..., 6, 6)."""
    R, t = T_a_b[..., :3, :3], T_a_b[..., None, :3, 3]
    moved = np.zeros((*T_a_b.shape[:-2], 6, 6))
    moved[..., :3, :3] = moved[..., 3:, 3:] = R
    moved[..., 3:, :3] = np.swapaxes(np.cross(t, np.swapaxes(R, -1, -2)), -1, -2)
    return moved


def skew(v: Float64) -> Float64:
    """(3, 3) with ``skew(v) @ w == cross(v, w)``."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def rotation_angle_rad(R_a_b: Float64) -> float:
    """Angle of a rotation matrix (3, 3)."""
    return float(np.linalg.norm(Rotation.from_matrix(R_a_b).as_rotvec()))


def transform_from_quat_xyzw(t_a_b: Float64, quat_xyzw: Float64) -> Float64:
    """T_a_b from a position (3,) and a quaternion (4,), scalar last; it need not have unit length."""
    return transform(Rotation.from_quat(quat_xyzw).as_matrix(), t_a_b)


def quat_xyzw_from_rotation(R_a_b: Float64) -> Float64:
    """(4,) or (N, 4) unit quaternions, scalar last and not negative."""
    return Rotation.from_matrix(R_a_b).as_quat(canonical=True)


def triangulate(T_world_cam_a: Float64, T_world_cam_b: Float64, rays_a: Float64, rays_b: Float64) -> Float64:
    """points_world (N, 3) closest to both viewing rays (N, 3 each, in their cameras, z = 1).

    The linear method of Hartley & Zisserman, Multiple View Geometry, section 12.2, on normalised coordinates.
    Points at infinity come back as NaN.
    """
    P_a, P_b = invert(T_world_cam_a)[:3], invert(T_world_cam_b)[:3]
    A = np.stack(
        [
            rays_a[:, :1] * P_a[2] - P_a[0],
            rays_a[:, 1:2] * P_a[2] - P_a[1],
            rays_b[:, :1] * P_b[2] - P_b[0],
            rays_b[:, 1:2] * P_b[2] - P_b[1],
        ],
        axis=1,
    )
    if len(A) == 0:
        return np.zeros((0, 3))
    homogeneous = np.linalg.svd(A)[2][:, -1]
    w = homogeneous[:, 3:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(w) > 1e-12, homogeneous[:, :3] / w, np.nan)


def parallax_rad(points_world: Float64, center_a_world: Float64, center_b_world: Float64) -> Float64:
    """(N,) angle at each point between the directions to two camera centres."""
    a, b = center_a_world - points_world, center_b_world - points_world
    cos = np.sum(a * b, -1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-12)
    return np.arccos(np.clip(cos, -1.0, 1.0))


def umeyama(points_a: Float64, points_b: Float64, with_scale: bool) -> tuple[float, Float64]:
    """Scale s and T_a_b that minimise ``|points_a - (s R points_b + t)|`` (Umeyama, PAMI 1991, eq. 40 to 42)."""
    mean_a, mean_b = points_a.mean(0), points_b.mean(0)
    centered_a, centered_b = points_a - mean_a, points_b - mean_b
    U, S, Vt = np.linalg.svd(centered_a.T @ centered_b / len(points_a))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    R = U @ np.diag(sign) @ Vt
    variance_b = np.mean(np.sum(centered_b**2, -1))
    scale = float(np.sum(S * sign) / variance_b) if with_scale and variance_b > 0 else 1.0
    return scale, transform(R, mean_a - scale * R @ mean_b)


def inside(xy: Float64, image_size: tuple[int, int], margin_px: float = 0.0) -> Bool:
    """(N,) whether each pixel lies in the image, ``margin_px`` away from its edge."""
    width, height = image_size
    x, y = xy[:, 0], xy[:, 1]
    return (x >= margin_px) & (y >= margin_px) & (x <= width - 1 - margin_px) & (y <= height - 1 - margin_px)
