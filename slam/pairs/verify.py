"""Which matches one geometry explains: a fundamental matrix, a homography, or an essential matrix."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import ConfigError
from slam.types import Bool, Float32

INLIER_PX = 1.5
CONFIDENCE, ITERATIONS = 0.9999, 10_000
LEAST_MATCHES = {"fundamental": 8, "homography": 4, "essential": 6}


def check_model(model: str, camera: Camera | None) -> None:
    """Raises ConfigError for a model that is unknown, or that the camera is missing for."""
    if model not in LEAST_MATCHES:
        raise ConfigError(f"--verify {model}: is unknown; write {', '.join(LEAST_MATCHES)}")
    if model == "essential" and camera is None:
        raise ConfigError("--verify essential: needs the camera; add --intrinsics fx,fy,cx,cy or --rig NAME")
    if model != "essential" and camera is not None:
        raise ConfigError(f"--verify {model}: has no use for a camera; write --verify essential, or leave it out")


def inliers(model: str, xy_a: Float32, xy_b: Float32, camera: Camera | None = None) -> Bool:
    """(K,) which of the matched pixels (K, 2) agree on one model, within 1.5 px, by MAGSAC++; none when there is none.

    model: "fundamental", "homography" or "essential", which needs the camera that took both pictures.
    """
    nobody = np.zeros(len(xy_a), bool)
    if len(xy_a) < LEAST_MATCHES[model]:
        return nobody
    cv2.setRNGSeed(0)
    try:
        found, mask = _found(model, camera)(xy_a, xy_b)
    except cv2.error:  # OpenCV's word for points that leave the model undetermined
        return nobody
    return nobody if found is None or mask is None else mask.ravel() > 0


def _found(model: str, camera: Camera | None) -> Callable[[Float32, Float32], tuple]:
    if model == "homography":
        return lambda a, b: cv2.findHomography(
            a, b, cv2.USAC_MAGSAC, INLIER_PX, maxIters=ITERATIONS, confidence=CONFIDENCE
        )
    if model == "fundamental":
        return lambda a, b: cv2.findFundamentalMat(a, b, cv2.USAC_MAGSAC, INLIER_PX, CONFIDENCE, ITERATIONS)
    assert camera is not None
    return lambda a, b: _essential(camera, a, b)


def _essential(camera: Camera, xy_a: Float32, xy_b: Float32) -> tuple:
    a, b = (np.ascontiguousarray(camera.rays(camera.undistort(xy))[:, :2]) for xy in (xy_a, xy_b))
    within = INLIER_PX / ((camera.fx + camera.fy) / 2)
    return cv2.findEssentialMat(a, b, np.eye(3), cv2.USAC_MAGSAC, CONFIDENCE, within, ITERATIONS)
