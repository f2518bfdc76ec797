"""The file of a place vocabulary: what turns the descriptors of one extractor into the vector of a frame."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slam.errors import WeightsError
from slam.matching.calibration import sha256_of
from slam.types import Float32

FORMAT = 1
ARRAYS = ("assign", "bias", "points", "centers", "mean", "project")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Centres that local descriptors are assigned to, and the projection of their aggregated residuals."""

    features: str  # name of the extractor
    extractor_sha256: str  # of its weights, "" for an extractor without weights
    assign: Float32  # (D, K) and
    bias: Float32  # (K,): the softmax of ``descriptors @ assign + bias`` is a point's share in each centre
    points: Float32  # (D, F) what of a descriptor is aggregated
    centers: Float32  # (K, F)
    mean: Float32  # (K * F,) of the aggregates
    project: Float32  # (K * F, dim)

    @property
    def dim(self) -> int:
        return self.project.shape[1]


def write_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write it in half precision, with the file's sha256 beside it; equal vocabularies give equal bytes."""
    about = {"format": FORMAT, "features": vocabulary.features, "extractor_sha256": vocabulary.extractor_sha256}
    arrays = {name: getattr(vocabulary, name).astype(np.float16) for name in ARRAYS}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as stream:
        np.savez(stream, about=np.array(json.dumps(about)), **arrays)
    unfinished.replace(path)
    checksum_file(path).write_text(f"{sha256_of(path)}  {path.name}\n")


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary of a file; ``<name>.sha256`` beside it, if there, must agree. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"place vocabulary {path}: no such file; check places.vocabulary")
    _check_sum(path)
    try:
        with np.load(path) as content:
            arrays = {name: content[name].astype(np.float32) for name in ARRAYS}
            about = json.loads(str(content["about"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"place vocabulary {path}: damaged or of another kind; make it again") from error
    if about.get("format") != FORMAT:
        raise WeightsError(f"place vocabulary {path}: not of format {FORMAT}; run 'slam train places' again")
    return Vocabulary(about["features"], about["extractor_sha256"], **arrays)


def checksum_file(path: Path) -> Path:
    """Where the sha256 of a vocabulary lies."""
    return path.with_name(path.name + ".sha256")


def _check_sum(path: Path) -> None:
    expected = checksum_file(path)
    if expected.is_file() and expected.read_text().split()[:1] != [sha256_of(path)]:
        raise WeightsError(f"place vocabulary {path}: its sha256 is not the one in {expected.name}; fetch both again")
