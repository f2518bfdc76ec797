"""Random sequences of motions that a map cannot be made of, put together from pictures of the demo."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from slam.camera import Camera
from slam.config import SlamConfig
from slam.geometry import exp_se3
from slam.pipeline import Slam
from slam.sources import Source, open_source
from slam.types import Float32, Frame, Mode, Track, TrackStatus, Uint8

PICTURES = 60  # of the demo
FRAME_NS = 33_333_333
LAST_FRAMES = 34  # of a sequence, one motion: long enough to be lost for more than a second
LARGEST_TURN_DEG = 12.0
NOISE = 2.0  # grey levels, so that no two pictures are the same
Picture = tuple[Uint8, Float32]  # image and depth_m, 0 where unknown


@dataclass(frozen=True, slots=True)
class MotionRun:
    """What became of one sequence."""

    seed: int
    mode: str
    motions: tuple[str, ...]
    statuses: dict[str, int] = field(default_factory=dict)  # frames
    unanswered: int = 0  # frames without a status, or neither placed nor with a reason
    submaps: int = 0  # begun, those that were joined later too
    failure: str = ""  # an exception, or numbers that are none


def motion_runs(seeds: range) -> Iterator[MotionRun]:
    """Sequences by their seeds, with depth and without in turn."""
    for seed in seeds:
        yield motion_run(seed)


def motion_run(seed: int) -> MotionRun:
    """Three to five stretches of random motions and a long one at the end, through the whole pipeline."""
    rng = np.random.default_rng(seed)
    mode = Mode.MONO if seed % 2 else Mode.RGBD
    source, frames = _demo(mode)
    names = tuple(str(name) for name in rng.choice(list(MOTIONS), int(rng.integers(4, 7))))
    pictures = _pictures(names, source, frames, rng)
    tracks: list[Track] = []
    slam = Slam(source.rig, mode, SlamConfig())
    try:
        for index, (image, depth_m) in enumerate(pictures):
            depth = depth_m if mode.is_metric else None
            tracks.append(slam.process(Frame(index, index * FRAME_NS, image, depth_m=depth)))
        slam.finish()
    except Exception as error:  # noqa: BLE001 - whatever it is: that it comes is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return MotionRun(seed, mode.value, names, failure=f"{type(error).__name__} in {where.name}: {error}")
    statuses = Counter(track.status.value for track in tracks)
    submaps = len({track.submap_id for track in tracks if track.is_tracked})
    return MotionRun(seed, mode.value, names, dict(statuses), unanswered(tracks), submaps, _nonsense(slam, tracks))


def unanswered(tracks: Sequence[Track]) -> int:
    """Frames that say neither where the camera was nor why not."""
    return sum(not isinstance(t.status, TrackStatus) or not (t.is_tracked or t.reason) for t in tracks)


def _nonsense(slam: Slam, tracks: Sequence[Track]) -> str:
    """Where there are numbers that are none."""
    finite = {
        "a pose": all(np.isfinite(t.T_world_cam).all() for t in tracks if t.T_world_cam is not None),
        "a landmark": np.isfinite(slam.map.points_world).all(),
        "the trajectory": np.isfinite(slam.trajectory().T_world_cam).all(),
    }
    return ", ".join(f"{what} is not finite" for what, is_finite in finite.items() if not is_finite)


@cache
def _demo(mode: Mode) -> tuple[Source, list[Picture]]:
    source = open_source("demo", None, mode=mode, max_frames=PICTURES)
    return source, [(f.image, np.zeros(f.image.shape, np.float32) if f.depth_m is None else f.depth_m) for f in source]


def _pictures(names: Sequence[str], source: Source, frames: list[Picture], rng: Generator) -> Iterator[Picture]:
    for i, name in enumerate(names):
        count = LAST_FRAMES if i == len(names) - 1 else int(rng.integers(2, 14))
        for image, depth_m in MOTIONS[name](frames, source.rig.left, count, rng):
            noisy = image + rng.normal(0, NOISE, image.shape)
            yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8), depth_m


# --- the motions: each gives so many pictures ---


def still(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    return [frames[int(rng.integers(len(frames)))]] * count


def turn(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    """About the camera's own centre, there and back."""
    image, depth_m = frames[int(rng.integers(len(frames)))]
    axis = rng.normal(size=3)
    axis *= np.radians(LARGEST_TURN_DEG) / np.linalg.norm(axis)
    shares = np.sin(np.arange(count) * rng.uniform(0.05, 0.3))
    return [_turned(image, depth_m, camera, axis * share) for share in shares]


def walk(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    begin = int(rng.integers(len(frames)))
    return [frames[(begin + i) % len(frames)] for i in range(count)]


def elsewhere(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    """A walk where the camera never was: in the mirrored room."""
    walked = walk(frames, camera, count, rng)
    return [(image[:, ::-1].copy(), depth_m[:, ::-1].copy()) for image, depth_m in walked]


def jump(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    return [frames[i] for i in rng.integers(0, len(frames), count)]


def wall(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    """Before a wall without texture that comes nearer."""
    image, depth_m = frames[0]
    return [(np.full_like(image, 140), np.full_like(depth_m, 2.0 - 0.02 * i)) for i in range(count)]


def dark(frames: list[Picture], camera: Camera, count: int, rng: Generator) -> list[Picture]:
    return [(np.zeros_like(image), np.zeros_like(depth_m)) for image, depth_m in [frames[0]] * count]


MOTIONS = {"still": still, "turn": turn, "walk": walk, "elsewhere": elsewhere, "jump": jump, "wall": wall, "dark": dark}


def _turned(image: Uint8, depth_m: Float32, camera: Camera, rotation: np.ndarray) -> Picture:
    """What a camera sees that has turned and not moved; black, and without depth, where it sees beyond the picture."""
    R_turned_cam = exp_se3(np.r_[rotation, 0, 0, 0])[:3, :3]
    H = camera.K @ R_turned_cam @ np.linalg.inv(camera.K)
    rows, columns = np.indices(image.shape)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(image.shape)], 2)
    depth_turned = (depth_m * (rays @ R_turned_cam[2])).astype(np.float32)
    seen = cv2.warpPerspective(image, H, camera.image_size, flags=cv2.INTER_LINEAR)
    depth_seen = cv2.warpPerspective(depth_turned, H, camera.image_size, flags=cv2.INTER_NEAREST)
    return seen.astype(np.uint8), depth_seen.astype(np.float32)
