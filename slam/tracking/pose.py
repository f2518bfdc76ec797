"""The pose of a frame from landmarks: robust PnP, then motion-only refinement on all measurements."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.camera import Camera
from slam.geometry import apply, exp_se3, invert, transform
from slam.types import Bool, Float64

CHI2_95_2DOF = 5.991
MAX_ITERATIONS = 10
SMALLEST_STEP = 1e-6  # rad or m: a thousandth of a pixel
DAMPING = 1e-6 * np.eye(6)


@dataclass(frozen=True, slots=True, eq=False)
class PointMeasurements:
    """Landmarks and where a frame sees them."""

    points_world: Float64  # (N, 3)
    xy: Float64  # (N, 2) ideal pinhole px
    right_x: Float64  # (N,) px, NaN where unknown
    sigma_disparity_px: Float64  # (N,) of x - right_x

    def __len__(self) -> int:
        return len(self.xy)

    def subset(self, chosen: Bool) -> PointMeasurements:
        return PointMeasurements(
            self.points_world[chosen], self.xy[chosen], self.right_x[chosen], self.sigma_disparity_px[chosen]
        )


def solve_pnp(camera: Camera, seen: PointMeasurements, threshold_px: float) -> tuple[Float64, Bool] | None:
    """T_world_cam and inliers (N,) by RANSAC over P3P (OpenCV), or None when no pose explains four points."""
    if len(seen) < 4:
        return None
    found, rvec, tvec, index = cv2.solvePnPRansac(
        np.ascontiguousarray(seen.points_world),
        np.ascontiguousarray(seen.xy),
        camera.K,
        None,
        iterationsCount=200,
        reprojectionError=threshold_px,
        confidence=0.999,
        flags=cv2.SOLVEPNP_AP3P,
    )
    if not found or index is None or len(index) < 4:
        return None
    inliers = np.zeros(len(seen), bool)
    inliers[index.ravel()] = True
    T_cam_world = transform(cv2.Rodrigues(rvec)[0], tvec.ravel())  # OpenCV answers world to camera
    return invert(T_cam_world), inliers


def refine_pose(
    camera: Camera, baseline_m: float, seen: PointMeasurements, T_world_cam_guess: Float64, sigma_px: float
) -> tuple[Float64, Float64]:
    """T_world_cam and its information (6, 6) by Gauss-Newton with Cauchy weights on pixel and disparity residuals.

    The update is a twist in the camera frame, rotation first: T_world_cam <- T_world_cam @ exp(xi).
    """
    T_world_cam, information = T_world_cam_guess.copy(), np.eye(6)
    for _ in range(MAX_ITERATIONS):
        points_cam = apply(invert(T_world_cam), seen.points_world)
        residuals, jacobians = _whitened(camera, baseline_m, seen, points_cam, sigma_px)
        weights = 1.0 / (1.0 + np.sum(residuals**2, axis=0) / CHI2_95_2DOF)
        weighted = (jacobians * weights).reshape(6, -1)
        information = weighted @ jacobians.reshape(6, -1).T
        step = np.linalg.solve(information + DAMPING, weighted @ residuals.ravel())
        T_world_cam = T_world_cam @ exp_se3(-step)
        if np.abs(step).max() < SMALLEST_STEP:
            break
    return T_world_cam, information


def errors_px(
    camera: Camera, baseline_m: float, T_world_cam: Float64, seen: PointMeasurements
) -> tuple[Float64, Float64]:
    """Distances (N,) between predicted and measured pixels, and differences (N,) of predicted and measured disparity.

    Distances are infinite behind the camera; differences are 0 where nothing was measured.
    """
    points_cam = apply(invert(T_world_cam), seen.points_world)
    off = camera.project(points_cam) - seen.xy
    distance = np.sqrt(np.einsum("ij,ij->i", off, off))
    disparity = baseline_m * camera.fx / np.maximum(points_cam[:, 2], 1e-6)
    difference = disparity - (seen.xy[:, 0] - seen.right_x)
    return np.where(np.isnan(distance), np.inf, distance), np.where(np.isnan(difference), 0.0, difference)


def _whitened(
    camera: Camera, baseline_m: float, seen: PointMeasurements, points_cam: Float64, sigma_px: float
) -> tuple[Float64, Float64]:
    """Residuals (3, N) over sigma, of u, v and disparity, and their jacobians (6, 3, N) by the camera's twist.

    Points behind the camera have zeros. The rows are d pixel / d point_cam @ [skew(point_cam), -I], multiplied out:
    the derivatives for T_world_cam @ exp(twist).
    """
    x, y, z = points_cam.T
    ahead = z > 0.05
    inverse_z = np.where(ahead, 1.0 / np.where(ahead, z, 1.0), 0.0)
    u, v, d = x * inverse_z, y * inverse_z, baseline_m * camera.fx * inverse_z
    has_depth = np.isfinite(seen.right_x) & ahead
    scale = ahead / sigma_px
    scale_d = np.where(has_depth, 1.0 / seen.sigma_disparity_px, 0.0)
    measured_d = np.where(has_depth, seen.xy[:, 0] - seen.right_x, d)
    residuals = np.stack([camera.fx * u + camera.cx - seen.xy[:, 0], camera.fy * v + camera.cy - seen.xy[:, 1], d])
    residuals[2] -= measured_d
    residuals *= (scale, scale, scale_d)
    return residuals, _jacobians(u, v, inverse_z, (scale * camera.fx, scale * camera.fy, scale_d * d))


def _jacobians(u: Float64, v: Float64, inverse_z: Float64, by: tuple[Float64, Float64, Float64]) -> Float64:
    """(6, 3, N) of u, v and disparity, each times its factor in ``by``; rotation first."""
    by_u, by_v, by_d = by
    none, uv = np.zeros(len(u)), u * v
    rows = [
        [uv * by_u, (1.0 + v * v) * by_v, v * by_d],
        [-(1.0 + u * u) * by_u, -uv * by_v, -u * by_d],
        [v * by_u, -u * by_v, none],
        [-inverse_z * by_u, none, none],
        [none, -inverse_z * by_v, none],
        [u * inverse_z * by_u, v * inverse_z * by_v, inverse_z * by_d],
    ]
    return np.array(rows)
