"""Where the least squares start: the focal length that explains the views best without distortion, and their poses."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from slam.calibration.board import Board
from slam.calibration.bundle import State
from slam.calibration.projection import camera_of, project
from slam.calibration.view import View
from slam.camera import KANNALA_BRANDT, RADTAN, Camera
from slam.types import Float64

FOCALS = (0.3, 0.42, 0.6, 0.85, 1.2, 1.7, 2.4, 3.4, 4.8)  # of the longer side: 118 to 12 degrees across
STEEPEST_RAD = 1.4  # rays farther off the axis are left out of a first pose: their tangent is mostly noise
COEFFICIENTS = {RADTAN: 5, KANNALA_BRANDT: 4}


def first_state(views: Sequence[View], board: Board, model: str) -> State:
    """One camera without distortion, the centre in the middle, and every view's pose."""
    width, height = views[0].image_size
    middle = (width - 1) / 2, (height - 1) / 2
    guesses = [
        np.array([share * max(width, height)] * 2 + list(middle) + [0.0] * COEFFICIENTS[model]) for share in FOCALS
    ]
    poses = [poses_of(views, board, model, guess) for guess in guesses]
    errors = [np.median(errors_px(views, board, model, guess, there)) for guess, there in zip(guesses, poses)]
    best = int(np.argmin(errors))
    return State((model,), (guesses[best],), None, poses[best])


def poses_of(views: Sequence[View], board: Board, model: str, parameters: Float64) -> Float64:
    """(V, 6) pose of the board in each view, by a camera's parameters."""
    camera = camera_of(model, parameters, views[0].image_size)
    return np.array([pose_of(view, board, camera) for view in views])


def pose_of(view: View, board: Board, camera: Camera) -> Float64:
    """(6,) the board in the camera: of the two poses of a plane (Collins & Bartoli, IJCV 2014) the better one."""
    rays = normalized(camera, view.xy)
    usable = np.linalg.norm(rays, axis=1) < np.tan(STEEPEST_RAD)
    if np.count_nonzero(usable) < 4:
        usable[:] = True
    points = np.ascontiguousarray(board.points[view.ids][usable])
    found, rotation, position = cv2.solvePnP(
        points, np.ascontiguousarray(rays[usable]), np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    if not found or not np.all(np.isfinite(position)):
        return np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    return np.concatenate([np.ravel(rotation), np.ravel(position)])


def normalized(camera: Camera, xy: Float64) -> Float64:
    """(N, 2) x/z and y/z of pixels as captured."""
    if camera.distortion_model == KANNALA_BRANDT:
        theta = np.linalg.norm((xy - (camera.cx, camera.cy)) / (camera.fx, camera.fy), axis=1)
        if theta.max() >= np.pi / 2:  # OpenCV would answer with -1e6
            centre = np.array([camera.cx, camera.cy])
            xy = centre + (xy - centre) * np.minimum(1.0, 1.55 / np.maximum(theta, 1e-9))[:, None]
    return camera.rays(camera.undistort(xy.astype(np.float32)))[:, :2] if camera.is_distorted else _ideal(camera, xy)


def _ideal(camera: Camera, xy: Float64) -> Float64:
    """The same without coefficients, where a fisheye still is no pinhole: an equidistant one."""
    plane = (xy - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    if camera.distortion_model != KANNALA_BRANDT:
        return plane
    theta = np.linalg.norm(plane, axis=1, keepdims=True)
    return plane * np.tan(theta) / np.maximum(theta, 1e-9)


def errors_px(views: Sequence[View], board: Board, model: str, parameters: Float64, poses: Float64) -> Float64:
    """(V,) root mean square error of each view."""
    errors = np.empty(len(views))
    for index, (view, pose) in enumerate(zip(views, poses)):
        xy = project(model, parameters, pose, board.points[view.ids]).xy
        errors[index] = np.sqrt(np.mean(np.sum((view.xy - xy) ** 2, axis=1)))
    return np.nan_to_num(errors, nan=np.inf)
