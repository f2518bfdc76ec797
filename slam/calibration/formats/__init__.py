"""Calibration files of other programs: which there are, how to tell them apart, and their readers and writers.

Rigs lose what a format has no place for; ``leaves_out`` says what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slam.calibration.formats import euroc, kalibr, opencv, ros, tum
from slam.camera import Rig
from slam.errors import CalibrationError
from slam.rig_file import load_rig, write_rig
from slam.text_rows import read_text
from slam.yaml_file import yaml_values

STEREO, BODY, IMU, DEPTH = "the right camera", "the inertial unit's pose", "the inertial unit's noise", "depth"


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a rig down."""

    about: str
    read: Callable[[Path], Rig]
    write: Callable[[Rig, Path], None]
    holds: tuple[str, ...]


FORMATS = {
    "toml": Format("a rig file of this program", load_rig, write_rig, (STEREO, BODY, IMU, DEPTH)),
    "kalibr": Format("Kalibr's camchain.yaml", kalibr.read, kalibr.write, (STEREO, BODY)),
    "euroc": Format(
        "EuRoC's sensor.yaml, or a folder with cam0, cam1, imu0", euroc.read, euroc.write, (STEREO, BODY, IMU)
    ),
    "opencv": Format("OpenCV's FileStorage YAML", opencv.read, opencv.write, (STEREO,)),
    "ros": Format("ROS camera_info YAML; a second file for the right camera", ros.read, ros.write, (STEREO,)),
    "tum": Format("TUM: 'fx fy cx cy k1 k2 p1 p2 k3', or 'RadTan ...' and the size below", tum.read, tum.write, ()),
}
ENDINGS = {".toml": "toml", ".txt": "tum"}


def read_rig(path: Path, name: str | None = None) -> Rig:
    """The rig in a file or folder of any format. Raises CalibrationError: unreadable, unknown, or cannot be held."""
    return _format(name or recognised(path)).read(path)


def write_rig_as(rig: Rig, path: Path, name: str | None = None) -> str:
    """Write a rig and return the format's name. Raises CalibrationError when the format cannot hold its lens."""
    name = name or _by_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _format(name).write(rig, path)
    return name


def leaves_out(rig: Rig, name: str) -> list[str]:
    """What of a rig a format has no place for."""
    has = {STEREO: rig.right, BODY: rig.T_body_cam, IMU: rig.imu}
    parts = [part for part, value in has.items() if value is not None]
    depth = (rig.depth_factor, rig.depth_invalid, rig.depth_baseline_m)
    parts += [DEPTH] if depth != (5000.0, (0,), 0.08) else []
    return [part for part in parts if part not in _format(name).holds]


def recognised(path: Path) -> str:
    """The format of a file by what is in it. Raises CalibrationError when it is none of FORMATS."""
    if path.is_dir():
        return "euroc"
    if path.suffix.lower() == ".toml":
        return "toml"
    text = read_text(path, CalibrationError)
    if tum.is_ours(text):
        return "tum"
    values = yaml_values(text, path)
    found = [
        name
        for name, module in (("kalibr", kalibr), ("euroc", euroc), ("ros", ros), ("opencv", opencv))
        if module.is_ours(values)
    ]
    if len(found) != 1:
        doubt = (
            f"could be {' or '.join(found)}; say which with --from" if found else f"is none of: {', '.join(FORMATS)}"
        )
        raise CalibrationError(f"{path}: {doubt}")
    return found[0]


def _by_name(path: Path) -> str:
    """The format that a file to be written is named after."""
    if path.suffix.lower() in ENDINGS:
        return ENDINGS[path.suffix.lower()]
    stem = path.stem.lower()
    named = {"camchain": "kalibr", "sensor": "euroc", "camera_info": "ros", "opencv": "opencv"}
    found = [name for word, name in named.items() if word in stem]
    if len(found) == 1:
        return found[0]
    raise CalibrationError(f"{path}: the name does not tell the format; give it with --to {'|'.join(FORMATS)}")


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise CalibrationError(f"format '{name}' is unknown; known: {', '.join(FORMATS)}")
    return FORMATS[name]
