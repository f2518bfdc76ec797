"""Pinhole cameras with lens distortion, and the rigs they form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from slam.types import Float32, Float64

RADTAN = "radtan"
KANNALA_BRANDT = "kannala_brandt"
# OpenCV's own 5 iterations leave up to 0.3 px at the edge of a EuRoC image.
UNDISTORT_UNTIL = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 1e-9)


@dataclass(frozen=True)
class Camera:
    """One camera. Distortion: radtan (k1, k2, p1, p2[, k3]) as in OpenCV, or Kannala-Brandt (k1..k4, fisheye)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = RADTAN
    distortion: tuple[float, ...] = ()

    @cached_property
    def K(self) -> Float64:
        """(3, 3) intrinsic matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def image_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def is_distorted(self) -> bool:
        return any(self.distortion)

    def project(self, points_cam: Float64) -> Float64:
        """Ideal pinhole pixels (N, 2) of points_cam (N, 3), distortion left out; NaN behind the camera."""
        z = np.where(points_cam[:, 2:] > 1e-6, points_cam[:, 2:], np.nan)
        return points_cam[:, :2] / z * (self.fx, self.fy) + (self.cx, self.cy)

    def rays(self, xy: Float32 | Float64) -> Float64:
        """Viewing rays (N, 3) with z = 1 of ideal pinhole pixels (N, 2)."""
        xy = np.asarray(xy, np.float64)
        return np.column_stack([(xy - (self.cx, self.cy)) / (self.fx, self.fy), np.ones(len(xy))])

    def undistort(self, xy_raw: Float32) -> Float32:
        """Ideal pinhole pixels (N, 2) float32 of pixels as captured (N, 2)."""
        if not self.is_distorted or len(xy_raw) == 0:
            return np.asarray(xy_raw, np.float32)
        points, coefficients = np.asarray(xy_raw, np.float64)[:, None], np.array(self.distortion)
        if self.distortion_model == KANNALA_BRANDT:
            xy = cv2.fisheye.undistortPoints(points, self.K, coefficients, P=self.K)
        else:
            xy = cv2.undistortPoints(points, self.K, coefficients, P=self.K, criteria=UNDISTORT_UNTIL)
        return xy[:, 0].astype(np.float32)

    def distort(self, xy: Float32 | Float64) -> Float32:
        """Pixels as captured (N, 2) float32 of ideal pinhole pixels (N, 2): the inverse of undistort."""
        if not self.is_distorted or len(xy) == 0:
            return np.asarray(xy, np.float32)
        coefficients = np.array(self.distortion)
        rays = self.rays(xy)
        if self.distortion_model == KANNALA_BRANDT:
            raw = cv2.fisheye.distortPoints(rays[:, None, :2], self.K, coefficients)
        else:
            raw = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), self.K, coefficients)[0]
        return raw[:, 0].astype(np.float32)


@dataclass(frozen=True)
class ImuNoise:
    """Continuous-time noise of an inertial unit."""

    gyro_density: float  # rad / s / sqrt(Hz)
    accel_density: float  # m / s^2 / sqrt(Hz)
    gyro_walk: float  # rad / s^2 / sqrt(Hz)
    accel_walk: float  # m / s^3 / sqrt(Hz)
    rate_hz: float

    def times(self, factor: float) -> ImuNoise:
        """The same unit with so many times the white noise."""
        return replace(self, gyro_density=factor * self.gyro_density, accel_density=factor * self.accel_density)


@dataclass(frozen=True, eq=False)
class Rig:
    """The cameras of a device. ``left`` is ``cam``; with a right camera both are distorted as captured.

    Sources of stereo recordings give rectified pairs and hand out the rectified rig (slam/sources/rectify.py).
    """

    name: str
    left: Camera
    right: Camera | None = None
    T_left_right: Float64 | None = None  # (4, 4)
    T_body_cam: Float64 | None = None  # (4, 4), None where there is no body frame apart from the camera
    depth_factor: float = 5000.0  # raw depth units per metre
    depth_invalid: tuple[int, ...] = (0,)  # raw depth values that mean unknown
    depth_baseline_m: float = 0.08  # RGB-D: baseline of the virtual right camera (the projector's)
    imu: ImuNoise | None = None

    @property
    def baseline_m(self) -> float:
        """Distance to the right camera, real (stereo) or virtual (RGB-D)."""
        if self.T_left_right is None:
            return self.depth_baseline_m
        return float(np.linalg.norm(self.T_left_right[:3, 3]))
