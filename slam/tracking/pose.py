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
        squared = np.sum(residuals**2, axis=1)
        weights = 1.0 / (1.0 + squared / CHI2_95_2DOF)
        information = np.einsum("n,nri,nrj->ij", weights, jacobians, jacobians)
        gradient = np.einsum("n,nri,nr->i", weights, jacobians, residuals)
        step = np.linalg.solve(information + 1e-6 * np.eye(6), gradient)
        T_world_cam = T_world_cam @ exp_se3(-step)
        if np.abs(step).max() < 1e-7:
            break
    return T_world_cam, information


def reprojection_px(camera: Camera, T_world_cam: Float64, seen: PointMeasurements) -> Float64:
    """Distances (N,) in pixels between predicted and measured points; infinite behind the camera."""
    predicted = camera.project(apply(invert(T_world_cam), seen.points_world))
    return np.nan_to_num(np.linalg.norm(predicted - seen.xy, axis=1), nan=np.inf)


def disparity_error_px(camera: Camera, baseline_m: float, T_world_cam: Float64, seen: PointMeasurements) -> Float64:
    """Differences (N,) in pixels between predicted and measured disparity; 0 where there is no measurement."""
    z = np.maximum(apply(invert(T_world_cam), seen.points_world)[:, 2], 1e-6)
    measured = seen.xy[:, 0] - seen.right_x
    return np.nan_to_num(baseline_m * camera.fx / z - measured, nan=0.0)


def _whitened(
    camera: Camera, baseline_m: float, seen: PointMeasurements, points_cam: Float64, sigma_px: float
) -> tuple[Float64, Float64]:
    """Residuals (N, 3) over sigma and their jacobians (N, 3, 6) by the camera's twist; rows behind it are zero."""
    x, y, z = points_cam.T
    ahead = z > 0.05
    inverse_z = np.where(ahead, 1.0 / np.where(ahead, z, 1.0), 0.0)
    u, v = x * inverse_z, y * inverse_z
    disparity = baseline_m * camera.fx * inverse_z
    has_depth = np.isfinite(seen.right_x) & ahead
    measured_disparity = np.where(has_depth, seen.xy[:, 0] - np.nan_to_num(seen.right_x), disparity)
    residuals = np.column_stack(
        [
            camera.fx * u + camera.cx - seen.xy[:, 0],
            camera.fy * v + camera.cy - seen.xy[:, 1],
            disparity - measured_disparity,
        ]
    )
    # d pixel / d point_cam, rows u, v, disparity
    by_point = np.zeros((len(z), 3, 3))
    by_point[:, 0, 0] = camera.fx * inverse_z
    by_point[:, 0, 2] = -camera.fx * u * inverse_z
    by_point[:, 1, 1] = camera.fy * inverse_z
    by_point[:, 1, 2] = -camera.fy * v * inverse_z
    by_point[:, 2, 2] = np.where(has_depth, -disparity * inverse_z, 0.0)
    # d point_cam / d twist = [skew(point_cam), -I] for T_world_cam @ exp(twist)
    by_twist = np.zeros((len(z), 3, 6))
    by_twist[:, 0, 1], by_twist[:, 0, 2] = -z, y
    by_twist[:, 1, 0], by_twist[:, 1, 2] = z, -x
    by_twist[:, 2, 0], by_twist[:, 2, 1] = -y, x
    by_twist[:, [0, 1, 2], [3, 4, 5]] = -1.0
    sigmas = np.column_stack([np.full((len(z), 2), sigma_px), seen.sigma_disparity_px])
    scale = np.where(ahead[:, None], 1.0 / sigmas, 0.0)
    return residuals * scale, (by_point @ by_twist) * scale[:, :, None]
