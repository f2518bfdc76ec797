"""What ``slam run --record`` wrote: the TUM layout, lossless, with the right camera's and the IMU's lists beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from slam.camera import Rig
from slam.errors import SourceError
from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.recording import Moment, Recording, choose_mode
from slam.text_rows import read_rows
from slam.trajectory import Trajectory, read_tum
from slam.types import ImuSamples, Int64, Mode

LISTS = {"rgb": "image", "depth": "depth", "right": "right"}  # list and folder -> field of a Moment
IMU_FORM = "nanoseconds,wx,wy,wz,ax,ay,az"


def open_recorded(path: Path, options: SourceOptions) -> Recording:
    """A folder that a run has recorded. Raises SourceError and CalibrationError."""
    if not (path / "rgb.txt").is_file() or not (path / "rig.toml").is_file():
        raise SourceError(f"{path}: is no recording of a run; give the folder that --record named")
    files = {name: _listed(path / f"{name}.txt") for name in LISTS}
    moments = [
        Moment(stamp_ns, image, files["depth"].get(stamp_ns), files["right"].get(stamp_ns))
        for stamp_ns, image in files["rgb"].items()
    ]
    rig = options.rig or _recorded_rig(path)
    possible = [*([Mode.RGBD] if files["depth"] else []), *([Mode.STEREO] if files["right"] else []), Mode.MONO]
    mode = choose_mode("recorded", options.mode, possible, path)
    if mode is not Mode.STEREO:
        moments = [replace(moment, right=None) for moment in moments]
    if mode is not Mode.RGBD:
        moments = [replace(moment, depth=None) for moment in moments]
    return Recording("recorded", path, moments, rig, mode, options, _ground_truth(path), _imu(path / "imu.csv"))


def _recorded_rig(path: Path) -> Rig:
    return replace(load_rig(path / "rig.toml"), name=path.name)


def _listed(path: Path) -> dict[int, Path]:
    if not path.is_file():
        return {}
    rows = list(read_rows(path, SourceError))
    for row in rows:
        row.require((2,), "seconds folder/file")
    return {row.seconds_as_ns(0): path.parent / row.fields[1] for row in rows}


def _imu(path: Path) -> ImuSamples | None:
    if not path.is_file():
        return None
    rows = list(read_rows(path, SourceError))
    for row in rows:
        row.require((7,), IMU_FORM)
    stamps_ns: Int64 = np.array([row.nanoseconds(0) for row in rows], np.int64)
    values = np.array([row.numbers(1, 7) for row in rows], np.float64).reshape(-1, 6)
    return ImuSamples(stamps_ns, values[:, :3], values[:, 3:])


def _ground_truth(path: Path) -> Trajectory | None:
    file = path / "groundtruth.txt"
    return read_tum(file) if file.is_file() else None
