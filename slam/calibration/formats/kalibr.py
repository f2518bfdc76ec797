"""Kalibr's camchain.yaml: pinhole cameras cam0 and cam1, with or without the inertial unit they hang on.

Its ``T_cam_imu`` brings points of the unit into the camera, ``T_cn_cnm1`` those of the camera before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slam.calibration.formats.fields import array, read_values, value, without_k3, write_yaml
from slam.camera import KANNALA_BRANDT, RADTAN, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import invert
from slam.rig_file import rig_from_values, rigid
from slam.types import Float64

MODELS = {"radtan": RADTAN, "equidistant": KANNALA_BRANDT, "none": RADTAN}


def is_ours(values: dict[str, Any]) -> bool:
    return isinstance(values.get("cam0"), dict) and "camera_model" in values["cam0"]


def read(path: Path) -> Rig:
    """cam0 as the left camera and cam1, where there is one, as the right. Raises CalibrationError."""
    values = read_values(path)
    if not is_ours(values):
        raise CalibrationError(f"{path}: has no cam0 with a camera_model; give the camchain that Kalibr wrote")
    if "cam2" in values:
        raise CalibrationError(
            f"{path}: has more than two cameras; keep cam0 and cam1, or write others under these names"
        )
    rig: dict[str, Any] = {"left": _camera(values["cam0"], f"{path} cam0")}
    if "cam1" in values:
        right = values["cam1"]
        T_right_left = rigid(value(right, f"{path} cam1", "T_cn_cnm1"), f"{path} cam1 T_cn_cnm1")
        rig["right"] = {**_camera(right, f"{path} cam1"), "T_left_right": invert(T_right_left)}
    if "T_cam_imu" in values["cam0"]:
        rig["T_body_cam"] = invert(rigid(values["cam0"]["T_cam_imu"], f"{path} cam0 T_cam_imu"))
    elif "T_imu_cam" in values["cam0"]:  # OpenVINS writes it the other way round
        rig["T_body_cam"] = rigid(values["cam0"]["T_imu_cam"], f"{path} cam0 T_imu_cam")
    return rig_from_values(rig, path.stem, str(path))


def write(rig: Rig, path: Path) -> None:
    """Raises CalibrationError for a lens with k3."""
    left = _values(rig.left, f"{path} cam0")
    T_cam_body = None if rig.T_body_cam is None else invert(rig.T_body_cam)
    if T_cam_body is not None:
        left["T_cam_imu"] = T_cam_body.tolist()
    chain = {"cam0": left}
    if rig.right is not None and rig.T_left_right is not None:
        chain["cam1"] = _right(rig.right, invert(rig.T_left_right), T_cam_body, path)
        for number, other in ((0, 1), (1, 0)):
            chain[f"cam{number}"]["cam_overlaps"] = [other]
    write_yaml(chain, path)


def _right(camera: Camera, T_right_left: Float64, T_cam_body: Float64 | None, path: Path) -> dict[str, Any]:
    right = _values(camera, f"{path} cam1")
    if T_cam_body is not None:
        right["T_cam_imu"] = (T_right_left @ T_cam_body).tolist()
    return {**right, "T_cn_cnm1": T_right_left.tolist()}


def _camera(values: dict[str, Any], where: str) -> dict[str, Any]:
    if value(values, where, "camera_model") != "pinhole":
        raise CalibrationError(f"{where}: camera_model is '{values['camera_model']}'; only pinhole can be held")
    model = value(values, where, "distortion_model")
    if model not in MODELS:
        raise CalibrationError(f"{where}: distortion_model '{model}' cannot be held; known: {', '.join(MODELS)}")
    resolution = value(values, where, "resolution")
    if not (isinstance(resolution, list) and len(resolution) == 2):
        raise CalibrationError(f"{where}: resolution must be [width, height], got {resolution!r}")
    return {
        "width": resolution[0],
        "height": resolution[1],
        "intrinsics": array(value(values, where, "intrinsics"), f"{where}: intrinsics", -1).tolist(),
        "distortion_model": MODELS[model],
        "distortion": [] if model == "none" else _coefficients(values, where),
    }


def _coefficients(values: dict[str, Any], where: str) -> list[float]:
    return array(value(values, where, "distortion_coeffs"), f"{where}: distortion_coeffs", -1).tolist()


def _values(camera: Camera, where: str) -> dict[str, Any]:
    name = "equidistant" if camera.distortion_model == KANNALA_BRANDT else "radtan"
    return {
        "camera_model": "pinhole",
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion_model": name,
        "distortion_coeffs": without_k3(camera, where, "Kalibr"),
        "resolution": [camera.width, camera.height],
    }
