"""From views of a board to a camera with its uncertainty. Both lens models go the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slam.calibration.board import Board
from slam.calibration.bundle import Fit, State, adjust
from slam.calibration.projection import camera_of, parameter_names
from slam.calibration.settle import FEWEST_VIEWS, Dropped, Settled, Shot, rms, settle, sights_of
from slam.calibration.start import errors_px, first_state, poses_of
from slam.calibration.view import View
from slam.camera import KANNALA_BRANDT, RADTAN, Camera
from slam.errors import CalibrationError
from slam.types import Float64

MODELS = (RADTAN, KANNALA_BRANDT)
K3_SIGMAS = 3.0  # k3 stays where it is so far from zero (Wald test); otherwise it only bends the edge of the image
FOLDS_PX = 0.5  # that a pixel may be off after undistorting and distorting it again
OPEN_FOCAL = 0.005  # sigma over focal length at which the user is told


@dataclass(frozen=True, slots=True, eq=False)
class CameraFit:
    """A camera, how sure it is, and what it stands on."""

    camera: Camera
    names: tuple[str, ...]  # fx, fy, cx, cy and the coefficients
    covariance: Float64  # (P, P) of them
    sigma_px: float  # of one coordinate of a corner
    rms_px: float  # root mean square length of the residuals
    views: list[View]  # kept, without dropped corners
    residuals: list[Float64]  # (N, 2) px of each view, measured minus projected
    poses: Float64  # (V, 6) of the board in the camera, rotation vector first
    dropped: list[Dropped]
    dropped_corners: int
    notes: list[str]

    @property
    def sigmas(self) -> Float64:
        """(P,) standard deviation of each parameter."""
        return np.sqrt(np.diag(self.covariance))


def solve_camera(views: Sequence[View], board: Board, model: str = RADTAN) -> CameraFit:
    """The camera that saw these views, of one size. Raises CalibrationError: too few, no answer, a lens that folds."""
    check_views(views, model)
    settled = settle_camera(views, board, model)
    return camera_fit(settled, 0)


def check_views(views: Sequence[View], model: str) -> None:
    """Raises CalibrationError for an unknown model, too few views, or images of differing size."""
    if model not in MODELS:
        raise CalibrationError(f"--model '{model}' is unknown; known: {', '.join(MODELS)}")
    if len(views) < FEWEST_VIEWS:
        raise CalibrationError(
            f"the board is seen in {len(views)} views; calibrating takes {FEWEST_VIEWS} at least, better 20 or more"
        )
    sizes = {view.image_size: view.name for view in reversed(views)}
    if len(sizes) > 1:
        said = " and ".join(f"{width}x{height} ({name})" for (width, height), name in sizes.items())
        raise CalibrationError(f"images differ in size: {said}; calibrate with images of one camera at one resolution")


def settle_camera(views: Sequence[View], board: Board, model: str) -> Settled:
    """The settled fit of one camera."""
    shots = [Shot(view.name, (view,)) for view in views]
    state = adjust(first_state(views, board, model), sights_of(shots, board)).state
    settled = settle(_with_better_poses(state, views, board), shots, board)
    if model == RADTAN and not _is_k3_needed(settled.fit):
        shorter = replace(settled.fit.state, cameras=(settled.fit.state.cameras[0][:-1],))
        again = settle(shorter, settled.shots, board)
        dropped = settled.dropped + again.dropped
        settled = replace(again, dropped=dropped, dropped_corners=settled.dropped_corners + again.dropped_corners)
    return settled


def _with_better_poses(state: State, views: Sequence[View], board: Board) -> State:
    """Poses found anew where that is better: a view may have started from the wrong one of a plane's two poses."""
    model, parameters = state.models[0], state.cameras[0]
    anew = poses_of(views, board, model, parameters)
    before = errors_px(views, board, model, parameters, state.poses)
    after = errors_px(views, board, model, parameters, anew)
    return replace(state, poses=np.where((after < before)[:, None], anew, state.poses))


def _is_k3_needed(fit: Fit) -> bool:
    k3, sigma = fit.state.cameras[0][-1], np.sqrt(fit.covariance[8, 8])
    return bool(np.isfinite(sigma) and abs(k3) > K3_SIGMAS * sigma)


def camera_fit(settled: Settled, index: int) -> CameraFit:
    """What a settled fit says of one of its cameras. Raises CalibrationError for one that cannot be used."""
    state = settled.fit.state
    parameters, part = state.cameras[index], state.columns(index)
    seen = [(shot.views[index], r[index], pose) for shot, r, pose in zip(settled.shots, settled.residuals, state.poses)]
    kept = [(view, residual, pose) for view, residual, pose in seen if view is not None and residual is not None]
    views, residuals = [view for view, _, _ in kept], [residual for _, residual, _ in kept]
    camera = usable_camera(state.models[index], parameters, views[0].image_size)
    covariance = settled.fit.covariance[part, part]
    return CameraFit(
        camera,
        parameter_names(camera.distortion_model, len(parameters)),
        covariance,
        settled.fit.sigma_px,
        rms(residuals),
        views,
        residuals,
        np.array([pose for _, _, pose in kept]),
        settled.dropped,
        settled.dropped_corners,
        _notes(camera, covariance),
    )


def usable_camera(model: str, parameters: Float64, image_size: tuple[int, int]) -> Camera:
    """Raises CalibrationError for a camera that no lens can be."""
    width, height = image_size
    fx, fy, cx, cy = parameters[:4]
    is_sane = np.all(np.isfinite(parameters)) and fx > 0 and fy > 0 and 0 < cx < width and 0 < cy < height
    if not is_sane:
        raise CalibrationError(
            "the views fit no camera: take more, from both sides and from above and below, filling the image; "
            "and check --squares and --model"
        )
    camera = camera_of(model, parameters, image_size)
    if folds_px(camera) > FOLDS_PX:
        other = KANNALA_BRANDT if model == RADTAN else RADTAN
        raise CalibrationError(
            f"the {model} lens that fits the views folds back inside the image, so it cannot be undistorted; "
            f"show the board near the image's corners, or use --model {other}"
        )
    return camera


def folds_px(camera: Camera) -> float:
    """How far the border of the image comes back from where it was after undistorting and distorting it."""
    x, y = np.linspace(0, camera.width - 1, 20), np.linspace(0, camera.height - 1, 20)
    border = [(a, b) for a in x for b in (0, camera.height - 1)] + [(a, b) for b in y for a in (0, camera.width - 1)]
    xy = np.array(border, np.float32)
    off = np.linalg.norm(camera.distort(camera.undistort(xy)) - xy, axis=1)
    return float(np.nan_to_num(off, nan=np.inf).max())


def _notes(camera: Camera, covariance: Float64) -> list[str]:
    sigma = float(np.sqrt(covariance[0, 0])) / camera.fx
    if sigma <= OPEN_FOCAL:
        return []
    share = f"{100 * sigma:.1f} %" if np.isfinite(sigma) else "any amount"
    return [
        f"the views leave the focal length open by {share} (1 sigma): a board held parallel to the image cannot tell "
        "focal length from distance; add views tilted by 30 degrees and more, in all directions"
    ]
