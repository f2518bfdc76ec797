"""Training pairs from recordings with depth and ground-truth poses, real or rendered."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from slam.camera import Camera
from slam.config import FeatureConfig
from slam.errors import SourceError
from slam.features import Extractor, make_extractor
from slam.geometry import apply, inside, invert
from slam.learning.pairs import Pair, no_prediction
from slam.sources import Source, open_source
from slam.sources.stamps import associate
from slam.types import Features, Float32, Float64, Frame

POSE_WITHIN_NS = 20_000_000  # most time between a frame and its ground-truth pose
EDGE_SHARE = 0.05  # depth that differs by more than this inside 3x3 px belongs to an edge and is not trusted
LEAST_OVERLAP = 0.15  # share of a's points of known depth that fall into b
TRIES = 8


def posed_dtype(descriptor_dim: int, max_keypoints: int) -> np.dtype:
    """One row: one frame with the depth of its keypoints and its pose."""
    return np.dtype(
        [
            ("count", "i4"),
            ("T_world_cam", "f8", (4, 4)),
            ("xy", "f4", (max_keypoints, 2)),  # undistorted
            ("depth_m", "f4", (max_keypoints,)),  # NaN where unknown
            ("descriptors", "f2", (max_keypoints, descriptor_dim)),
        ]
    )


class RecordingPairs:
    """Pairs of one recording in TUM layout with depth and ground truth; its features are kept in ``cache``."""

    def __init__(self, path: Path, features: FeatureConfig, cache: Path) -> None:
        source = open_source("tum", path)
        self.camera: Camera = source.rig.left
        place = zlib.crc32(str(path.resolve()).encode())
        file = cache / f"recording_{path.name}_{place:08x}_{features.name}_{features.max_keypoints}.npy"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, posed_rows(source, make_extractor(features), features.max_keypoints))
        self._rows = np.load(file, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._rows)

    def pair(self, rng: np.random.Generator) -> Pair:
        """Two frames that see some of the same; after a few vain tries any two frames."""
        return self._drawn(rng, lambda share: share >= LEAST_OVERLAP)

    def apart(self, rng: np.random.Generator) -> Pair:
        """Two frames that see nothing of the same, if there are any: what looks alike is something else."""
        return self._drawn(rng, lambda share: share == 0.0)

    def _drawn(self, rng: np.random.Generator, wanted: Callable[[float], bool]) -> Pair:
        for _ in range(TRIES):
            a, b = rng.choice(len(self._rows), 2, replace=False)
            pair = self.between(int(a), int(b))
            if wanted(overlap(pair)):
                break
        return pair

    def between(self, a: int, b: int) -> Pair:
        """The pair of two frames by position."""
        return posed_pair(self._rows[a], self._rows[b], self.camera)


def overlap(pair: Pair) -> float:
    """Share of a's points of known depth that fall into b."""
    known = np.isfinite(pair.a_in_b).all(1)
    return float(inside(pair.a_in_b[known], pair.size_b).mean()) if known.any() else 0.0


def posed_rows(source: Source, extractor: Extractor, max_keypoints: int) -> np.ndarray:
    """Features, depths and poses of all frames that have a pose. Raises SourceError as ``posed_frames`` does."""
    return np.stack(
        [
            _row(extractor.extract(frame.image), depth_m, T_world_cam, source.rig.left, max_keypoints)
            for frame, depth_m, T_world_cam in posed_frames(source)
        ]
    )


def posed_frames(source: Source) -> Iterator[tuple[Frame, Float32, Float64]]:
    """Every frame that has both, with its depth (H, W) and T_world_cam (4, 4).

    Raises SourceError without ground truth, and in the end when fewer than two frames had both.
    """
    poses, count = source.ground_truth, 0
    if poses is None:
        raise SourceError(f"{source.path}: has no ground truth; training needs groundtruth.txt")
    stamps_ns = poses.stamps_ns.tolist()
    for frame in source:
        pose = associate([frame.stamp_ns], stamps_ns, POSE_WITHIN_NS).get(0)
        if pose is not None and frame.depth_m is not None:
            count += 1
            yield frame, frame.depth_m, poses.T_world_cam[pose]
    if count < 2:
        raise SourceError(f"{source.path}: fewer than two frames with depth and a pose; give another recording")


def keypoint_depth(xy_raw: Float32, depth_m: Float32) -> Float32:
    """(N,) z-depth at pixels as captured, NaN where it is unknown or at an edge."""
    height, width = depth_m.shape
    column, line = np.round(xy_raw).astype(int).T
    steps = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 2)
    columns = (column[:, None] + steps[:, 0]).clip(0, width - 1)
    lines = (line[:, None] + steps[:, 1]).clip(0, height - 1)
    around = np.where(depth_m[lines, columns] > 0, depth_m[lines, columns], np.nan)
    middle = around[:, 4]
    return np.where(np.abs(around - middle[:, None]).max(1) <= EDGE_SHARE * middle, middle, np.nan).astype(np.float32)


def posed_pair(row_a: np.void, row_b: np.void, camera: Camera) -> Pair:
    """The pair of two cached frames of one camera."""
    m, n = int(row_a["count"]), int(row_b["count"])
    xy_a, xy_b = row_a["xy"][:m].copy(), row_b["xy"][:n].copy()
    return Pair(
        xy_a,
        row_a["descriptors"][:m].astype(np.float32),
        camera.image_size,
        xy_b,
        row_b["descriptors"][:n].astype(np.float32),
        camera.image_size,
        reprojected(xy_a, row_a["depth_m"][:m], row_a["T_world_cam"], row_b["T_world_cam"], camera),
        reprojected(xy_b, row_b["depth_m"][:n], row_b["T_world_cam"], row_a["T_world_cam"], camera),
        xy_a,
        no_prediction(m),
    )


def reprojected(xy: Float32, depth_m: Float32, T_world_a: Float64, T_world_b: Float64, camera: Camera) -> Float64:
    """(N, 2) where pixels (N, 2) of camera a are in camera b; NaN without depth or behind b."""
    points_a = camera.rays(xy) * depth_m[:, None].astype(np.float64)
    return camera.project(apply(invert(T_world_b) @ T_world_a, points_a))


def _row(found: Features, depth_m: Float32, T_world_cam: Float64, camera: Camera, max_keypoints: int) -> np.ndarray:
    n = len(found)
    row = np.zeros((), posed_dtype(found.descriptors.shape[1], max_keypoints))
    row["count"], row["T_world_cam"] = n, T_world_cam
    row["xy"][:n] = camera.undistort(found.xy)
    row["depth_m"][:n] = keypoint_depth(found.xy, depth_m)
    row["descriptors"][:n] = found.descriptors
    return row
