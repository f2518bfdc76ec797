"""Where network weights come from, and their way onto this machine: by name, resumable, checked before use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from slam.datasets.download import DownloadError, Patience, Progress, fetch, file_digest
from slam.errors import WeightsError


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights at its authors' place."""

    address: str
    sha256: str | None  # None: not known to us; then names and shapes of the tensors are checked when it is loaded
    licence: str
    note: str  # one sentence to show before the download
    size_mb: float  # about


XFEAT = "https://github.com/verlab/accelerated_features/raw/main/weights/"
ALIKED = "https://github.com/Shiaoming/ALIKED/raw/main/models/"
LIGHTGLUE = "https://github.com/cvg/LightGlue/releases/download/v0.1_arxiv/"
SUPERPOINT = "https://github.com/magicleap/SuperPointPretrainedNetwork/raw/master/"
MAGIC_LEAP = (
    "Magic Leap's licence: NON-COMMERCIAL research by academic or non-profit organisations only, no redistribution"
)
MATCHER_NOTE = "LightGlue's matcher for {}, by its authors."

WEIGHTS = {
    "xfeat": WeightsFile(XFEAT + "xfeat.pt", None, "Apache-2.0", "XFeat's keypoints and descriptors.", 6.2),
    "aliked-t16": WeightsFile(
        ALIKED + "aliked-t16.pth",
        "56782336919db220144a884e710e2b6af13b3b8f8da15b915a239078ab471085",
        "BSD-3-Clause",
        "ALIKED's keypoints and descriptors, tiny.",
        0.8,
    ),
    "aliked-n16": WeightsFile(
        ALIKED + "aliked-n16.pth",
        "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
        "BSD-3-Clause",
        "ALIKED's keypoints and descriptors, normal size.",
        2.7,
    ),
    "superpoint": WeightsFile(
        SUPERPOINT + "superpoint_v1.pth",
        None,
        MAGIC_LEAP,
        "NON-COMMERCIAL: you may not use SuperPoint's weights, or what is made with them, in a product.",
        5.2,
    ),
    "superpoint-lightglue": WeightsFile(
        LIGHTGLUE + "superpoint_lightglue.pth", None, "Apache-2.0", MATCHER_NOTE.format("SuperPoint"), 47.5
    ),
    "aliked-lightglue": WeightsFile(
        LIGHTGLUE + "aliked_lightglue.pth", None, "Apache-2.0", MATCHER_NOTE.format("ALIKED-n16"), 47.6
    ),
    "xfeat-lighterglue": WeightsFile(
        XFEAT + "xfeat-lighterglue.pt",
        None,
        "Apache-2.0",
        "LighterGlue, the small matcher for XFeat, by its authors.",
        4.5,
    ),
}


def cache_folder() -> Path:
    """The user's folder of downloaded weights: $EARLYBIRD_WEIGHTS, or ~/.cache/earlybird-slam."""
    return Path(os.environ.get("EARLYBIRD_WEIGHTS") or Path.home() / ".cache" / "earlybird-slam")


def weights_file(name: str) -> WeightsFile:
    """The row of WEIGHTS. Raises WeightsError for an unknown name."""
    if name not in WEIGHTS:
        raise WeightsError(f"weights '{name}': no such name; known: {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def cached_weights(name: str) -> Path:
    """The downloaded file of a name. Raises WeightsError when it was never downloaded, and says how to."""
    path = cached_path(name)
    if not path.is_file():
        raise WeightsError(f"weights '{name}': not on this machine; run `slam download weights {name}`")
    return path


def cached_path(name: str) -> Path:
    """Where the file of a name belongs, whether it is there or not."""
    return cache_folder() / f"{name}{Path(weights_file(name).address).suffix}"


def download_weights(name: str, progress: Progress | None = None) -> Path:
    """Fetch the file of a name into the cache, unless it is there; a cut download is taken up where it ended.

    The file appears under its name only when it is whole and its sha256, where known, is right.
    Raises WeightsError: unknown name, no connection, cut connection, or another sha256 (nothing is left then).
    """
    file, path = weights_file(name), cached_path(name)
    if path.is_file() and (file.sha256 is None or file_digest(path, "sha256") == file.sha256):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fetch(file.address, path, progress, file.sha256 or "", Patience(attempts=1))
    except DownloadError as error:
        raise WeightsError(f"weights '{name}': {error}") from error
    return path
