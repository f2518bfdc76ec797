"""The KITTI odometry layout: image_0, image_1 (rectified), calib.txt, times.txt and poses.txt.

Upstream keeps the poses apart: sequences/NN beside poses/NN.txt. They are found there too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.camera import Camera, Rig
from slam.errors import CalibrationError, SourceError, TrajectoryError
from slam.geometry import transform
from slam.sources import SourceOptions
from slam.sources.folder import image_files
from slam.sources.images import read_image
from slam.sources.recording import Moment, Recording, choose_mode
from slam.text_rows import read_rows
from slam.trajectory import Trajectory, kitti_poses, read_times_ns
from slam.types import Float64, Mode

NOMINAL_HZ = 10  # of a recording without times.txt


def open_kitti(path: Path, options: SourceOptions) -> Recording:
    """A folder in KITTI layout; monocular when it has no image_1. Raises SourceError and CalibrationError."""
    if not (path / "image_0").is_dir():
        raise SourceError(f"{path}: has no folder image_0; give the folder of one KITTI odometry sequence")
    has_right = (path / "image_1").is_dir()
    mode = choose_mode("kitti", options.mode, [Mode.STEREO, Mode.MONO] if has_right else [Mode.MONO], path)
    images = image_files(path / "image_0")
    stamps_ns = _stamps_ns(path / "times.txt", images)
    rig = options.rig or _rig(path / "calib.txt", images, mode)
    if mode is Mode.STEREO and rig.T_left_right is None:
        raise CalibrationError(f"rig {rig.name}: stereo needs [right] with T_left_right; or run with --mode mono")
    moments = [
        Moment(stamps_ns[i], image, right=path / "image_1" / image.name if mode is Mode.STEREO else None)
        for i, image in _numbered(images, stamps_ns)
    ]
    return Recording("kitti", path, moments, rig, mode, options, _ground_truth(path, stamps_ns))


def _stamps_ns(times: Path, images: list[Path]) -> list[int]:
    if not times.is_file():
        return [i * 10**9 // NOMINAL_HZ for i in range(_last_number(images) + 1)]
    try:
        return read_times_ns(times)
    except TrajectoryError as error:
        raise SourceError(str(error)) from error


def _numbered(images: list[Path], stamps_ns: list[int]) -> list[tuple[int, Path]]:
    """Images with the line of their time. A gap in the numbers is a missing file, and stays in the list."""
    if len(images) == len(stamps_ns):
        return list(enumerate(images))
    last = _last_number(images)
    if last >= len(stamps_ns):
        raise SourceError(f"{images[-1]}: has no time; times.txt has only {len(stamps_ns)} lines")
    first = images[0]
    return [(i, first.with_name(f"{i:0{len(first.stem)}d}{first.suffix}")) for i in range(_number(first), last + 1)]


def _last_number(images: list[Path]) -> int:
    return _number(images[-1])


def _number(image: Path) -> int:
    if not image.stem.isdigit():
        raise SourceError(f"{image}: KITTI images are named by their number; rename it or remove it")
    return int(image.stem)


def _rig(calib: Path, images: list[Path], mode: Mode) -> Rig:
    """From the projection matrices P0 and P1 of the rectified cameras."""
    if not calib.is_file():
        raise SourceError(f"{calib}: is missing; copy it from the data set or name the camera with --rig")
    matrices = _projections(calib)
    if "P0" not in matrices or (mode is Mode.STEREO and "P1" not in matrices):
        raise CalibrationError(f"{calib}: lines 'P0:' and 'P1:' with 12 numbers each are needed")
    P0 = matrices["P0"]
    height, width = read_image(images[0])[0].shape
    left = Camera(width, height, float(P0[0, 0]), float(P0[1, 1]), float(P0[0, 2]), float(P0[1, 2]))
    if mode is Mode.MONO:
        return Rig("kitti", left)
    baseline_m = (P0[0, 3] - matrices["P1"][0, 3]) / P0[0, 0]
    if not baseline_m > 0:
        raise CalibrationError(f"{calib}: P1 must lie to the right of P0, the baseline is {baseline_m:.3f} m")
    return Rig("kitti", left, left, transform(np.eye(3), np.array([baseline_m, 0.0, 0.0])))


def _projections(calib: Path) -> dict[str, Float64]:
    matrices = {}
    for row in read_rows(calib, CalibrationError):
        if row.fields[0] in ("P0:", "P1:"):
            row.require((13,), "P0: and 12 numbers")
            matrices[row.fields[0][:2]] = np.array(row.numbers(1, 13)).reshape(3, 4)
    return matrices


def _ground_truth(path: Path, stamps_ns: list[int]) -> Trajectory | None:
    sequence = path.resolve()
    upstream = sequence.parents[1] / "poses" / f"{sequence.name}.txt" if sequence.parent.name == "sequences" else None
    poses = upstream if upstream and upstream.is_file() and not (path / "poses.txt").is_file() else path / "poses.txt"
    if not poses.is_file():
        return None
    try:
        return kitti_poses(poses, stamps_ns, "times.txt")
    except TrajectoryError as error:
        raise SourceError(f"ground truth {error}") from error
