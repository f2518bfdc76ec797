"""Stereo rectification: turns both cameras, in software, so that a point lies on the same row of both images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from slam.camera import KANNALA_BRANDT, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import invert, transform
from slam.types import Float32, Float64, Uint8


@dataclass(frozen=True, slots=True, eq=False)
class Rectifier:
    """Where in the captured images each pixel of the rectified ones lies."""

    left_xy: tuple[Float32, Float32]  # (H, W) x and y px
    right_xy: tuple[Float32, Float32]

    def left(self, image: Uint8) -> Uint8:
        return np.asarray(cv2.remap(image, *self.left_xy, cv2.INTER_LINEAR), np.uint8)

    def right(self, image: Uint8) -> Uint8:
        return np.asarray(cv2.remap(image, *self.right_xy, cv2.INTER_LINEAR), np.uint8)


def rectified(rig: Rig) -> tuple[Rig, Rectifier]:
    """The rig of the rectified images and the way to them.

    Both its cameras are the same pinhole without distortion, the right one at (+baseline, 0, 0) in the left, so that
    ``right_x = x - baseline_m * fx / z``. Its ``cam`` is the turned left camera: T_body_cam changes with it.
    Raises CalibrationError when the right camera does not lie to the right.
    """
    R_rect_left, R_rect_right, P_left, P_right = rectification(rig)
    baseline_m = -P_right[0, 3] / P_right[0, 0]
    if baseline_m <= 0 or abs(P_right[1, 3]) > 1e-9:
        raise CalibrationError(f"rig {rig.name}: T_left_right must put the right camera at +x of the left; swap them?")
    assert rig.right is not None
    return _turned(rig, R_rect_left, P_left, baseline_m), Rectifier(
        _map(rig.left, R_rect_left, P_left), _map(rig.right, R_rect_right, P_right)
    )


def rectification(rig: Rig) -> tuple[Float64, Float64, Float64, Float64]:
    """R_rect_left, R_rect_right (3, 3), P_left and P_right (3, 4) as OpenCV and ROS have them: P_right[0, 3] is
    -fx * baseline. Raises CalibrationError for a rig without a right camera, or of two kinds of cameras.
    """
    if rig.right is None or rig.T_left_right is None:
        raise CalibrationError(f"rig {rig.name}: stereo needs [right] with T_left_right")
    if rig.left.image_size != rig.right.image_size or rig.left.distortion_model != rig.right.distortion_model:
        raise CalibrationError(f"rig {rig.name}: left and right must have the same size and distortion model")
    T_right_left = invert(rig.T_left_right)
    R, t = np.ascontiguousarray(T_right_left[:3, :3]), np.ascontiguousarray(T_right_left[:3, 3:])
    if rig.left.distortion_model == KANNALA_BRANDT:
        return _fisheye(rig.left, rig.right, R, t)
    return _radtan(rig.left, rig.right, R, t)


def _radtan(left: Camera, right: Camera, R: Float64, t: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """R_rect_left, R_rect_right, P_left, P_right, zoomed so that no pixel without a source is left."""
    cameras = left.K, _coefficients(left), right.K, _coefficients(right)
    found = cv2.stereoRectify(*cameras, left.image_size, R, t, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0)
    R_rect_left, R_rect_right, P_left, P_right = (np.asarray(matrix, np.float64) for matrix in found[:4])
    return R_rect_left, R_rect_right, P_left, P_right


def _fisheye(left: Camera, right: Camera, R: Float64, t: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    cameras = left.K, _coefficients(left), right.K, _coefficients(right)
    found = cv2.fisheye.stereoRectify(*cameras, left.image_size, R, t, flags=cv2.CALIB_ZERO_DISPARITY)
    R_rect_left, R_rect_right, P_left, P_right = (np.asarray(matrix, np.float64) for matrix in found[:4])
    return R_rect_left, R_rect_right, P_left, P_right


def _map(camera: Camera, R_rect_cam: Float64, P: Float64) -> tuple[Float32, Float32]:
    is_fisheye = camera.distortion_model == KANNALA_BRANDT
    build = cv2.fisheye.initUndistortRectifyMap if is_fisheye else cv2.initUndistortRectifyMap
    K_rect = np.ascontiguousarray(P[:, :3])
    x, y = build(camera.K, _coefficients(camera), R_rect_cam, K_rect, camera.image_size, cv2.CV_32FC1)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _turned(rig: Rig, R_rect_left: Float64, P: Float64, baseline_m: float) -> Rig:
    width, height = rig.left.image_size
    camera = Camera(width, height, float(P[0, 0]), float(P[1, 1]), float(P[0, 2]), float(P[1, 2]))
    T_left_right = transform(np.eye(3), np.array([baseline_m, 0.0, 0.0]))
    T_cam_rect = transform(R_rect_left.T, np.zeros(3))
    T_body_cam = None if rig.T_body_cam is None else rig.T_body_cam @ T_cam_rect
    return replace(rig, left=camera, right=camera, T_left_right=T_left_right, T_body_cam=T_body_cam)


def _coefficients(camera: Camera) -> Float64:
    return np.array(camera.distortion or (0.0, 0.0, 0.0, 0.0))
