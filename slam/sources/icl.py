"""ICL-NUIM as it comes from upstream, "TUM RGB-D compatible": rgb/N.png, depth/N.png and one *.gt.freiburg.

The trap: upstream's camera looks along z with y up, so its fy is negative (-480 px) and its axes are left-handed. The
images themselves are as a camera takes them. Mirroring y in the camera and in the world gives an ordinary camera
with fy = +480 px, and poses that are rotations again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slam.errors import SourceError, TrajectoryError
from slam.rig_file import load_rig
from slam.sources import NOMINAL_FPS, SourceOptions
from slam.sources.folder import image_files
from slam.sources.recording import Moment, Recording, choose_mode
from slam.trajectory import Trajectory, read_tum
from slam.types import Mode

MIRRORED_Y = np.diag([1.0, -1.0, 1.0, 1.0])  # p_ours = MIRRORED_Y @ p_upstream, in the camera and in the world


def open_icl(path: Path, options: SourceOptions) -> Recording:
    """A folder with rgb and depth; monocular when it has no depth. Raises SourceError and CalibrationError.

    Ground truth: exact, of the rendered camera (Handa et al., ICRA 2014); see MIRRORED_Y. Its stamps are the numbers
    of the images; a number becomes a time at 30 Hz.
    """
    if not (path / "rgb").is_dir():
        raise SourceError(f"{path}: has no folder rgb; give the folder that holds rgb and depth")
    images = image_files(path / "rgb")
    has_depth = (path / "depth").is_dir()
    mode = choose_mode("icl", options.mode, [Mode.RGBD, Mode.MONO] if has_depth else [Mode.MONO], path)
    moments = [
        Moment(_stamp_ns(_number(image)), image, path / "depth" / image.name if mode is Mode.RGBD else None)
        for image in images
    ]
    rig = options.rig or load_rig("icl_nuim")
    return Recording("icl", path, moments, rig, mode, options, _ground_truth(path))


def _number(image: Path) -> int:
    if not image.stem.isdigit():
        raise SourceError(f"{image}: ICL-NUIM images are named by their number; rename it or remove it")
    return int(image.stem)


def _stamp_ns(number: int) -> int:
    return round(number * 1e9 / NOMINAL_FPS)


def _ground_truth(path: Path) -> Trajectory | None:
    files = sorted(path.glob("*.gt.freiburg"))
    if not files:
        return None
    if len(files) > 1:
        raise SourceError(f"{path}: holds {len(files)} files *.gt.freiburg; keep the one of this sequence")
    try:
        upstream = read_tum(files[0])
    except TrajectoryError as error:
        raise SourceError(f"ground truth {error}") from error
    stamps_ns = [_stamp_ns(round(stamp_ns / 1e9)) for stamp_ns in upstream.stamps_ns.tolist()]
    return Trajectory(np.array(stamps_ns, np.int64), MIRRORED_Y @ upstream.T_world_cam @ MIRRORED_Y)
