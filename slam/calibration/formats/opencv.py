"""OpenCV's FileStorage YAML: what its calibration samples write, one camera or a stereo pair.

The fisheye model has the same four-number look as radtan; the samples tell it by ``fisheye_model``. The pose between
the cameras, R and T, brings points of the left camera into the right one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from slam.calibration.formats.fields import array, padded, pinhole, radtan, read_values, value
from slam.camera import KANNALA_BRANDT, RADTAN, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import invert, transform
from slam.rig_file import rig_from_values

K_NAMES = (("camera_matrix", "cameraMatrix", "camera_matrix1", "M1", "K1", "K"), ("camera_matrix2", "M2", "K2"))
D_NAMES = (
    ("distortion_coefficients", "distCoeffs", "dist_coeffs", "distortion_coefficients1", "D1", "D"),
    ("distortion_coefficients2", "D2"),
)
FISHEYE_NAMES = ("fisheye", "equidistant", "kannala_brandt")
FARTHEST_M = 10.0  # of two cameras; a longer T was written in other units


def is_ours(values: dict[str, Any]) -> bool:
    return any(name in values for name in K_NAMES[0]) and "distortion_model" not in values


def read(path: Path) -> Rig:
    """Raises CalibrationError: incomplete, a lens that cannot be held, or lengths that cannot be metres."""
    values = read_values(path)
    rig: dict[str, Any] = {"left": _camera(values, 0, path)}
    if any(name in values for name in K_NAMES[1]):
        R, t = (
            array(value(values, str(path), name), f"{path}: {name}", *shape)
            for name, shape in (("R", (3, 3)), ("T", (3,)))
        )
        if np.linalg.norm(t) > FARTHEST_M:
            raise CalibrationError(
                f"{path}: the cameras would be {np.linalg.norm(t):g} m apart; T must be in metres, as when the square "
                "was given in metres: divide it by 1000 if it is in millimetres"
            )
        rig["right"] = {**_camera(values, 1, path), "T_left_right": invert(transform(R, t))}
    return rig_from_values(rig, path.stem, str(path))


def write(rig: Rig, path: Path) -> None:
    """With a right camera the names of OpenCV's stereo sample: M1, D1, M2, D2, R, T."""
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_FORMAT_YAML)
    storage.write("image_width", rig.left.width)
    storage.write("image_height", rig.left.height)
    storage.write("fisheye_model", int(rig.left.distortion_model == KANNALA_BRANDT))
    if rig.right is None or rig.T_left_right is None:
        storage.write("camera_matrix", rig.left.K)
        storage.write("distortion_coefficients", _coefficients(rig.left))
    else:
        if rig.left.image_size != rig.right.image_size or rig.left.distortion_model != rig.right.distortion_model:
            raise CalibrationError(f"{path}: OpenCV's file has one image size and one model for both cameras")
        T_right_left = invert(rig.T_left_right)
        matrices = (rig.left.K, _coefficients(rig.left), rig.right.K, _coefficients(rig.right))
        for name, matrix in zip(("M1", "D1", "M2", "D2"), matrices):
            storage.write(name, matrix)
        storage.write("R", np.ascontiguousarray(T_right_left[:3, :3]))
        storage.write("T", np.ascontiguousarray(T_right_left[:3, 3:]))
    storage.release()


def _coefficients(camera: Camera) -> np.ndarray:
    count = 4 if camera.distortion_model == KANNALA_BRANDT else 5
    return np.array(padded(camera, count))[:, None]


def _camera(values: dict[str, Any], side: int, path: Path) -> dict[str, Any]:
    K = array(value(values, str(path), *K_NAMES[side]), f"{path}: camera matrix", 3, 3)
    coefficients = array(value(values, str(path), *D_NAMES[side]), f"{path}: distortion coefficients", -1)
    is_fisheye = bool(values.get("fisheye_model")) or str(values.get("camera_model", "")).lower() in FISHEYE_NAMES
    width, height = _image_size(values, path)
    return {
        "width": width,
        "height": height,
        "intrinsics": pinhole(K, str(path)),
        "distortion_model": KANNALA_BRANDT if is_fisheye else RADTAN,
        "distortion": coefficients.tolist() if is_fisheye else radtan(coefficients, str(path)),
    }


def _image_size(values: dict[str, Any], path: Path) -> list[int]:
    size = values.get("imageSize") or values.get("image_size") or values.get("size")
    if size is None:
        size = [value(values, str(path), "image_width", "width"), value(values, str(path), "image_height", "height")]
    return [int(number) for number in array(size, f"{path}: image size", 2)]
