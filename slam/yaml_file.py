"""YAML files as other programs write them: OpenCV's are not quite YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from slam.errors import CalibrationError


def yaml_values(text: str, path: Path) -> dict[str, Any]:
    """The mapping in a YAML text, OpenCV's matrices as mappings with rows, cols and data. Raises CalibrationError."""
    lines = text.splitlines()
    plain = "\n".join(line for line in lines if not line.startswith("%"))  # OpenCV's %YAML:1.0 is not YAML
    try:
        values = yaml.safe_load(plain.replace("!!opencv-matrix", ""))
    except yaml.YAMLError as error:
        raise CalibrationError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise CalibrationError(f"{path}: holds no calibration; check the path")
    return values
