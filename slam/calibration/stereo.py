"""Two cameras at once: each one's lens, and the pose between them, from boards that either or both see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from slam.calibration.board import CHESSBOARD, Board
from slam.calibration.bundle import State
from slam.calibration.projection import parameters_of
from slam.calibration.settle import FEWEST_VIEWS, Dropped, Settled, Shot, settle
from slam.calibration.solve import CameraFit, camera_fit, solve_camera
from slam.calibration.start import pose_of
from slam.calibration.view import View
from slam.camera import RADTAN, Camera
from slam.errors import CalibrationError
from slam.geometry import invert, rotation_angle_rad, transform
from slam.types import Float64


@dataclass(frozen=True, slots=True, eq=False)
class StereoFit:
    """Both cameras and what lies between them."""

    left: CameraFit
    right: CameraFit
    T_left_right: Float64  # (4, 4)
    sigma_rotation_rad: Float64  # (3,) about x, y, z of the right camera
    sigma_position_m: Float64  # (3,) of the left camera in the right one
    pairs: list[str]  # names of the shots that both saw

    @property
    def baseline_m(self) -> float:
        return float(np.linalg.norm(self.T_left_right[:3, 3]))

    @property
    def sigma_baseline_m(self) -> float:
        t = invert(self.T_left_right)[:3, 3]
        return float(np.linalg.norm(self.sigma_position_m * t) / np.linalg.norm(t))


def paired(left: Iterable[View], right: Iterable[View]) -> list[Shot]:
    """Views of the same name as one shot; what only one camera saw stays, for that camera's lens."""
    lefts, rights = {view.name: view for view in left}, {view.name: view for view in right}
    return [Shot(name, (lefts.get(name), rights.get(name))) for name in dict.fromkeys([*lefts, *rights])]


def solve_stereo(shots: Sequence[Shot], board: Board, model: str = RADTAN) -> StereoFit:
    """Raises CalibrationError: too few pairs, or one of the cameras cannot be calibrated."""
    pairs = [shot for shot in shots if None not in shot.views]
    if len(pairs) < FEWEST_VIEWS:
        raise CalibrationError(
            f"both cameras see the board in {len(pairs)} pairs; a stereo calibration takes {FEWEST_VIEWS} at least, "
            "better 20 or more: hold it where both see it, and check that both images of a pair have the same name"
        )
    fits = [_alone(shots, side, board, model) for side in (0, 1)]
    known, dropped = _good_shots(shots, fits)
    if board.kind == CHESSBOARD:
        known = [_turned_alike(shot, fits, board) for shot in known]
    settled = settle(_first_state(known, fits, board), known, board)
    settled = replace(settled, dropped=dropped + settled.dropped)
    return _stereo_fit(settled, [camera_fit(settled, side) for side in (0, 1)])


def _alone(shots: Sequence[Shot], side: int, board: Board, model: str) -> CameraFit:
    name = ("left", "right")[side]
    try:
        return solve_camera([view for shot in shots if (view := shot.views[side]) is not None], board, model)
    except CalibrationError as error:
        raise CalibrationError(f"{name} camera: {error}") from error


def _good_shots(shots: Sequence[Shot], fits: Sequence[CameraFit]) -> tuple[list[Shot], list[Dropped]]:
    """Shots with the views that each camera's own fit kept, and what it dropped."""
    views = [{view.name: view for view in fit.views} for fit in fits]
    dropped = {item.name: item for fit in fits for item in fit.dropped}
    left = [Shot(shot.name, (views[0].get(shot.name), views[1].get(shot.name))) for shot in shots]
    return [shot for shot in left if any(shot.views)], list(dropped.values())


def _turned_alike(shot: Shot, fits: Sequence[CameraFit], board: Board) -> Shot:
    """A chessboard looks the same from its other end: the right view's corners in the order of the left's.

    Of the orders in which the corners can be counted, the one in which both cameras are turned least to each other.
    """
    left, right = shot.views
    if left is None or right is None:
        return shot
    R_left_board = _matrix(pose_of(left, board, fits[0].camera))[:3, :3]

    def turn_rad(view: View) -> float:
        return rotation_angle_rad(_matrix(pose_of(view, board, fits[1].camera))[:3, :3] @ R_left_board.T)

    return Shot(shot.name, (left, min(_orders(right, board), key=turn_rad)))


def _orders(view: View, board: Board) -> list[View]:
    """A view with its corners counted from each end that the board has."""
    columns, rows = board.inner
    grid = np.arange(columns * rows).reshape(rows, columns)
    quarters = range(4) if columns == rows else (0, 2)
    return [replace(view, ids=np.rot90(grid, quarter).ravel()[view.ids]) for quarter in quarters]


def _first_state(shots: Sequence[Shot], fits: Sequence[CameraFit], board: Board) -> State:
    T_lefts, T_rights = ([_placed(shot.views[side], board, fits[side].camera) for shot in shots] for side in (0, 1))
    between = [right @ invert(left) for left, right in zip(T_lefts, T_rights) if left is not None and right is not None]
    if len(between) < FEWEST_VIEWS:
        raise CalibrationError(
            f"only {len(between)} pairs are left without outliers; take more, and hold the board still"
        )
    T_right_left = _most_central(between)
    T_left_right = invert(T_right_left)
    poses = [
        _pose(left if left is not None else T_left_right @ right)
        for left, right in zip(T_lefts, T_rights)
        if left is not None or right is not None
    ]
    model = fits[0].camera.distortion_model
    lenses = tuple(parameters_of(fit.camera) for fit in fits)
    return State((model, model), lenses, _pose(T_right_left), np.array(poses))


def _placed(view: View | None, board: Board, camera: Camera) -> Any:
    """T_cam_board, None without a view."""
    return None if view is None else _matrix(pose_of(view, board, camera))


def _most_central(transforms: Sequence[Float64]) -> Float64:
    """The transform with the least sum of distances to the others: robust against views of wrong pose."""
    positions = np.array([T[:3, 3] for T in transforms])
    scale_m = max(float(np.median(np.linalg.norm(positions, axis=1))), 1e-9)
    sums = [
        sum(rotation_angle_rad(T[:3, :3] @ other[:3, :3].T) for other in transforms)
        + float(np.linalg.norm(positions - T[:3, 3], axis=1).sum()) / scale_m
        for T in transforms
    ]
    return transforms[int(np.argmin(sums))]


def _stereo_fit(settled: Settled, fits: Sequence[CameraFit]) -> StereoFit:
    between = settled.fit.state.pose_right_left
    assert between is not None
    sigmas = np.sqrt(np.diag(settled.fit.covariance)[-6:])
    pairs = [shot.name for shot in settled.shots if None not in shot.views]
    return StereoFit(fits[0], fits[1], invert(_matrix(between)), sigmas[:3], sigmas[3:], pairs)


def _matrix(pose: Float64) -> Float64:
    """(4, 4) of a rotation vector and a position."""
    return transform(np.asarray(cv2.Rodrigues(np.ascontiguousarray(pose[:3]))[0]), pose[3:])


def _pose(T: Float64) -> Float64:
    return np.concatenate([np.ravel(cv2.Rodrigues(np.ascontiguousarray(T[:3, :3]))[0]), T[:3, 3]])
