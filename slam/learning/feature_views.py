"""Views with a teacher's keypoints, kept on disk in shards: what the extractor is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from slam.features import Extractor
from slam.geometry import inside
from slam.learning.cache import grey
from slam.learning.scenes import MAX_PLANES, random_scene, random_view
from slam.types import Float32, Float64

VIEW_SIZE = (320, 240)  # width, height
VIEWS_PER_SCENE = 4
SCENES_PER_SHARD = 100
MOST_KEYPOINTS = 400
CONFIRMED_PX = 2.0  # a teacher's keypoint found again in another view lies this close to its true place
UNCONFIRMED = 0.3  # strength of a keypoint that no other view confirms; 1 when all that see its place do
ZOOM = (0.7, 1.7)


def plane_view_dtype() -> np.dtype:
    """One row: one view of a scene of planes, with the teacher's keypoints in it."""
    width, height = VIEW_SIZE
    return np.dtype(
        [
            ("scene", "i4"),
            ("image", "u1", (height, width)),  # before light and noise
            ("plane", "u1", (height, width)),  # which plane each pixel shows
            ("homographies", "f8", (MAX_PLANES, 3, 3)),  # photograph of each plane to view
            ("count", "i4"),
            ("xy", "f4", (MOST_KEYPOINTS, 2)),
            ("strength", "f4", (MOST_KEYPOINTS,)),  # 0 to 1: how often other views confirm it
        ]
    )


def build_view_shard(
    path: Path, photos: Sequence[Path], teacher: Extractor, seed: int, scenes: int = SCENES_PER_SHARD
) -> Path:
    """Render ``scenes`` random scenes, look at every view with the teacher's eyes and write all to ``path`` (.npy)."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(scenes * VIEWS_PER_SCENE, plane_view_dtype())
    for scene in range(scenes):
        views = rows[scene * VIEWS_PER_SCENE : (scene + 1) * VIEWS_PER_SCENE]
        _render(views, photos, teacher, rng)
        views["scene"] = scene
        for row in views:
            row["strength"][: row["count"]] = _confirmed(row, views)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as stream:
        np.save(stream, rows)
    return unfinished.replace(path)


def places_in(row_b: np.void, row_a: np.void, xy: Float32) -> tuple[Float64, np.ndarray]:
    """Where pixels xy (M, 2) of view a are in view b (M, 2), and whether b sees them there (M,)."""
    plane = row_a["plane"][pixel_rows(xy), pixel_columns(xy)]
    H_b_a = row_b["homographies"] @ np.linalg.inv(row_a["homographies"])
    carried = np.einsum("nij,nj->ni", H_b_a[plane], np.column_stack([xy.astype(np.float64), np.ones(len(xy))]))
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(carried[:, 2:] > 0, carried[:, :2] / carried[:, 2:], np.nan)
    seen = inside(np.nan_to_num(place, nan=-1e6), VIEW_SIZE, margin_px=4.0)
    at = np.where(seen[:, None], place, 0.0).astype(np.float32)
    return place, seen & (row_b["plane"][pixel_rows(at), pixel_columns(at)] == plane)


def pixel_columns(xy: Float32) -> np.ndarray:
    """(M,) columns of the pixels that hold places (M, 2) of a view."""
    return np.round(xy[:, 0]).astype(np.int64).clip(0, VIEW_SIZE[0] - 1)


def pixel_rows(xy: Float32) -> np.ndarray:
    """(M,) rows of the pixels that hold places (M, 2) of a view."""
    return np.round(xy[:, 1]).astype(np.int64).clip(0, VIEW_SIZE[1] - 1)


def _render(views: np.ndarray, photos: Sequence[Path], teacher: Extractor, rng: np.random.Generator) -> None:
    in_front = int(rng.choice([0, 1, 2, 3], p=[0.3, 0.3, 0.25, 0.15]))
    scene = random_scene([grey(photos[i]) for i in rng.choice(len(photos), 1 + in_front)], rng)
    zoom = float(np.exp(rng.uniform(*np.log(ZOOM))))
    for row in views:
        view = random_view(scene, VIEW_SIZE, rng, zoom)
        row["image"], row["plane"], row["homographies"] = view.image, view.plane, view.homographies
        found = teacher.extract(view.image)
        count = min(len(found), MOST_KEYPOINTS)
        row["count"] = count
        row["xy"][:count] = found.xy[:count]


def _confirmed(row: np.void, views: np.ndarray) -> Float32:
    """(count,) strength of a view's keypoints: from UNCONFIRMED to 1 by the share of other views that agree."""
    count = int(row["count"])
    seen_by, found_by = np.zeros(count), np.zeros(count)
    for other in views:
        if other is row or not other["count"] or np.array_equal(other["homographies"], row["homographies"]):
            continue
        place, seen = places_in(other, row, row["xy"][:count])
        distance, _ = nearest_px(np.nan_to_num(place, nan=-1e6), other["xy"][: other["count"]])
        seen_by += seen
        found_by += seen & (distance < CONFIRMED_PX)
    share = np.where(seen_by > 0, found_by / np.maximum(seen_by, 1), 0.5)
    return (UNCONFIRMED + (1 - UNCONFIRMED) * share).astype(np.float32)


def nearest_px(places: Float64 | Float32, xy: Float32) -> tuple[Float64, np.ndarray]:
    """(M,) distance of each place (M, 2) to the nearest of xy (N, 2), and which that is (M,)."""
    found = cv2.BFMatcher(cv2.NORM_L2).match(places.astype(np.float32), xy)
    return np.array([match.distance for match in found]), np.array([match.trainIdx for match in found], np.int64)
