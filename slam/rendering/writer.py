"""Recordings on disk in the layouts of TUM RGB-D and EuRoC ASL, as slam.sources reads them back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tomli_w
import yaml
from numpy.typing import NDArray

from slam.camera import Camera, ImuNoise
from slam.errors import ConfigError
from slam.geometry import quat_xyzw_from_rotation
from slam.rendering.motion import BodyMotion
from slam.types import Float32, Float64, Int64, Uint8

CAMERAS = ("cam0", "cam1")
DEPTH_FACTOR = 5000.0
DEPTH_BASELINE_M = 0.08
# Depth in steps is a picture of few values: without a row filter it compresses best.
DEPTH_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


class TumWriter:
    """One RGB-D recording: rgb/, depth/, rgb.txt, depth.txt, groundtruth.txt (camera to world) and rig.toml."""

    def __init__(self, folder: Path, camera: Camera) -> None:
        self._folder = folder
        for part in ("rgb", "depth"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "rig.toml").write_text(tomli_w.dumps(_rig(camera)))

    def finish(self, stamps_ns: Int64, T_world_cam: Float64) -> None:
        """Write the lists, of images at (N,) stamps from (N, 4, 4) poses; without them the recording can't be read."""
        stamps = [_seconds(stamp_ns) for stamp_ns in stamps_ns.tolist()]
        poses = [(*T[:3, 3], *quat_xyzw_from_rotation(T[:3, :3])) for T in T_world_cam]
        lists = {
            "rgb": ["# timestamp filename", *(f"{stamp} rgb/{stamp}.jpg" for stamp in stamps)],
            "depth": ["# timestamp filename", *(f"{stamp} depth/{stamp}.png" for stamp in stamps)],
            "groundtruth": [
                "# timestamp tx ty tz qx qy qz qw (camera to world)",
                *(f"{stamp} " + " ".join(f"{value:.7f}" for value in pose) for stamp, pose in zip(stamps, poses)),
            ],
        }
        for name, lines in lists.items():
            (self._folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


class EurocWriter:
    """One stereo-inertial recording: mav0/cam0, cam1, imu0 and state_groundtruth_estimate0 (body to world)."""

    def __init__(
        self, folder: Path, camera: Camera, T_body_left: Float64, T_body_right: Float64, rate_hz: float
    ) -> None:
        self._mav = folder / "mav0"
        for name, T_body_cam in zip(CAMERAS, (T_body_left, T_body_right)):
            (self._mav / name / "data").mkdir(parents=True, exist_ok=True)
            _write_yaml(self._mav / name, _camera_yaml(camera, T_body_cam, rate_hz, name))

    def add_imu(self, stamps_ns: Int64, gyro: Float64, accel: Float64, noise: ImuNoise) -> None:
        """Write all inertial samples, (M, 3) each in the body's frame."""
        header = "#timestamp [ns]," + _columns("w_RS_S", "rad s^-1") + "," + _columns("a_RS_S", "m s^-2")
        _write_yaml(self._mav / "imu0", _imu_yaml(noise))
        _write_csv(self._mav / "imu0", header, stamps_ns, np.column_stack([gyro, accel]))

    def add_ground_truth(self, stamps_ns: Int64, motion: BodyMotion, bias_gyro: Float64, bias_accel: Float64) -> None:
        """Write the body's state at each stamp: position, quaternion w first, velocity, biases."""
        names = [_columns("p_RS_R", "m"), "q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []", _columns("v_RS_R", "m s^-1")]
        names += [_columns("b_w_RS_S", "rad s^-1"), _columns("b_a_RS_S", "m s^-2")]
        rows = (motion.positions_world, motion.quats_wxyz, motion.velocities_world, bias_gyro, bias_accel)
        folder = self._mav / "state_groundtruth_estimate0"
        _write_csv(folder, ",".join(["#timestamp [ns]", *names]), stamps_ns, np.column_stack(rows))
        state = {"sensor_type": "visual-inertial", "comment": "exact state of the body", "T_BS": _matrix(np.eye(4))}
        _write_yaml(folder, state)

    def finish(self, stamps_ns: Int64) -> None:
        """Write the lists of images at (N,) stamps; without them the recording can't be read."""
        rows = [f"{stamp},{stamp}.jpg" for stamp in stamps_ns.tolist()]
        for name in CAMERAS:
            (self._mav / name / "data.csv").write_text("\n".join(["#timestamp [ns],filename", *rows]) + "\n")


def write_rgbd(folder: Path, stamp_ns: int, color: Uint8, depth_m: Float32, jpeg_quality: int) -> None:
    """One frame of a TUM recording; color (H, W, 3) RGB, depth in metres with 0 for unknown."""
    stamp, jpeg = _seconds(stamp_ns), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    _save(folder / "rgb" / f"{stamp}.jpg", np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2BGR), np.uint8), jpeg)
    _save(folder / "depth" / f"{stamp}.png", np.round(depth_m * DEPTH_FACTOR).astype(np.uint16), DEPTH_PNG)


