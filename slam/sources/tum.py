"""The TUM RGB-D layout: rgb.txt, depth.txt and groundtruth.txt, each a list of ``seconds file`` or ``seconds pose``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from slam.camera import Rig
from slam.errors import SourceError, TrajectoryError
from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.recording import Moment, Recording, choose_mode
from slam.sources.stamps import associate
from slam.text_rows import read_rows
from slam.trajectory import Trajectory, read_tum
from slam.types import Mode

ASSOCIATION_NS = 20_000_000  # most time between an image and its depth, as in the TUM benchmark's tools
RIGS_BY_NAME = {
    r"(freiburg|fr)1(?![0-9])": "tum_fr1",
    r"(freiburg|fr)2(?![0-9])": "tum_fr2",
    r"(freiburg|fr)3(?![0-9])": "tum_fr3",
    r"(seven|7)[-_]?scenes": "sevenscenes",
}


def open_tum(path: Path, options: SourceOptions) -> Recording:
    """A folder in TUM layout; monocular when it has no depth. Raises SourceError and CalibrationError."""
    if not path.is_dir():
        raise SourceError(f"{path}: is not a folder; give the folder that holds rgb.txt")
    moments = _moments(path)
    has_depth = any(moment.depth for moment in moments)
    mode = choose_mode("tum", options.mode, [Mode.RGBD, Mode.MONO] if has_depth else [Mode.MONO], path)
    if mode is Mode.MONO:
        moments = [replace(moment, depth=None, flaw="") for moment in moments]
    return Recording("tum", path, moments, _rig(path, options), mode, options, _ground_truth(path / "groundtruth.txt"))


def _moments(path: Path) -> list[Moment]:
    rgb, depth, pairs = path / "rgb.txt", path / "depth.txt", path / "associations.txt"
    if pairs.is_file() and not (rgb.is_file() and depth.is_file()):
        return _associated_moments(pairs)
    if not rgb.is_file():
        raise SourceError(f"{path}: has no rgb.txt; give the folder of one TUM sequence, as it was unpacked")
    images = _listed(rgb)
    if not depth.is_file():
        return [Moment(stamp_ns, file) for stamp_ns, file in images]
    depths = _listed(depth)
    partner = associate([stamp for stamp, _ in images], [stamp for stamp, _ in depths], ASSOCIATION_NS)
    if images and not partner:
        raise SourceError(f"{depth}: no depth within 0.02 s of an image of {rgb}; both lists must use one clock")
    return [
        Moment(stamp_ns, file, depths[partner[i]][1])
        if i in partner
        else Moment(stamp_ns, file, flaw=f"{file}: no depth image within 0.02 s")
        for i, (stamp_ns, file) in enumerate(images)
    ]


def _associated_moments(path: Path) -> list[Moment]:
    moments = []
    for row in read_rows(path, SourceError):
        row.require((4,), "seconds rgb/file seconds depth/file")
        moments.append(Moment(row.seconds_as_ns(0), path.parent / row.fields[1], path.parent / row.fields[3]))
    return moments


def _listed(path: Path) -> list[tuple[int, Path]]:
    files = []
    for row in read_rows(path, SourceError):
        row.require((2,), "seconds folder/file")
        files.append((row.seconds_as_ns(0), path.parent / row.fields[1]))
    if not files:
        raise SourceError(f"{path}: lists no image; check that the recording was copied completely")
    return files


def _rig(path: Path, options: SourceOptions) -> Rig:
    """The rig asked for, else the recording's own rig.toml, else the one its folder's name tells."""
    if options.rig is not None:
        return options.rig
    if (path / "rig.toml").is_file():
        return load_rig(path / "rig.toml")
    for pattern, name in RIGS_BY_NAME.items():
        if re.search(pattern, path.resolve().name.lower()):
            return load_rig(name)
    raise SourceError(f"{path}: the camera is unknown; name it with --rig (tum_fr1, FILE.toml) or --intrinsics")


def _ground_truth(path: Path) -> Trajectory | None:
    if not path.is_file():
        return None
    try:
        return read_tum(path, repeats_ok=True)
    except TrajectoryError as error:
        raise SourceError(f"ground truth {error}") from error
