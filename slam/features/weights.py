"""Where network weights come from, and their way onto this machine: by name, resumable, checked before use."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slam.errors import WeightsError

CHUNK = 1 << 18  # bytes read at a time
TIMEOUT_S = 30.0
RANGE_NOT_SATISFIABLE = 416

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0 when the server does not say)


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
    if path.is_file() and not _is_wrong(path, file.sha256):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _fetch(name, file.address, part, progress or (lambda done, total: None))
    if _is_wrong(part, file.sha256):
        part.unlink()
        raise WeightsError(f"weights '{name}': {file.address} sent another file (sha256 differs); nothing was kept")
    part.replace(path)
    return path


def _fetch(name: str, address: str, part: Path, progress: Progress) -> None:
    """Append to ``part`` what it lacks of the file at ``address``."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            have = have if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            total = _append(answer, part, have, progress)
    except urllib.error.HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE and have:
            return  # the part is the whole file already; its sum decides
        raise WeightsError(f"weights '{name}': {address} answered {error.code} {error.reason}; try later") from error
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"weights '{name}': no connection to {address} ({error}); run it again to go on") from error
    if part.stat().st_size < total:
        raise WeightsError(f"weights '{name}': the connection was cut; run it again to go on where it ended")


def _append(answer: http.client.HTTPResponse, part: Path, have: int, progress: Progress) -> int:
    """Write the answer behind the first ``have`` bytes; returns the file's full size, 0 when unknown."""
    length = int(answer.headers.get("Content-Length") or 0)
    total = have + length if length else 0
    with part.open("ab" if have else "wb") as target:
        while chunk := answer.read(CHUNK):
            target.write(chunk)
            have += len(chunk)
            progress(have, total)
    return total


def _is_wrong(path: Path, sha256: str | None) -> bool:
    return sha256 is not None and _sha256(path) != sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
