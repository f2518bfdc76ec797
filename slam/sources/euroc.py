"""The EuRoC (ASL) layout: mav0 with cam0, cam1, imu0 and state_groundtruth_estimate0, calibration in sensor.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from slam.camera import Rig
from slam.errors import CalibrationError, SourceError, TrajectoryError
from slam.sources import SourceOptions
from slam.sources.euroc_calibration import read_rig
from slam.sources.recording import Moment, Recording, choose_mode
from slam.sources.rectify import rectified
from slam.sources.stamps import associate
from slam.text_rows import read_rows
from slam.trajectory import Trajectory, read_euroc_csv
from slam.types import ImuSamples, Mode

STEREO_NS = 5_000_000  # most time between left and right; the cameras are triggered together
IMU_FORM = "nanoseconds,wx,wy,wz,ax,ay,az"


def open_euroc(path: Path, options: SourceOptions) -> Recording:
    """The folder that holds mav0, or mav0; monocular when it has no cam1. Raises SourceError and CalibrationError."""
    mav = path / "mav0" if (path / "mav0").is_dir() else path
    if not (mav / "cam0").is_dir():
        raise SourceError(f"{path}: has no mav0/cam0; give the folder that holds mav0")
    has_right = (mav / "cam1" / "data.csv").is_file()
    mode = choose_mode("euroc", options.mode, [Mode.STEREO, Mode.MONO] if has_right else [Mode.MONO], path)
    rig, rectifier = _rig(mav, mode, options), None
    if mode is Mode.STEREO:
        rig, rectifier = rectified(rig)
    return Recording(
        "euroc", path, _moments(mav, mode), rig, mode, options, _ground_truth(mav, rig), _imu(mav), rectifier
    )


def _rig(mav: Path, mode: Mode, options: SourceOptions) -> Rig:
    """The rig asked for, its place on the body taken from the recording if it has none, else the recording's own."""
    if options.rig is None:
        return read_rig(mav, mode is Mode.STEREO)
    if options.rig.T_body_cam is None and (mav / "cam0" / "sensor.yaml").is_file():
        return replace(options.rig, T_body_cam=read_rig(mav, stereo=False).T_body_cam)
    return options.rig


def _moments(mav: Path, mode: Mode) -> list[Moment]:
    lefts = _listed(mav / "cam0" / "data.csv")
    if mode is Mode.MONO:
        return [Moment(stamp_ns, file) for stamp_ns, file in lefts]
    rights = _listed(mav / "cam1" / "data.csv")
    partner = associate([stamp for stamp, _ in lefts], [stamp for stamp, _ in rights], STEREO_NS)
    return [
        Moment(stamp_ns, file, right=rights[partner[i]][1])
        if i in partner
        else Moment(stamp_ns, file, flaw=f"{file}: no right image within 0.005 s")
        for i, (stamp_ns, file) in enumerate(lefts)
    ]


def _listed(path: Path) -> list[tuple[int, Path]]:
    if not path.is_file():
        raise SourceError(f"{path}: is missing; copy the recording again, with its data.csv files")
    files = []
    for row in read_rows(path, SourceError):
        row.require((2,), "nanoseconds,file")
        files.append((row.nanoseconds(0), path.parent / "data" / row.fields[1]))
    if not files:
        raise SourceError(f"{path}: lists no image; check that the recording was copied completely")
    return files


def _imu(mav: Path) -> ImuSamples | None:
    path = mav / "imu0" / "data.csv"
    if not path.is_file():
        return None
    rows = list(read_rows(path, SourceError))
    for row in rows:
        row.require((7,), IMU_FORM)
    stamps_ns = np.array([row.nanoseconds(0) for row in rows], np.int64)
    for i in np.flatnonzero(np.diff(stamps_ns) <= 0)[:1]:
        raise rows[i + 1].wrong("the stamp jumps back or repeats; sort the file and drop repeated lines")
    values = np.array([row.numbers(1, 7) for row in rows], np.float64).reshape(-1, 6)
    return ImuSamples(stamps_ns, values[:, :3], values[:, 3:])


def _ground_truth(mav: Path, rig: Rig) -> Trajectory | None:
    """Poses of the camera: the file holds the body's."""
    path = mav / "state_groundtruth_estimate0" / "data.csv"
    if not path.is_file():
        path = mav / "mocap0" / "data.csv"  # TUM-VI: the body's too
    if not path.is_file():
        return None
    if rig.T_body_cam is None:
        raise CalibrationError(f"rig {rig.name}: T_body_cam is missing; the ground truth {path} needs it")
    try:
        body = read_euroc_csv(path)
    except TrajectoryError as error:
        raise SourceError(f"ground truth {error}") from error
    return Trajectory(body.stamps_ns, body.T_world_cam @ rig.T_body_cam)
