"""The pairs of pictures that matchers are compared on, before anybody has looked for keypoints in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import SourceError
from slam.evaluation.matching_registration import color_view
from slam.geometry import invert
from slam.learning.depth_pairs import POSE_WITHIN_NS
from slam.sources import Source, open_source
from slam.sources.stamps import associate
from slam.types import Float32, Float64, Frame, Mode, Uint8

OXFORD = "eval_pairs/oxford_affine"
ROOM = "sequences/sevenscenes_300"
ROOM_GAPS = (5, 15, 30, 60)  # frames
RENDERED_GAPS = (10, 25)  # frames
MOST_PAIRS = 40  # of a recording and gap
STRANGERS = (  # of ROOM: other places
    ("tum", "sequences/tum_fr1_10", Mode.RGBD),
    ("euroc", "sequences/euroc_v101_moving_90", Mode.MONO),
    ("kitti", "sequences/kitti_stereo_30", Mode.STEREO),
)
STRANGER_PAIRS = 10  # of two places


@dataclass(frozen=True, eq=False)
class Picture:
    """One image and what is known of it."""

    name: str
    image: Uint8  # (H, W) as captured
    camera: Camera | None = None  # None: nothing known, nothing undistorted
    depth_m: Float32 | None = None  # (H, W), 0 where unknown
    T_world_cam: Float64 | None = None  # (4, 4)


@dataclass(frozen=True, eq=False)
class PicturePair:
    """Two pictures and the truth between them: a homography, a pose and depth, or that they have nothing in common."""

    name: str
    a: Picture
    b: Picture
    H_b_a: Float64 | None = None  # (3, 3)

    @property
    def T_b_a(self) -> Float64 | None:
        """(4, 4), None where the poses are not known in one world."""
        if self.a.T_world_cam is None or self.b.T_world_cam is None:
            return None
        return invert(self.b.T_world_cam) @ self.a.T_world_cam


def homography_set(data: Path) -> list[PicturePair]:
    """img1 against every other image of each folder of Oxford affine (Mikolajczyk & Schmid). Raises SourceError."""
    files = sorted((data / OXFORD).glob("*/H1to*p"))
    if not files:
        raise SourceError(f"{data}: has no {OXFORD} with H1toNp files; give the folder that holds eval_pairs")
    pictures: dict[Path, Picture] = {}
    return [_homography_pair(file, pictures) for file in files]


def posed_sets(source: Source, gaps: Sequence[int], most: int = MOST_PAIRS) -> dict[int, list[PicturePair]]:
    """Per gap at most ``most`` pairs of frames i and i + gap, spread over an RGB-D recording.

    The first frames of all gaps are the same ones. Raises SourceError when a gap has no pair with depth and pose.
    """
    last = len(source) - max(gaps)
    starts = np.unique(np.linspace(0, last - 1, most).astype(int)).tolist() if last > 0 else []
    pictures = posed_pictures(source, {i + step for i in starts for step in (0, *gaps)})
    return {gap: _pairs_apart(source, pictures, starts, gap) for gap in gaps}


def _pairs_apart(source: Source, pictures: dict[int, Picture], starts: list[int], gap: int) -> list[PicturePair]:
    both = [(pictures[i], pictures[i + gap]) for i in starts if i in pictures and i + gap in pictures]
    if not both:
        raise SourceError(f"{source.path}: has no two frames {gap} apart with depth and pose; give a longer recording")
    return [PicturePair(f"{a.name} {b.name}", a, b) for a, b in both]


def posed_pictures(source: Source, indices: set[int]) -> dict[int, Picture]:
    """The frames of these indices that have depth and a ground-truth pose."""
    truth, found = source.ground_truth, {}
    for frame in source:
        if frame.index not in indices or frame.depth_m is None or truth is None:
            continue
        pose = associate([frame.stamp_ns], truth.stamps_ns.tolist(), POSE_WITHIN_NS).get(0)
        if pose is not None:
            found[frame.index] = _picture(source, frame, truth.T_world_cam[pose])
    return found


def stranger_set(data: Path, rendered: Sequence[Path]) -> list[PicturePair]:
    """Pictures of different places, which nothing can connect: 7-Scenes, TUM, EuRoC, KITTI and rendered rooms."""
    rooms = spread_pictures(open_source("tum", data / ROOM))
    sources = [open_source(name, data / path, mode=mode) for name, path, mode in STRANGERS if (data / path).is_dir()]
    sources += [open_source("tum", path) for path in rendered]
    others = [spread_pictures(source) for source in sources]
    doubles = [(rooms, other) for other in others]
    doubles += list(zip(others[-len(rendered) :], others[len(others) - len(rendered) + 1 :])) if rendered else []
    return [PicturePair(f"{a.name} {b.name}", a, b) for first, second in doubles for a, b in zip(first, second)]


def spread_pictures(source: Source, count: int = STRANGER_PAIRS) -> list[Picture]:
    """Frames spread over a recording, pose and depth left out."""
    wanted = set(np.linspace(0, len(source) - 1, count).astype(int).tolist())
    return [Picture(_name(source, f), f.image, source.rig.left) for f in source if f.index in wanted]


def _homography_pair(file: Path, pictures: dict[Path, Picture]) -> PicturePair:
    folder, number = file.parent, file.name.removeprefix("H1to").removesuffix("p")
    for path in (folder / "img1.png", folder / f"img{number}.png"):
        if path not in pictures:
            pictures[path] = Picture(f"{folder.name}/{path.stem}", _grey(path))
    a, b = pictures[folder / "img1.png"], pictures[folder / f"img{number}.png"]
    try:
        H_b_a = np.loadtxt(file).reshape(3, 3)
    except ValueError as error:
        raise SourceError(f"{file}: must hold the nine numbers of a homography; copy the file again") from error
    return PicturePair(f"{a.name} {b.name}", a, b, H_b_a)


def _picture(source: Source, frame: Frame, T_world_cam: Float64) -> Picture:
    assert frame.depth_m is not None
    camera, depth_m = color_view(source.rig, frame.depth_m)
    return Picture(_name(source, frame), frame.image, camera, depth_m, T_world_cam)


def _name(source: Source, frame: Frame) -> str:
    return f"{source.path.name}/{frame.index}"


def _grey(path: Path) -> Uint8:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SourceError(f"image {path}: cannot be read; copy the file again")
    return np.asarray(image, np.uint8)
