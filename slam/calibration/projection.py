"""A board's corners in a camera, with the derivatives that the least squares need.

Parameters of a camera are fx, fy, cx, cy and its distortion, in this order; a pose is (6,), rotation vector first, of
the board in the camera (OpenCV's world-to-camera: T_cam_board).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.camera import KANNALA_BRANDT, RADTAN, Camera
from slam.types import Float64

PINHOLE_NAMES = ("fx", "fy", "cx", "cy")
DISTORTION_NAMES = {RADTAN: ("k1", "k2", "p1", "p2", "k3"), KANNALA_BRANDT: ("k1", "k2", "k3", "k4")}


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Where points appear, and how that moves with the camera's parameters and with the pose."""

    xy: Float64  # (N, 2) px
    by_camera: Float64  # (N, 2, P)
    by_pose: Float64  # (N, 2, 6)


def parameter_names(model: str, count: int) -> tuple[str, ...]:
    """Names of the first ``count`` parameters of a camera."""
    return (*PINHOLE_NAMES, *DISTORTION_NAMES[model])[:count]


def camera_of(model: str, parameters: Float64, image_size: tuple[int, int]) -> Camera:
    fx, fy, cx, cy, *distortion = (float(value) for value in parameters)
    return Camera(*image_size, fx, fy, cx, cy, model, tuple(distortion))


def parameters_of(camera: Camera) -> Float64:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])


def project(model: str, parameters: Float64, pose: Float64, points_board: Float64) -> Projection:
    """Board points (N, 3) in a camera. Fisheye: Kannala & Brandt, PAMI 2006, eq. 6, as OpenCV has it."""
    fx, fy, cx, cy = parameters[:4]
    K = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    distortion = np.ascontiguousarray(parameters[4:])
    rotation, position = np.ascontiguousarray(pose[:3]), np.ascontiguousarray(pose[3:])
    points = np.ascontiguousarray(points_board)[:, None]
    count = len(points_board)
    if model == KANNALA_BRANDT:
        xy, J = cv2.fisheye.projectPoints(points, rotation, position, K, distortion)
        intrinsics, poses = J[:, :8], J[:, 8:14]
    else:
        xy, J = cv2.projectPoints(points, rotation, position, K, distortion)
        intrinsics, poses = J[:, 6 : 10 + len(distortion)], J[:, :6]
    parts = (xy.reshape(count, 2), intrinsics.reshape(count, 2, -1), poses.reshape(count, 2, 6))
    return Projection(*(np.asarray(part, np.float64) for part in parts))


def composed(pose_b_c: Float64, pose_a_b: Float64) -> tuple[Float64, Float64, Float64]:
    """Pose of T_a_b @ T_b_c (6,), and its derivatives (6, 6) by pose_b_c and by pose_a_b."""
    first, second = np.ascontiguousarray(pose_b_c), np.ascontiguousarray(pose_a_b)
    r, t, rr1, rt1, rr2, rt2, tr1, tt1, tr2, tt2 = cv2.composeRT(first[:3], first[3:], second[:3], second[3:])
    by_first = np.block([[rr1, rt1], [tr1, tt1]])
    by_second = np.block([[rr2, rt2], [tr2, tt2]])
    return np.concatenate([r.ravel(), t.ravel()]), by_first, by_second
