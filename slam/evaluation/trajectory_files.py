"""Anybody's trajectory files: TUM, KITTI and EuRoC, told apart by what is in them. KITTI's lines have no stamps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from slam.errors import TrajectoryError
from slam.text_rows import read_rows, read_text
from slam.trajectory import Trajectory, kitti_poses, read_euroc_csv, read_kitti, read_tum

FORMATS = ("tum", "kitti", "euroc")
INDEX_STEP_NS = 100_000_000  # KITTI's cameras give 10 images per second


def guessed_format(path: Path) -> str:
    """ "tum", "kitti" or "euroc", from the first row: its commas and its number of columns. Raises TrajectoryError."""
    first = next(islice(read_rows(path, TrajectoryError), 1), None)
    if first is None:
        raise TrajectoryError(f"{path}: holds no pose; record or export the trajectory again")
    if len(first.fields) == 12:
        return "kitti"
    with_commas = "," in read_text(path, TrajectoryError).splitlines()[first.line - 1]
    if with_commas and len(first.fields) >= 8:
        return "euroc"
    if len(first.fields) == 8:
        return "tum"
    raise first.wrong(f"has {len(first.fields)} columns, which no format has; tum has 8, kitti 12, euroc 8 with commas")


def read_trajectory(path: Path, format_name: str = "", times: Path | None = None) -> Trajectory:
    """A trajectory in any of FORMATS, guessed when not named. KITTI's poses get the seconds in ``times``, or their
    index times 0.1 s. EuRoC's are the body's. In TUM's format a stamp may repeat: others write such files. Raises
    TrajectoryError.
    """
    name = format_name or guessed_format(path)
    if name not in FORMATS:
        raise TrajectoryError(f"trajectory format '{name}' is not known; use one of {', '.join(FORMATS)}")
    if name == "tum":
        return read_tum(path, repeats_ok=True)
    if name == "euroc":
        return read_euroc_csv(path)
    if times is not None:
        return read_kitti(path, times)
    count = sum(1 for _ in read_rows(path, TrajectoryError))
    return kitti_poses(path, [index * INDEX_STEP_NS for index in range(count)], "their index")