def write_pair(folder: Path, stamp_ns: int, left: Uint8, right: Uint8, jpeg_quality: int) -> None:
    """One frame of a EuRoC recording: two grey images (H, W)."""
    for name, image in zip(CAMERAS, (left, right)):
        path = folder / "mav0" / name / "data" / f"{stamp_ns}.jpg"
        _save(path, image, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])


def _save(path: Path, image: Uint8 | NDArray[np.uint16], settings: list[int]) -> None:
    if not cv2.imwrite(str(path), image, settings):
        raise ConfigError(f"render: {path} can't be written; is the disk full, or the folder gone?")


def _rig(camera: Camera) -> dict:
    left = {
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion_model": "radtan",
        "distortion": [],
    }
    return {
        "left": left,
        "depth": {"factor": DEPTH_FACTOR, "invalid": [0], "baseline_m": DEPTH_BASELINE_M},
    }


def _camera_yaml(camera: Camera, T_body_cam: Float64, rate_hz: float, name: str) -> dict:
    return {
        "sensor_type": "camera",
        "comment": f"rendered {name}, global shutter",
        "T_BS": _matrix(T_body_cam),
        "rate_hz": rate_hz,
        "resolution": [camera.width, camera.height],
        "camera_model": "pinhole",
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion_model": "radial-tangential",
        "distortion_coefficients": [0.0, 0.0, 0.0, 0.0],
    }


def _imu_yaml(noise: ImuNoise) -> dict:
    return {
        "sensor_type": "imu",
        "comment": "rendered inertial unit",
        "T_BS": _matrix(np.eye(4)),
        "rate_hz": noise.rate_hz,
        "gyroscope_noise_density": noise.gyro_density,
        "gyroscope_random_walk": noise.gyro_walk,
        "accelerometer_noise_density": noise.accel_density,
        "accelerometer_random_walk": noise.accel_walk,
    }


def _matrix(T_a_b: Float64) -> dict:
    return {"cols": 4, "rows": 4, "data": [float(round(value, 12)) for value in T_a_b.ravel()]}


def _columns(name: str, unit: str) -> str:
    return ",".join(f"{name}_{axis} [{unit}]" for axis in "xyz")


def _write_yaml(folder: Path, values: dict) -> None:
    """As the ASL data sets have it: a first line that only OpenCV's readers understand, then YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=100)
    (folder / "sensor.yaml").write_text("%YAML:1.0\n" + text)


def _write_csv(folder: Path, header: str, stamps_ns: Int64, values: Float64) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = (f"{stamp}," + ",".join(f"{v:.9f}" for v in row) for stamp, row in zip(stamps_ns.tolist(), values.tolist()))
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")


def _seconds(stamp_ns: int) -> str:
    """Seconds with six decimals; the stamps rendered here are whole microseconds."""
    return f"{stamp_ns // 1_000_000_000}.{stamp_ns % 1_000_000_000 // 1000:06d}"
