"""New landmarks from two views, each checked for parallax, reprojection and positive depth."""

from __future__ import annotations

import numpy as np

from slam.camera import Camera
from slam.geometry import apply, invert, parallax_rad, triangulate
from slam.types import Bool, Float32, Float64


def triangulate_checked(
    camera: Camera,
    T_world_cam_a: Float64,
    T_world_cam_b: Float64,
    xy_a: Float32 | Float64,
    xy_b: Float32 | Float64,
    min_parallax_deg: float,
    max_reprojection_px: float,
) -> tuple[Float64, Bool]:
    """points_world (N, 3) of matched ideal pixels (N, 2 each), and which of them (N,) pass every check."""
    points_world = triangulate(T_world_cam_a, T_world_cam_b, camera.rays(xy_a), camera.rays(xy_b))
    finite: Bool = np.asarray(np.isfinite(points_world).all(1))
    points_world = np.where(finite[:, None], points_world, 0.0)
    good = finite & (_reprojection_px(camera, T_world_cam_a, points_world, xy_a) < max_reprojection_px)
    good &= _reprojection_px(camera, T_world_cam_b, points_world, xy_b) < max_reprojection_px
    angles = parallax_rad(points_world, T_world_cam_a[:3, 3], T_world_cam_b[:3, 3])
    return points_world, good & (angles > np.deg2rad(min_parallax_deg))


def epipolar_error_px(
    camera: Camera, T_world_cam_a: Float64, T_world_cam_b: Float64, xy_a: Float32 | Float64, xy_b: Float32 | Float64
) -> Float64:
    """(N,) Sampson distances in pixels of matched pixels (Hartley & Zisserman, eq. 11.9)."""
    T_b_a = invert(T_world_cam_b) @ T_world_cam_a
    t = T_b_a[:3, 3]
    t_cross = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])
    rays_a, rays_b = camera.rays(xy_a), camera.rays(xy_b)
    lines_b = rays_a @ (t_cross @ T_b_a[:3, :3]).T
    lines_a = rays_b @ (t_cross @ T_b_a[:3, :3])
    numerator = np.abs(np.sum(rays_b * lines_b, axis=1))
    scale = np.sqrt(np.sum(lines_a[:, :2] ** 2, 1) + np.sum(lines_b[:, :2] ** 2, 1))
    return numerator / np.maximum(scale, 1e-12) * (camera.fx + camera.fy) / 2


def _reprojection_px(camera: Camera, T_world_cam: Float64, points_world: Float64, xy: Float32 | Float64) -> Float64:
    error = camera.project(apply(invert(T_world_cam), points_world)) - xy
    return np.nan_to_num(np.linalg.norm(error, axis=1), nan=np.inf)
