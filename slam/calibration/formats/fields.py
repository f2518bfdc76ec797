"""Values out of other programs' files, with the file and the name in every complaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from slam.camera import Camera
from slam.errors import CalibrationError
from slam.text_rows import read_text
from slam.types import Float64
from slam.yaml_file import yaml_values

SHORT = (0, 4, 5)


def read_values(path: Path) -> dict[str, Any]:
    return yaml_values(read_text(path, CalibrationError), path)


def value(values: dict[str, Any], where: str, *names: str) -> Any:
    """The first of several spellings that is there."""
    for name in names:
        if name in values:
            return values[name]
    raise CalibrationError(f"{where}: {names[0]} is missing")


def array(values: Any, where: str, *shape: int) -> Float64:
    """Numbers, in a list, in rows, or in an OpenCV or ROS matrix. -1 in the shape for any length."""
    if isinstance(values, dict):
        values = values.get("data")
    try:
        numbers = np.array(values, np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        wanted = " x ".join(str(size) for size in shape).replace("-1", "N")
        raise CalibrationError(f"{where}: must be {wanted} numbers") from error
    if not np.all(np.isfinite(numbers)):
        raise CalibrationError(f"{where}: holds NaN or infinity")
    return numbers


def pinhole(K: Float64, where: str) -> list[float]:
    """fx, fy, cx, cy of a (3, 3) matrix without skew."""
    if abs(K[0, 1]) > 1e-6 * abs(K[0, 0]):
        raise CalibrationError(f"{where}: the camera matrix has skew ({K[0, 1]:g}), which cameras here have not")
    return [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])]


def radtan(coefficients: Float64, where: str) -> list[float]:
    """k1, k2, p1, p2 and k3 where it is not zero. Raises CalibrationError for a rational or thin prism model."""
    if np.any(coefficients[5:]):
        raise CalibrationError(
            f"{where}: is OpenCV's rational or thin prism model ({len(coefficients)} coefficients), which cannot be "
            "held; calibrate with --model radtan or kannala_brandt"
        )
    kept = [float(number) for number in coefficients[:5]]
    if len(kept) not in SHORT:
        raise CalibrationError(f"{where}: radtan takes 4 or 5 coefficients, got {len(kept)}")
    return kept[:4] if len(kept) == 5 and kept[4] == 0.0 else kept


def padded(camera: Camera, count: int) -> list[float]:
    """A camera's coefficients, filled up with zeros."""
    return [*camera.distortion, *[0.0] * (count - len(camera.distortion))]


def without_k3(camera: Camera, where: str, program: str) -> list[float]:
    """Four coefficients. Raises CalibrationError for a radtan lens that has a fifth."""
    if len(camera.distortion) == 5 and camera.distortion[4] != 0.0:
        raise CalibrationError(
            f"{where}: {program}'s radtan has no k3, and this lens has {camera.distortion[4]:g}; "
            "write it as opencv or ros, or calibrate as kannala_brandt"
        )
    return [float(number) for number in padded(camera, 4)[:4]]


def matrix(values: Float64) -> dict[str, Any]:
    """A matrix as ROS and EuRoC write it."""
    return {"rows": values.shape[0], "cols": values.shape[1], "data": [float(number) for number in values.ravel()]}


def write_yaml(values: dict[str, Any], path: Path, comment: str = "") -> None:
    """Lists in one line each, keys in the order given."""
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=200)
    path.write_text(f"# {comment}\n{text}" if comment else text)
