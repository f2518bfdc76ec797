"""Recordings on disk in the layouts of TUM RGB-D and EuRoC ASL, as slam.sources reads them back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tomli_w
import yaml

from slam.camera import Camera, ImuNoise
from slam.geometry import quat_xyzw_from_rotation
from slam.rendering.motion import BodyMotion
from slam.types import Float32, Float64, Int64, Uint8

DEPTH_FACTOR = 5000.0
DEPTH_BASELINE_M = 0.08
# Depth in steps is a picture of few values: without a row filter it compresses best.
DEPTH_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


class TumWriter:
    """One RGB-D recording: rgb/, depth/, rgb.txt, depth.txt, groundtruth.txt (camera to world) and rig.toml."""

    def __init__(self, folder: Path, camera: Camera, jpeg_quality: int) -> None:
        self._folder = folder
        self._jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._lines: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
        for part in ("rgb", "depth"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "rig.toml").write_text(tomli_w.dumps(_rig(camera)))

    def add(self, stamp_ns: int, color: Uint8, depth_m: Float32, T_world_cam: Float64) -> None:
        """Write one frame; color (H, W, 3) RGB, depth in metres with 0 for unknown."""
        stamp = _seconds(stamp_ns)
        cv2.imwrite(str(self._folder / "rgb" / f"{stamp}.jpg"), cv2.cvtColor(color, cv2.COLOR_RGB2BGR), self._jpeg)
        raw = np.round(depth_m * DEPTH_FACTOR).astype(np.uint16)
        cv2.imwrite(str(self._folder / "depth" / f"{stamp}.png"), raw, DEPTH_PNG)
        pose = (*T_world_cam[:3, 3], *quat_xyzw_from_rotation(T_world_cam[:3, :3]))
        self._lines["rgb"].append(f"{stamp} rgb/{stamp}.jpg")
        self._lines["depth"].append(f"{stamp} depth/{stamp}.png")
        self._lines["groundtruth"].append(f"{stamp} " + " ".join(f"{value:.7f}" for value in pose))

    def finish(self) -> None:
        """Write the lists; without them the recording can't be read."""
        headers = {"rgb": "# timestamp filename", "depth": "# timestamp filename"}
        for name, lines in self._lines.items():
            header = headers.get(name, "# timestamp tx ty tz qx qy qz qw (camera to world)")
            (self._folder / f"{name}.txt").write_text("\n".join([header, *lines]) + "\n")


class EurocWriter:
    """One stereo-inertial recording: mav0/cam0, cam1, imu0 and state_groundtruth_estimate0 (body to world)."""

    def __init__(
        self,
        folder: Path,
        camera: Camera,
        T_body_left: Float64,
        T_body_right: Float64,
        rate_hz: float,
        jpeg_quality: int,
    ) -> None:
        self._mav = folder / "mav0"
        self._jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._lines: dict[str, list[str]] = {"cam0": [], "cam1": []}
        for name, T_body_cam in (("cam0", T_body_left), ("cam1", T_body_right)):
            (self._mav / name / "data").mkdir(parents=True, exist_ok=True)
            _write_yaml(self._mav / name, _camera_yaml(camera, T_body_cam, rate_hz, name))

    def add(self, stamp_ns: int, left: Uint8, right: Uint8) -> None:
        """Write one pair of grey images (H, W)."""
        for name, image in (("cam0", left), ("cam1", right)):
            cv2.imwrite(str(self._mav / name / "data" / f"{stamp_ns}.jpg"), image, self._jpeg)
            self._lines[name].append(f"{stamp_ns},{stamp_ns}.jpg")

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

    def finish(self) -> None:
        """Write the lists of images; without them the recording can't be read."""
        for name, lines in self._lines.items():
            text = "\n".join(["#timestamp [ns],filename", *lines]) + "\n"
            (self._mav / name / "data.csv").write_text(text)


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
