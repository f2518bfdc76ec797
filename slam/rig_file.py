"""Rigs as TOML files: the ones that come with the program (calib/) by name, any other by path."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from slam.camera import KANNALA_BRANDT, RADTAN, Camera, ImuNoise, Rig
from slam.data_files import data_dir
from slam.errors import CalibrationError
from slam.text_rows import read_text
from slam.types import Float64

DISTORTION_COUNTS = {RADTAN: (0, 4, 5), KANNALA_BRANDT: (0, 4)}
FOREIGN_ENDINGS = (".yaml", ".yml", ".txt")
CAMERA_KEYS = ("width", "height", "intrinsics", "distortion_model", "distortion")
DEPTH_KEYS = ("factor", "invalid", "baseline_m")
IMU_KEYS = ("gyro_density", "accel_density", "gyro_walk", "accel_walk", "rate_hz")
RIG_KEYS = ("T_body_cam", "left", "right", "depth", "imu")


def load_rig(name_or_path: str | Path) -> Rig:
    """The rig of a name in calib/, of a TOML file, or of another program's (slam/calibration/formats).

    Raises CalibrationError: unknown, unreadable, or wrong.
    """
    path = rig_path(name_or_path)
    if path.suffix.lower() in FOREIGN_ENDINGS:
        from slam.calibration.formats import read_rig  # which reads rig files with this module

        return read_rig(path)
    try:
        values = tomllib.loads(read_text(path, CalibrationError))
    except tomllib.TOMLDecodeError as error:
        raise CalibrationError(f"rig {path}: not valid TOML ({error})") from error
    return rig_from_values(values, path.stem, f"rig {path}")


def rig_names() -> list[str]:
    """Names that load_rig knows."""
    return sorted(path.stem for path in data_dir("calib").glob("*.toml"))


def rig_path(name_or_path: str | Path) -> Path:
    """The file of a rig. Raises CalibrationError with the nearest name when there is none."""
    text = str(name_or_path)
    if text in rig_names():
        return data_dir("calib") / f"{text}.toml"
    if text.lower().endswith((".toml", *FOREIGN_ENDINGS)) or Path(text).is_file():
        return Path(text)
    raise CalibrationError(f"rig '{text}' is unknown{_hint(text, rig_names())}; or give a TOML or YAML file")


def rig_from_intrinsics(
    intrinsics: Sequence[float],
    distortion: Sequence[float] = (),
    image_size: tuple[int, int] = (0, 0),
    depth_factor: float = 5000.0,
) -> Rig:
    """A single camera from fx, fy, cx, cy px and k1, k2, p1, p2[, k3]. Raises CalibrationError.

    An image size of (0, 0) stands for the size of the images: the source that is given the rig fills it in.
    """
    values = {"width": image_size[0], "height": image_size[1], "intrinsics": list(intrinsics)}
    left = _camera({**values, "distortion": list(distortion)}, "--intrinsics")
    return Rig("intrinsics", left, depth_factor=_positive(depth_factor, "--depth-factor"))


def write_rig(rig: Rig, path: Path) -> None:
    """Write a rig that load_rig reads back with the same numbers."""
    path.write_text(rig_text(rig))


def rig_text(rig: Rig) -> str:
    """The rig as TOML."""
    values: dict[str, Any] = {"left": _camera_values(rig.left)}
    if rig.T_body_cam is not None:
        values["T_body_cam"] = rig.T_body_cam.tolist()
    if rig.right is not None and rig.T_left_right is not None:
        values["right"] = {**_camera_values(rig.right), "T_left_right": rig.T_left_right.tolist()}
    invalid = list(rig.depth_invalid)
    values["depth"] = {"factor": rig.depth_factor, "invalid": invalid, "baseline_m": rig.depth_baseline_m}
    if rig.imu is not None:
        values["imu"] = {key: getattr(rig.imu, key) for key in IMU_KEYS}
    return tomli_w.dumps(values)


def rig_from_values(values: dict[str, Any], name: str, where: str) -> Rig:
    """A rig from the tables of its TOML file; ``where`` opens every complaint. Raises CalibrationError."""
    _check_keys(values, RIG_KEYS, where)
    left = _camera(_table(values, "left", CAMERA_KEYS, where, required=True), f"{where} [left]")
    right_table = _table(values, "right", (*CAMERA_KEYS, "T_left_right"), where)
    depth = _table(values, "depth", DEPTH_KEYS, where)
    imu = _table(values, "imu", IMU_KEYS, where)
    right = _camera(right_table, f"{where} [right]") if right_table else None
    if right_table and "T_left_right" not in right_table:
        raise CalibrationError(f"{where} [right]: T_left_right is missing; give the right camera's pose in the left")
    return Rig(
        name,
        left,
        right,
        rigid(right_table["T_left_right"], f"{where} T_left_right") if right_table else None,
        rigid(values["T_body_cam"], f"{where} T_body_cam") if "T_body_cam" in values else None,
        _positive(depth.get("factor", 5000.0), f"{where} [depth] factor"),
        _whole_numbers(depth.get("invalid", [0]), f"{where} [depth] invalid"),
        _positive(depth.get("baseline_m", 0.08), f"{where} [depth] baseline_m"),
        _imu(imu, f"{where} [imu]") if imu else None,
    )


def rigid(values: Any, where: str) -> Float64:
    """(4, 4) of 16 numbers, flat or in rows, that must be a rigid motion. Raises CalibrationError."""
    try:
        T = np.array(values, np.float64).reshape(4, 4)
    except (ValueError, TypeError) as error:
        raise CalibrationError(f"{where}: must be 16 numbers, 4 rows of 4") from error
    R = T[:3, :3]
    is_rotation = np.allclose(R @ R.T, np.eye(3), atol=1e-3) and np.linalg.det(R) > 0
    if not (np.all(np.isfinite(T)) and is_rotation and np.allclose(T[3], (0, 0, 0, 1))):
        raise CalibrationError(f"{where}: is not a rotation and a translation; check signs and order")
    return T


def _camera(table: dict[str, Any], where: str) -> Camera:
    for key in ("width", "height", "intrinsics"):
        if key not in table:
            raise CalibrationError(f"{where}: {key} is missing")
    width, height = _whole_numbers([table["width"], table["height"]], f"{where}: width, height")
    fx, fy, cx, cy = _numbers(table["intrinsics"], (4,), f"{where}: intrinsics fx, fy, cx, cy")
    model = table.get("distortion_model", RADTAN)
    if model not in DISTORTION_COUNTS:
        raise CalibrationError(f"{where}: distortion_model '{model}' is unknown; known: {', '.join(DISTORTION_COUNTS)}")
    distortion = _numbers(table.get("distortion", []), DISTORTION_COUNTS[model], f"{where}: distortion of {model}")
    if fx <= 0 or fy <= 0:
        raise CalibrationError(f"{where}: fx and fy must be positive, got {fx:g}, {fy:g}")
    if width and not (0 < cx < width and 0 < cy < height):
        raise CalibrationError(f"{where}: the centre {cx:g}, {cy:g} lies outside the image of {width}x{height}")
    return Camera(width, height, fx, fy, cx, cy, model, distortion)


def _imu(table: dict[str, Any], where: str) -> ImuNoise:
    for key in IMU_KEYS:
        if key not in table:
            raise CalibrationError(f"{where}: {key} is missing")
    return ImuNoise(**{key: _positive(table[key], f"{where} {key}") for key in IMU_KEYS})


def _camera_values(camera: Camera) -> dict[str, Any]:
    return {
        "width": camera.width,
        "height": camera.height,
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
        "distortion_model": camera.distortion_model,
        "distortion": list(camera.distortion),
    }


def _table(
    values: dict[str, Any], name: str, keys: Collection[str], where: str, required: bool = False
) -> dict[str, Any]:
    if required and name not in values:
        raise CalibrationError(f"{where}: [{name}] is missing")
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise CalibrationError(f"{where}: {name} must be a table; write [{name}] above its settings")
    _check_keys(table, keys, f"{where} [{name}]")
    return table


def _check_keys(table: dict[str, Any], known: Collection[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise CalibrationError(f"{where}: unknown key '{key}'{_hint(key, known)}")


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"


def _numbers(values: Any, counts: tuple[int, ...], where: str) -> tuple[float, ...]:
    is_list = isinstance(values, list | tuple) and all(_is_number(value) for value in values)
    if not is_list or len(values) not in counts:
        raise CalibrationError(f"{where}: must be {' or '.join(map(str, counts))} finite numbers, got {values!r}")
    return tuple(float(value) for value in values)


def _whole_numbers(values: Any, where: str) -> tuple[int, ...]:
    is_list = isinstance(values, list | tuple)
    if not is_list or not all(isinstance(value, int) and value >= 0 for value in values):
        raise CalibrationError(f"{where}: must be whole numbers, not negative, got {values!r}")
    return tuple(values)


def _positive(value: Any, where: str) -> float:
    if not _is_number(value) or value <= 0:
        raise CalibrationError(f"{where}: must be a positive number, got {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
