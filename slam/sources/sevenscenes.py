"""Microsoft 7-Scenes as it comes from upstream: frame-NNNNNN.color.png, .depth.png and .pose.txt in one folder.

The depth camera is not registered to the colour camera; upstream's own experiments ignore that, and so does this
reader. Stamps are nominal: the recording has none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.errors import SourceError
from slam.geometry import quat_xyzw_from_rotation, transform_from_quat_xyzw
from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.folder import natural_key
from slam.sources.recording import Moment, Recording, choose_mode
from slam.text_rows import read_rows
from slam.trajectory import Trajectory
from slam.types import Float64, Mode

COLOR, DEPTH, POSE = ".color.png", ".depth.png", ".pose.txt"


def open_sevenscenes(path: Path, options: SourceOptions) -> Recording:
    """A folder such as seq-01; monocular when it has no depth. Raises SourceError and CalibrationError.

    Ground truth: camera to world in metres, as KinectFusion tracked it (Shotton et al., CVPR 2013).
    """
    colors = sorted(path.glob(f"frame-*{COLOR}"), key=lambda file: natural_key(file.name))
    if not colors:
        raise SourceError(f"{path}: has no frame-000000{COLOR}; give the folder of one sequence, such as seq-01")
    has_depth = beside(colors[0], DEPTH).is_file()
    mode = choose_mode("sevenscenes", options.mode, [Mode.RGBD, Mode.MONO] if has_depth else [Mode.MONO], path)
    stamps_ns = [round(_number(color) * 1e9 / options.fps) for color in colors]
    moments = [
        Moment(stamp_ns, color, beside(color, DEPTH) if mode is Mode.RGBD else None)
        for stamp_ns, color in zip(stamps_ns, colors)
    ]
    rig = options.rig or load_rig("sevenscenes")
    return Recording("sevenscenes", path, moments, rig, mode, options, _ground_truth(colors, stamps_ns))


def beside(color: Path, ending: str) -> Path:
    """The depth or pose file of a colour image."""
    return color.with_name(color.name.removesuffix(COLOR) + ending)


def _number(color: Path) -> int:
    number = color.name.removesuffix(COLOR).removeprefix("frame-")
    if not number.isdigit():
        raise SourceError(f"{color}: frames are named by their number; rename it or remove it")
    return int(number)


def _ground_truth(colors: list[Path], stamps_ns: list[int]) -> Trajectory | None:
    """Poses of those frames that have one; None where none has."""
    poses = [(stamp_ns, beside(color, POSE)) for stamp_ns, color in zip(stamps_ns, colors)]
    known = [(stamp_ns, pose) for stamp_ns, pose in poses if pose.is_file()]
    if not known:
        return None
    return Trajectory(np.array([stamp for stamp, _ in known], np.int64), np.stack([_pose(file) for _, file in known]))


def _pose(file: Path) -> Float64:
    rows = list(read_rows(file, SourceError))
    if len(rows) != 4:
        raise SourceError(f"{file}: has {len(rows)} lines; a pose has 4 rows of 4 numbers")
    for row in rows:
        row.require((4,), "r11 r12 r13 tx")
    T = np.array([row.numbers(0, 4) for row in rows])
    if not np.linalg.det(T[:3, :3]) > 0.5:
        raise SourceError(f"{file}: is no rotation and translation; copy the file again")
    return transform_from_quat_xyzw(T[:3, 3], quat_xyzw_from_rotation(T[:3, :3]))  # written with few digits
