"""EuRoC's sensor.yaml: one camera, or a folder with cam0, cam1 and imu0 as a recording has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slam.calibration.formats.fields import matrix, without_k3, write_yaml
from slam.camera import KANNALA_BRANDT, Camera, ImuNoise, Rig
from slam.errors import CalibrationError
from slam.sources.euroc_calibration import IMU_KEYS, read_camera, read_rig
from slam.types import Float64


def is_ours(values: dict[str, Any]) -> bool:
    return "sensor_type" in values or "T_BS" in values


def read(path: Path) -> Rig:
    """A sensor.yaml, or the folder above cam0. Raises CalibrationError."""
    if not path.is_dir():
        return read_camera(path)
    mav = path / "mav0" if (path / "mav0").is_dir() else path
    return read_rig(mav, stereo=(mav / "cam1" / "sensor.yaml").is_file())


def write(rig: Rig, path: Path) -> None:
    """One camera as a file; with a right camera or an inertial unit a folder. Raises CalibrationError."""
    T_body_cam = np.eye(4) if rig.T_body_cam is None else rig.T_body_cam
    if rig.right is None and rig.imu is None and path.suffix:
        write_yaml(_camera(rig.left, T_body_cam, str(path)), path)
        return
    if path.suffix:
        raise CalibrationError(f"{path}: a rig of several sensors takes a file each; name a folder instead")
    sensors = {"cam0": _camera(rig.left, T_body_cam, f"{path}, cam0")}
    if rig.right is not None and rig.T_left_right is not None:
        sensors["cam1"] = _camera(rig.right, T_body_cam @ rig.T_left_right, f"{path}, cam1")
    if rig.imu is not None:
        sensors["imu0"] = _imu(rig.imu)
    for name, values in sensors.items():
        (path / name).mkdir(parents=True, exist_ok=True)
        write_yaml(values, path / name / "sensor.yaml")


def _camera(camera: Camera, T_body_cam: Float64, where: str) -> dict[str, Any]:
    name = "equidistant" if camera.distortion_model == KANNALA_BRANDT else "radial-tangential"
    return {
        "sensor_type": "camera",
        "comment": "written by slam calibrate convert",
        "T_BS": matrix(T_body_cam),
        "resolution": [camera.width, camera.height],
        "camera_model": "pinhole",
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion_model": name,
        "distortion_coefficients": without_k3(camera, where, "EuRoC"),
    }


def _imu(noise: ImuNoise) -> dict[str, Any]:
    figures = {name: float(getattr(noise, key)) for key, name in IMU_KEYS.items()}
    return {"sensor_type": "imu", "T_BS": matrix(np.eye(4)), **figures}
