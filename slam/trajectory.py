"""Timed camera poses and the files that hold them. Stamps are whole nanoseconds and survive a round trip exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from slam.errors import TrajectoryError
from slam.geometry import quat_xyzw_from_rotation
from slam.text_rows import Row, read_rows
from slam.types import Float64, Int64

TUM_FORM = "seconds tx ty tz qx qy qz qw"
EUROC_FORM = "nanoseconds,px,py,pz,qw,qx,qy,qz,..."
KITTI_FORM = "r11 r12 r13 tx r21 r22 r23 ty r31 r32 r33 tz"


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses over time, stamps strictly increasing. Empty when nothing was tracked. Raises TrajectoryError."""

    stamps_ns: Int64  # (N,)
    T_world_cam: Float64  # (N, 4, 4); ``world`` is the gt world for a ground truth

    def __post_init__(self) -> None:
        if self.T_world_cam.shape != (len(self.stamps_ns), 4, 4):
            shape = self.T_world_cam.shape
            raise TrajectoryError(f"trajectory: {len(self.stamps_ns)} stamps need as many 4x4 poses, got {shape}")
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise TrajectoryError("trajectory: stamps must increase; sort them and drop repeated ones")
        if not np.all(np.isfinite(self.T_world_cam)):
            raise TrajectoryError("trajectory: poses must be finite; drop the frames that were not tracked")

    def __len__(self) -> int:
        return len(self.stamps_ns)


def read_tum(path: Path, repeats_ok: bool = False) -> Trajectory:
    """Poses of a TUM file: a line is ``seconds tx ty tz qx qy qz qw``, metres. Raises TrajectoryError.

    ``repeats_ok``: a pose at the stamp of the one before it is kept, a nanosecond later; freiburg2_desk's ground truth
    has one.
    """
    rows = list(read_rows(path, TrajectoryError))
    for row in rows:
        row.require((8,), TUM_FORM)
    values = _numbers(rows, 1, 8)
    stamps_ns = [row.seconds_as_ns(0) for row in rows]
    if repeats_ok:
        stamps_ns = _apart(stamps_ns)
    return _trajectory(path, rows, stamps_ns, values[:, :3], values[:, 3:])


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """Write poses as read_tum reads them, times and metres with nine decimals."""
    quats_xyzw = quat_xyzw_from_rotation(trajectory.T_world_cam[:, :3, :3]) if len(trajectory) else np.zeros((0, 4))
    values = np.hstack([trajectory.T_world_cam[:, :3, 3], quats_xyzw])
    lines = [f"# {TUM_FORM}\n"]
    for stamp_ns, row in zip(trajectory.stamps_ns, values, strict=True):
        lines.append(" ".join([seconds_text(int(stamp_ns)), *(f"{value:.9f}" for value in row)]) + "\n")
    path.write_text("".join(lines))


def read_euroc_csv(path: Path) -> Trajectory:
    """Poses of an EuRoC state_groundtruth_estimate0/data.csv. They are the body's. Raises TrajectoryError."""
    rows = list(read_rows(path, TrajectoryError))
    for row in rows:
        row.require(range(8, 1000), EUROC_FORM)
    values = _numbers(rows, 1, 8)
    quats_xyzw = values[:, [4, 5, 6, 3]]
    return _trajectory(path, rows, [row.nanoseconds(0) for row in rows], values[:, :3], quats_xyzw)


def read_kitti(poses: Path, times: Path) -> Trajectory:
    """Poses of a KITTI poses.txt, a 3x4 matrix a line, at the seconds in times.txt. Raises TrajectoryError."""
    return kitti_poses(poses, read_times_ns(times), str(times))


def kitti_poses(poses: Path, stamps_ns: Sequence[int], times_name: str) -> Trajectory:
    """Poses of a KITTI poses.txt at given stamps; rotations, written with six digits, are made exact."""
    rows = list(read_rows(poses, TrajectoryError))
    for row in rows:
        row.require((12,), KITTI_FORM)
    if rows and len(rows) != len(stamps_ns):
        raise TrajectoryError(f"{poses}: {len(rows)} poses do not fit {len(stamps_ns)} times of {times_name}")
    matrices = _numbers(rows, 0, 12).reshape(-1, 3, 4)
    quats_xyzw = Rotation.from_matrix(matrices[:, :, :3]).as_quat() if rows else np.zeros((0, 4))
    return _trajectory(poses, rows, list(stamps_ns), matrices[:, :, 3], quats_xyzw)


def read_times_ns(path: Path) -> list[int]:
    """Stamps of a file with one time in seconds a line. Raises TrajectoryError."""
    return [row.seconds_as_ns(0) for row in read_rows(path, TrajectoryError)]


def seconds_text(stamp_ns: int) -> str:
    """Seconds with nine decimals, exact."""
    sign = "-" if stamp_ns < 0 else ""
    return f"{sign}{abs(stamp_ns) // 10**9}.{abs(stamp_ns) % 10**9:09d}"


def _numbers(rows: list[Row], start: int, stop: int) -> Float64:
    return np.array([row.numbers(start, stop) for row in rows], np.float64).reshape(-1, stop - start)


def _apart(stamps_ns: list[int]) -> list[int]:
    """Stamps in which each of the equal neighbours is a nanosecond after the one before it."""
    apart: list[int] = []
    for previous, stamp_ns in zip([None, *stamps_ns], stamps_ns):
        apart.append(apart[-1] + 1 if stamp_ns == previous else stamp_ns)
    return apart


def _trajectory(
    path: Path, rows: list[Row], stamps_ns: list[int], positions: Float64, quats_xyzw: Float64
) -> Trajectory:
    if not rows:
        raise TrajectoryError(f"{path}: holds no pose; record or export the trajectory again")
    for previous, stamp_ns, row in zip(stamps_ns, stamps_ns[1:], rows[1:]):
        if stamp_ns <= previous:
            what = "repeats" if stamp_ns == previous else "jumps back"
            raise row.wrong(f"the stamp {what}; stamps must increase, sort the file and drop repeated lines")
    for row, quat in zip(rows, quats_xyzw):
        if np.linalg.norm(quat) < 1e-6:
            raise row.wrong("the quaternion is zero; remove the line or repair the file")
    T_world_cam = np.tile(np.eye(4), (len(rows), 1, 1))
    T_world_cam[:, :3, :3] = Rotation.from_quat(quats_xyzw).as_matrix()
    T_world_cam[:, :3, 3] = positions
    return Trajectory(np.array(stamps_ns, np.int64), T_world_cam)
