"""ROS camera_info YAML, as camera_calibration and the camera drivers write it; one file per camera.

Only a stereo pair's rectification says where the cameras are: R of both, and P of the right one with -fx * baseline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slam.calibration.formats.fields import array, matrix, padded, pinhole, radtan, read_values, value, write_yaml
from slam.camera import KANNALA_BRANDT, RADTAN, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import invert, transform
from slam.rig_file import rig_from_values
from slam.sources.rectify import rectification
from slam.types import Float64

MODELS = {
    "plumb_bob": RADTAN, "radtan": RADTAN, "equidistant": KANNALA_BRANDT, "fisheye": KANNALA_BRANDT,
    "kannala_brandt": KANNALA_BRANDT,
}  # fmt: skip
SPELLINGS = {
    "K": ("camera_matrix", "K", "k"),
    "D": ("distortion_coefficients", "D", "d"),
    "R": ("rectification_matrix", "R", "r"),
    "P": ("projection_matrix", "P", "p"),
}


def is_ours(values: dict[str, Any]) -> bool:
    return "distortion_model" in values and any(name in values for name in SPELLINGS["K"])


def read(path: Path) -> Rig:
    """One camera, or a pair when the right one's file lies beside it (see ``right_file``). Raises CalibrationError."""
    rig: dict[str, Any] = {"left": _camera(read_values(path), str(path))}
    right = right_file(path)
    if right.is_file() and right != path:
        rig["right"] = {**_camera(read_values(right), str(right)), "T_left_right": _pose(path, right)}
    return rig_from_values(rig, path.stem, str(path))


def write(rig: Rig, path: Path) -> None:
    """The left camera, and the right one beside it. Raises CalibrationError: right of the left camera it must be."""
    if rig.right is None or rig.T_left_right is None:
        write_yaml(_values(rig.left, "camera", np.eye(3), np.column_stack([rig.left.K, np.zeros(3)])), path)
        return
    if right_file(path) == path:
        raise CalibrationError(f"{path}: the name is the right camera's; name the left one's file")
    R_left, R_right, P_left, P_right = rectification(rig)
    write_yaml(_values(rig.left, "left", R_left, P_left), path)
    write_yaml(_values(rig.right, "right", R_right, P_right), right_file(path))


def right_file(path: Path) -> Path:
    """Where the right camera's file is to be: left.yaml has right.yaml beside it, other names a _right."""
    stem = path.stem
    return path.with_stem(stem.replace("left", "right") if "left" in stem else f"{stem.removesuffix('_right')}_right")


def _pose(left: Path, right: Path) -> Float64:
    """T_left_right of the rectification: both cameras turned to the same axes, the right one moved along x."""
    lefts, rights = read_values(left), read_values(right)
    R_rect_left, R_rect_right = (_of(values, "R", path, 3, 3) for values, path in ((lefts, left), (rights, right)))
    P = _of(rights, "P", right, 3, 4)
    baseline_m = -P[0, 3] / P[0, 0]
    if not baseline_m > 0:
        raise CalibrationError(
            f"{right}: projection_matrix has no baseline, so the pair was not calibrated together; "
            "calibrate it with slam calibrate stereo, or move this file away to take the left camera alone"
        )
    T_rect_right = transform(R_rect_right, (baseline_m, 0.0, 0.0))
    return invert(transform(R_rect_left, np.zeros(3))) @ T_rect_right


def _of(values: dict[str, Any], what: str, path: Path, *shape: int) -> Float64:
    names = SPELLINGS[what]
    return array(value(values, str(path), *names), f"{path}: {names[0]}", *shape)


def _camera(values: dict[str, Any], where: str) -> dict[str, Any]:
    model = str(value(values, where, "distortion_model"))
    if model not in MODELS:
        hint = (
            "calibrate with --model radtan or kannala_brandt"
            if model == "rational_polynomial"
            else f"known: {', '.join(MODELS)}"
        )
        raise CalibrationError(f"{where}: distortion_model '{model}' cannot be held; {hint}")
    coefficients = array(value(values, where, *SPELLINGS["D"]), f"{where}: distortion_coefficients", -1)
    is_fisheye = MODELS[model] == KANNALA_BRANDT
    return {
        "width": value(values, where, "image_width", "width"),
        "height": value(values, where, "image_height", "height"),
        "intrinsics": pinhole(array(value(values, where, *SPELLINGS["K"]), f"{where}: camera_matrix", 3, 3), where),
        "distortion_model": MODELS[model],
        "distortion": coefficients.tolist() if is_fisheye else radtan(coefficients, where),
    }


def _values(camera: Camera, name: str, R: Float64, P: Float64) -> dict[str, Any]:
    is_fisheye = camera.distortion_model == KANNALA_BRANDT
    return {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_name": name,
        "camera_matrix": matrix(camera.K),
        "distortion_model": "equidistant" if is_fisheye else "plumb_bob",
        "distortion_coefficients": matrix(np.array([padded(camera, 4 if is_fisheye else 5)])),
        "rectification_matrix": matrix(R),
        "projection_matrix": matrix(P),
    }
