"""The calibration inside an EuRoC recording: one sensor.yaml per camera and inertial unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slam.camera import KANNALA_BRANDT, RADTAN, Rig
from slam.errors import CalibrationError
from slam.geometry import invert
from slam.rig_file import rig_from_values, rigid
from slam.text_rows import read_text
from slam.types import Float64
from slam.yaml_file import yaml_values

DISTORTION_MODELS = {
    "radial-tangential": RADTAN,
    "radtan": RADTAN,
    "equidistant": KANNALA_BRANDT,
    "kannala_brandt": KANNALA_BRANDT,
}
IMU_KEYS = {
    "gyro_density": "gyroscope_noise_density",
    "accel_density": "accelerometer_noise_density",
    "gyro_walk": "gyroscope_random_walk",
    "accel_walk": "accelerometer_random_walk",
    "rate_hz": "rate_hz",
}


def read_rig(mav: Path, stereo: bool) -> Rig:
    """The rig as captured, not rectified, of the sensor.yaml files in mav0. Raises CalibrationError."""
    left_path, right_path, imu_path = (mav / sensor / "sensor.yaml" for sensor in ("cam0", "cam1", "imu0"))
    left = _sensor(left_path)
    T_body_left = _T_body_sensor(left, left_path)
    values: dict[str, Any] = {"left": _camera(left, left_path), "T_body_cam": T_body_left}
    if stereo:
        right = _sensor(right_path)
        T_left_right = invert(T_body_left) @ _T_body_sensor(right, right_path)
        values["right"] = {**_camera(right, right_path), "T_left_right": T_left_right}
    if imu_path.is_file():
        values["imu"] = _imu(_sensor(imu_path), imu_path)
    return rig_from_values(values, "euroc", f"{mav}, sensor.yaml")


def read_camera(path: Path) -> Rig:
    """A rig of one camera, of its sensor.yaml alone. Raises CalibrationError."""
    sensor = _sensor(path)
    values = {"left": _camera(sensor, path), "T_body_cam": _T_body_sensor(sensor, path)}
    return rig_from_values(values, path.stem, str(path))


def read_T_body_cam(path: Path) -> Float64:
    """Where a camera sits on the body, (4, 4), of its sensor.yaml. Raises CalibrationError."""
    return _T_body_sensor(_sensor(path), path)


def _sensor(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CalibrationError(f"{path}: is missing; copy it from the data set or name the camera with --rig euroc")
    return yaml_values(read_text(path, CalibrationError), path)


def _camera(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """The table of a camera in a rig file."""
    model = _value(values, "distortion_model", path)
    if model not in DISTORTION_MODELS:
        raise CalibrationError(f"{path}: distortion_model '{model}' is unknown; known: {', '.join(DISTORTION_MODELS)}")
    resolution = _value(values, "resolution", path)
    if not (isinstance(resolution, list) and len(resolution) == 2):
        raise CalibrationError(f"{path}: resolution must be [width, height], got {resolution!r}")
    return {
        "width": resolution[0],
        "height": resolution[1],
        "intrinsics": _value(values, "intrinsics", path),
        "distortion_model": DISTORTION_MODELS[model],
        "distortion": _value(values, "distortion_coefficients", path),
    }


def _imu(values: dict[str, Any], path: Path) -> dict[str, Any]:
    if "T_BS" in values and not np.allclose(_T_body_sensor(values, path), np.eye(4)):
        raise CalibrationError(f"{path}: T_BS must be the identity; express the cameras' T_BS in the IMU's frame")
    return {key: _value(values, name, path) for key, name in IMU_KEYS.items()}


def _T_body_sensor(values: dict[str, Any], path: Path) -> Float64:
    T_BS = _value(values, "T_BS", path)
    return rigid(T_BS.get("data") if isinstance(T_BS, dict) else T_BS, f"{path}: T_BS")


def _value(values: dict[str, Any], name: str, path: Path) -> Any:
    if name not in values:
        raise CalibrationError(f"{path}: {name} is missing; copy the file from the data set")
    return values[name]
