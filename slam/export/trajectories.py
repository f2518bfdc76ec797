"""Where the frames of a run were, in the formats of TUM and KITTI. A run's folder holds them without any map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from slam.errors import MapError
from slam.evaluation.run_folder import written_whole
from slam.trajectory import Trajectory, read_tum, seconds_text, write_tum

FORMATS = ("tum", "kitti")


def run_trajectory(folder: Path) -> tuple[Trajectory, int]:
    """The finished trajectory that a run left, and how many frames it was given. Raises MapError or TrajectoryError."""
    path = folder / "trajectory.txt"
    if not path.is_file():
        raise MapError(f"{folder}: has no trajectory.txt, the run did not come to its end; run it again")
    frames = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["frames"]
    return read_tum(path), int(frames)


def export_trajectory(trajectory: Trajectory, given: int, what: str, out: Path) -> str:
    """Write a trajectory to a new file, KITTI's stamps to a second one; what was written, in words. Raises MapError.

    ``given``: frames of the run, 0 where nobody knows.
    """
    paths = [out] if what == "tum" else [out, times_path(out)]
    for path in paths:
        if path.exists():
            raise MapError(f"{path}: exists already; choose another name, or remove it")
    missing = f" of {given}, the others have no pose" if given > len(trajectory) else ""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if what == "tum":
            with written_whole(out) as path:
                write_tum(path, trajectory)
            return f"{len(trajectory)} frames{missing}"
        _write_kitti(out, trajectory)
    except OSError as error:
        raise MapError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    gaps = ": a line for each, KITTI's own tools want one for every frame" if missing else ""
    return f"{len(trajectory)} frames{missing}{gaps}, their seconds in {times_path(out).name}"


def times_path(out: Path) -> Path:
    """Where the stamps of a KITTI file go."""
    return out.with_name(f"{out.stem}_times.txt")


def _write_kitti(out: Path, trajectory: Trajectory) -> None:
    """A 3x4 matrix a line, and a time a line."""
    with written_whole(out) as path:
        np.savetxt(path, trajectory.T_world_cam[:, :3].reshape(-1, 12), "%.9e")
    with written_whole(times_path(out)) as path:
        path.write_text("".join(f"{seconds_text(stamp_ns)}\n" for stamp_ns in trajectory.stamps_ns.tolist()))
