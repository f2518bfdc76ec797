"""Features and matches in the HDF5 layout of hloc (github.com/cvg/Hierarchical-Localization). The home of h5py.

Keypoints have (0, 0) in the centre of the top-left pixel, as everywhere here: hloc adds the half pixel that COLMAP
counts from the corner when it imports them. hloc rounds them to float16, half a pixel at 1024; here they stay float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.errors import MissingExtraError, SourceError
from slam.pairs.pair_list import Pair, pair_key
from slam.types import Features, Matches

if TYPE_CHECKING:
    import h5py

SETTINGS = "earlybird"  # attribute of the file: what its content was made with
MOST_KEYPOINTS = int(np.iinfo(np.int16).max)  # matches0 is int16
UNCERTAINTY_PX = 1.0  # attribute of keypoints that hloc's refinements read
FEATURE_SETS = ("keypoints", "descriptors", "scores", "image_size")
MATCH_SETS = ("matches0", "matching_scores0")


def require_h5py() -> None:
    """Raises MissingExtraError without h5py."""
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("files of hloc need h5py; pip install 'earlybird-slam[hloc]'") from error


@contextmanager
def opened(path: Path, settings: str) -> Iterator[h5py.File]:
    """A file to add to, made when it is missing, that holds results of these settings and no others.

    Raises SourceError for a file that is damaged, cannot be written, or was made with other settings.
    """
    import h5py

    if path.is_file() and not h5py.is_hdf5(path):
        raise SourceError(f"{path}: is no HDF5 file, or was cut short; delete it, or name another")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = h5py.File(path, "a")
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened to write ({error}); delete it, or name another") from error
    with file:
        made_with = file.attrs.setdefault(SETTINGS, settings) if not len(file) else file.attrs.get(SETTINGS, "")
        if made_with != settings:
            raise SourceError(
                f"{path}: was made with other settings ({made_with or 'by another program'}; now {settings}); "
                "delete it, or name another"
            )
        yield file


def has_features(file: h5py.File, name: str) -> bool:
    return _is_whole(file, name, FEATURE_SETS)


def has_matches(file: h5py.File, pair: Pair) -> bool:
    """Whether a pair is there, either way round."""
    return any(_is_whole(file, pair_key(*names), MATCH_SETS) for names in (pair, pair[::-1]))


def rounded(features: Features) -> Features:
    """What a features file keeps of them: descriptors and scores of float16, as hloc has them."""
    scores, descriptors = (
        values.astype(np.float16).astype(np.float32) for values in (features.scores, features.descriptors)
    )
    return Features(features.xy, scores, descriptors, features.image_size)


def write_features(file: h5py.File, name: str, features: Features) -> None:
    """keypoints (N, 2) float32, descriptors (D, N) float16, scores (N,) float16, image_size (2,)."""
    group = _write(
        file,
        name,
        {
            "keypoints": features.xy,
            "descriptors": features.descriptors.T.astype(np.float16),
            "scores": features.scores.astype(np.float16),
            "image_size": np.array(features.image_size),
        },
    )
    group["keypoints"].attrs["uncertainty"] = UNCERTAINTY_PX


def read_features(file: h5py.File, name: str) -> Features:
    """What ``write_features`` wrote."""
    group = file[name]
    xy, scores, descriptors = (group[key][()].astype(np.float32) for key in ("keypoints", "scores", "descriptors"))
    width, height = group["image_size"][()].tolist()
    return Features(xy, scores, np.ascontiguousarray(descriptors.T), (width, height))


def write_matches(file: h5py.File, pair: Pair, matches: Matches, points: int) -> None:
    """matches0 (N,) int16, the point of the second image or -1, and matching_scores0 (N,) float16, 0 without one.

    points: N, of the first image.
    """
    matches0, scores = np.full(points, -1, np.int16), np.zeros(points, np.float16)
    matches0[matches.index_a] = matches.index_b
    scores[matches.index_a] = matches.confidence
    _write(file, pair_key(*pair), dict(zip(MATCH_SETS, (matches0, scores), strict=True)))


def _write(file: h5py.File, key: str, values: Mapping[str, Any]) -> h5py.Group:
    if key in file:
        del file[key]
    group = file.create_group(key)
    for name, value in values.items():
        group.create_dataset(name, data=value)
    return group


def _is_whole(file: h5py.File, key: str, names: tuple[str, ...]) -> bool:
    return key in file and all(name in file[key] for name in names)
