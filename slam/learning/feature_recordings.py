"""Pairs of views of a recording with depth and ground-truth poses: real parallax and occlusion for the extractor."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.features import Extractor
from slam.geometry import apply, inside, invert
from slam.learning.depth_pairs import keypoint_depth, posed_frames
from slam.learning.feature_pairs import LEAST_PLACES, TRIES, ViewPair, common
from slam.learning.feature_views import MOST_KEYPOINTS, VIEW_SIZE, pixel_columns, pixel_rows
from slam.sources import open_source
from slam.types import Float32, Float64, Frame

CROPS_PER_FRAME = 2  # the whole picture made smaller, and a part of it
STRENGTH = 0.65  # of the teacher's keypoints here: nobody asked other views
OCCLUDED_SHARE = 0.03  # a place is hidden when the view's depth there is nearer by more than this


def posed_view_dtype() -> np.dtype:
    """One row: a part of a frame, scaled to VIEW_SIZE, with its depth, its pose and the teacher's keypoints."""
    width, height = VIEW_SIZE
    return np.dtype(
        [
            ("image", "u1", (height, width)),
            ("depth_m", "f4", (height, width)),  # 0 where unknown
            ("corner", "f8", (2,)),  # px of the frame at the view's outer corner
            ("scale", "f8"),  # px of the frame per px of the view
            ("T_world_cam", "f8", (4, 4)),
            ("count", "i4"),
            ("xy", "f4", (MOST_KEYPOINTS, 2)),
        ]
    )


class RecordedViews:
    """Pairs of one recording in TUM layout with depth and ground truth; its views are kept in ``cache``."""

    def __init__(self, path: Path, teacher: Extractor, cache: Path) -> None:
        source = open_source("tum", path)
        self.camera: Camera = source.rig.left
        place = zlib.crc32(str(path.resolve()).encode())
        file = cache / f"views_{path.name}_{place:08x}_{teacher.name}.npy"
        if not file.is_file():
            rng = np.random.default_rng(place)
            crops = range(CROPS_PER_FRAME)
            rows = [view_row(*posed, teacher, rng, crop) for posed in posed_frames(source) for crop in crops]
            cache.mkdir(parents=True, exist_ok=True)
            np.save(file, np.stack(rows))
        self._rows = np.load(file, mmap_mode="r")

    def pair(self, rng: np.random.Generator) -> ViewPair:
        """Two views that see some of the same; after a few vain tries any two."""
        for _ in range(TRIES):
            a, b = rng.choice(len(self._rows), 2, replace=False)
            pair = self._between(self._rows[a], self._rows[b])
            if common(pair) >= LEAST_PLACES:
                break
        return pair

    def _between(self, row_a: np.void, row_b: np.void) -> ViewPair:
        return ViewPair(
            (row_a["image"], row_b["image"]),
            (_keypoints(row_a), _keypoints(row_b)),
            (
                lambda xy: posed_places(row_b, row_a, xy, self.camera),
                lambda xy: posed_places(row_a, row_b, xy, self.camera),
            ),
        )


def view_row(
    frame: Frame, depth_m: Float32, T_world_cam: Float64, teacher: Extractor, rng: np.random.Generator, crop: int
) -> np.ndarray:
    """Crop 0 is the whole width of the frame; others are a random part, 0.5 to 1 of it wide."""
    width, height = VIEW_SIZE
    frame_height, frame_width = frame.image.shape
    scale = min(frame_width / width, frame_height / height) * (1.0 if crop == 0 else rng.uniform(0.5, 1.0))
    room = np.array([frame_width, frame_height]) - scale * np.array(VIEW_SIZE)
    corner = np.floor(room * rng.random(2))
    box = [int(corner[0]), int(corner[1]), round(scale * width), round(scale * height)]
    part = np.s_[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
    row = np.zeros((), posed_view_dtype())
    row["image"] = cv2.resize(np.ascontiguousarray(frame.image[part]), VIEW_SIZE, interpolation=cv2.INTER_AREA)
    row["depth_m"] = cv2.resize(np.ascontiguousarray(depth_m[part]), VIEW_SIZE, interpolation=cv2.INTER_NEAREST)
    row["corner"], row["scale"], row["T_world_cam"] = corner, scale, T_world_cam
    found = teacher.extract(row["image"])
    count = min(len(found), MOST_KEYPOINTS)
    row["count"] = count
    row["xy"][:count] = found.xy[:count]
    return row


def posed_places(row_b: np.void, row_a: np.void, xy: Float32, camera: Camera) -> tuple[Float64, np.ndarray]:
    """Where pixels xy (M, 2) of view a are in view b (M, 2), and whether b sees them there (M,)."""
    depth_m = keypoint_depth(xy, row_a["depth_m"]).astype(np.float64)
    raw = (xy + 0.5) * row_a["scale"] + row_a["corner"] - 0.5
    points = camera.rays(camera.undistort(raw.astype(np.float32))) * depth_m[:, None]
    points = apply(invert(row_b["T_world_cam"]) @ row_a["T_world_cam"], points)
    in_frame = camera.distort(camera.project(points))
    place = (in_frame + 0.5 - row_b["corner"]) / row_b["scale"] - 0.5
    known = np.isfinite(place).all(1) & (points[:, 2] > 0)
    at = np.where(known[:, None], place, -1e6).astype(np.float32)
    depth_b = row_b["depth_m"][pixel_rows(at), pixel_columns(at)]
    hidden = (depth_b <= 0) | (depth_b < points[:, 2] * (1 - OCCLUDED_SHARE))
    return place, known & inside(at.astype(np.float64), VIEW_SIZE, margin_px=4.0) & ~hidden


def _keypoints(row: np.void) -> Float32:
    count = int(row["count"])
    return np.column_stack([row["xy"][:count], np.full(count, STRENGTH, np.float32)])
