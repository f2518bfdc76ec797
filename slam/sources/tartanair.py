"""TartanAir v2, one trajectory: image_lcam_front, image_rcam_front, depth_lcam_front and pose_lcam_front.txt.

The trap: poses are north-east-down, and so are the camera's axes in them (x forward, y right, z down).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.errors import CalibrationError, SourceError
from slam.geometry import transform_from_quat_xyzw
from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.folder import image_files
from slam.sources.recording import Moment, Recording, choose_mode
from slam.text_rows import read_rows
from slam.trajectory import Trajectory
from slam.types import Mode

LEFT, RIGHT = "lcam_front", "rcam_front"
NOMINAL_HZ = 10  # the recording has no stamps
# p_ned = T_NED_CAM @ p_cam: forward is the camera's z, right its x, down its y.
T_NED_CAM = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
POSE_FORM = "tx ty tz qx qy qz qw"


def open_tartanair(path: Path, options: SourceOptions) -> Recording:
    """A folder such as P000, in the richest mode its images allow. Raises SourceError and CalibrationError.

    Ground truth: exact, of the left front camera, in a world that keeps its NED axes (Wang et al., IROS 2020;
    tartanair.org, v2).
    """
    if not (path / f"image_{LEFT}").is_dir():
        raise SourceError(f"{path}: has no folder image_{LEFT}; give the folder of one trajectory, such as P000")
    images = image_files(path / f"image_{LEFT}")
    possible = [
        *([Mode.STEREO] if (path / f"image_{RIGHT}").is_dir() else []),
        *([Mode.RGBD] if (path / f"depth_{LEFT}").is_dir() else []),
        Mode.MONO,
    ]
    mode = choose_mode("tartanair", options.mode, possible, path)
    rig = options.rig or load_rig("tartanair")
    if mode is Mode.STEREO and rig.T_left_right is None:
        raise CalibrationError(f"rig {rig.name}: stereo needs [right] with T_left_right; or run with --mode mono")
    moments = [_moment(path, image, mode) for image in images]
    return Recording("tartanair", path, moments, rig, mode, options, _ground_truth(path / f"pose_{LEFT}.txt", moments))


def _moment(path: Path, image: Path, mode: Mode) -> Moment:
    number = image.stem.partition("_")[0]
    if not number.isdigit():
        raise SourceError(f"{image}: TartanAir images begin with their number; rename it or remove it")
    depth = path / f"depth_{LEFT}" / f"{number}_{LEFT}_depth.png" if mode is Mode.RGBD else None
    right = path / f"image_{RIGHT}" / f"{number}_{RIGHT}.png" if mode is Mode.STEREO else None
    return Moment(int(number) * 10**9 // NOMINAL_HZ, image, depth, right, depth_is_float=True)


def _ground_truth(poses: Path, moments: list[Moment]) -> Trajectory | None:
    """Line i is the pose of image i."""
    if not poses.is_file():
        return None
    rows = list(read_rows(poses, SourceError))
    if len(rows) != len(moments):
        raise SourceError(f"{poses}: {len(rows)} poses do not fit {len(moments)} images; copy the recording again")
    T_gt_cam = []
    for row in rows:
        row.require((7,), POSE_FORM)
        values = np.array(row.numbers(0, 7))
        if np.linalg.norm(values[3:]) < 1e-6:
            raise row.wrong("the quaternion is zero; remove the line or repair the file")
        T_gt_cam.append(transform_from_quat_xyzw(values[:3], values[3:]) @ T_NED_CAM)
    return Trajectory(np.array([moment.stamp_ns for moment in moments], np.int64), np.stack(T_gt_cam))
