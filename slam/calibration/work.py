"""What the commands do: find views, solve, write the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import cv2

from slam.calibration.board import Board
from slam.calibration.capture import Look, capture
from slam.calibration.coverage import sharp_and_diverse
from slam.calibration.inputs import Found, Progress, find_pairs, find_views
from slam.calibration.live import newest_frames
from slam.calibration.report import Report, camera_report, check_folder, stereo_report, write_report
from slam.calibration.settle import Dropped
from slam.calibration.solve import solve_camera
from slam.calibration.stereo import paired, solve_stereo
from slam.calibration.view import View
from slam.errors import CalibrationError
from slam.sources import LiveSource, open_source
from slam.sources.camera_options import CameraOptions
from slam.types import Mode, Uint8

LIVE = ("webcam", "realsense")
IMAGES = "images"  # folder of the views that a live capture took


def default_folder() -> Path:
    return Path("calibrations") / time.strftime("%Y-%m-%d_%H-%M-%S")


def calibrate_images(paths: Sequence[Path], board: Board, model: str, out: Path, progress: Progress) -> Report:
    """Calibrate from folders, images or videos, and write the report. Raises CalibrationError and SourceError."""
    check_folder(out)
    found = find_views(paths, board, progress)
    return _camera(found.views, found.passed, board, model, out)


def calibrate_live(
    source: LiveSource, board: Board, model: str, out: Path, on_look: Callable[[Look], None], stop: Callable[[], bool]
) -> Report:
    """Calibrate from a camera; the views taken are kept in ``out``/images. Raises CalibrationError and SourceError."""
    check_folder(out)
    images = out / IMAGES
    images.mkdir(parents=True, exist_ok=True)

    def keep(name: str, image: Uint8) -> None:
        cv2.imwrite(str(images / f"{name}.png"), image)

    views = capture(newest_frames(source), board, on_look, keep, stop)
    try:
        return _camera(views, [], board, model, out)
    except CalibrationError as error:
        raise CalibrationError(f"{error} (the {len(views)} views taken are in {images})") from error


def calibrate_pair(paths: Sequence[Path], board: Board, model: str, out: Path, progress: Progress) -> Report:
    """Calibrate a stereo pair, and write the report. Raises CalibrationError and SourceError."""
    check_folder(out)
    left, right = find_pairs(paths, board, progress)
    kept, dropped = _chosen_pairs(left, right, board)
    fit = solve_stereo(paired(*kept), board, model)
    report = stereo_report(fit, board, dropped, out.name)
    write_report(report, out)
    return report


def _camera(views: list[View], passed: list[Dropped], board: Board, model: str, out: Path) -> Report:
    chosen, left_out = sharp_and_diverse(views, board)
    report = camera_report(solve_camera(chosen, board, model), board, passed + left_out, out.name)
    write_report(report, out)
    return report


def _chosen_pairs(left: Found, right: Found, board: Board) -> tuple[tuple[list[View], list[View]], list[Dropped]]:
    """Views of both cameras, and why others were passed over: choosing by the left image where it shows the board."""
    chosen_left, out_left = sharp_and_diverse(left.views, board)
    named = {view.name for view in left.views}
    alone, out_right = sharp_and_diverse([view for view in right.views if view.name not in named], board)
    names = {view.name for view in [*chosen_left, *alone]}
    chosen_right = [view for view in right.views if view.name in names]
    sides = [
        (Dropped(f"{side} {item.name}", item.reason))
        for side, part in (("left", left), ("right", right))
        for item in part.passed
    ]
    return (chosen_left, chosen_right), sides + out_left + out_right


def open_camera(inputs: Sequence[str], image_size: tuple[int | None, int | None]) -> LiveSource:
    """A live camera by its name and, where it has one, its address. Raises SourceError and CalibrationError."""
    name, *address = inputs
    if len(address) > 1:
        raise CalibrationError(f"{name} takes one address, got {len(address)}")
    width, height = image_size
    source = open_source(
        name, address[0] if address else None, mode=Mode.MONO, camera=CameraOptions(width=width, height=height)
    )
    return cast(LiveSource, source)
