"""Features of random views of random scenes, kept on disk in shards, so that training never extracts."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from slam.config import FeatureConfig
from slam.errors import SourceError
from slam.features import Extractor, make_extractor
from slam.learning.photometric import disturbed
from slam.learning.scenes import MAX_PLANES, VIEW_SIZES, random_scene, random_view
from slam.types import Uint8

VIEWS_PER_SCENE = 4
SCENES_PER_SHARD = 400
REPEATED = 0.2  # share of scenes that hold the same object two or three times


def view_dtype(descriptor_dim: int, max_keypoints: int) -> np.dtype:
    """One row of a shard: one view, its keypoints strongest first, unused rows zero."""
    return np.dtype(
        [
            ("scene", "i4"),
            ("size", "i4", (2,)),  # width, height
            ("count", "i4"),
            ("homographies", "f8", (MAX_PLANES, 3, 3)),  # photograph of each plane to view
            ("xy", "f4", (max_keypoints, 2)),
            ("plane", "u1", (max_keypoints,)),
            ("descriptors", "f2", (max_keypoints, descriptor_dim)),
        ]
    )


def photographs(images: Path, unpack_to: Path) -> dict[str, list[Path]]:
    """Files of the splits "train" and "val" of a folder or tar of photographs.

    A manifest.csv with columns ``file`` and ``split`` decides; without one, every twentieth file is "val", from the
    first on. Raises SourceError when a split has none.
    """
    folder = _unpacked(images, unpack_to) if images.is_file() else images
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not files:
        raise SourceError(f"images {images}: no .jpg or .png in it; give a folder or a tar of photographs")
    held_out = _validation_names(folder, files)
    splits = {
        "train": [p for p in files if p.name not in held_out],
        "val": [p for p in files if p.name in held_out],
    }
    for split, members in splits.items():
        if not members:
            raise SourceError(f"images {images}: none for the split '{split}'; add photographs or mend manifest.csv")
    return splits


def build_shard(
    path: Path, photos: Sequence[Path], features: FeatureConfig, seed: int, scenes: int = SCENES_PER_SHARD
) -> Path:
    """Render ``scenes`` random scenes, extract features from every view and write them to ``path`` (.npy)."""
    rng = np.random.default_rng(seed)
    extractor = make_extractor(features)
    rows = np.zeros(scenes * VIEWS_PER_SCENE, view_dtype(extractor.descriptor_dim, features.max_keypoints))
    for scene_id in range(scenes):
        first = scene_id * VIEWS_PER_SCENE
        _fill_scene(rows[first : first + VIEWS_PER_SCENE], scene_id, photos, extractor, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as stream:
        np.save(stream, rows)
    return unfinished.replace(path)


def _fill_scene(
    rows: np.ndarray, scene_id: int, photos: Sequence[Path], extractor: Extractor, rng: np.random.Generator
) -> None:
    in_front = int(rng.choice([0, 1, 2, 3], p=[0.35, 0.25, 0.25, 0.15]))
    copies = int(rng.integers(2, 4)) if rng.random() < REPEATED else 1
    chosen = rng.choice(len(photos), 1 + max(in_front, copies > 1))
    scene = random_scene([grey(photos[i]) for i in chosen], rng, copies)
    size = VIEW_SIZES[rng.integers(len(VIEW_SIZES))]
    for row in rows:
        view = random_view(scene, size, rng)
        found = extractor.extract(disturbed(view.image, rng))
        n = len(found)
        column, line = np.round(found.xy).astype(int).clip(0, np.array(size) - 1).T
        row["scene"], row["size"], row["count"], row["homographies"] = scene_id, size, n, view.homographies
        row["xy"][:n], row["plane"][:n] = found.xy, view.plane[line, column]
        row["descriptors"][:n] = found.descriptors


def grey(path: Path) -> Uint8:
    """The (H, W) picture of a file. Raises SourceError when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SourceError(f"image {path}: cannot be read; delete it or replace it")
    return image.astype(np.uint8, copy=False)


def _unpacked(archive: Path, folder: Path) -> Path:
    if not folder.is_dir():
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    return folder


def _validation_names(folder: Path, files: Sequence[Path]) -> set[str]:
    manifest = next(iter(sorted(folder.rglob("manifest.csv"))), None)
    if manifest is None:
        return {p.name for p in files[::20]}
    with manifest.open(newline="") as stream:
        return {row["file"] for row in csv.DictReader(stream) if row["split"] == "val"}
