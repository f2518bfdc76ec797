"""Image files as arrays. A file that is missing, cut short or of the wrong kind raises SourceError."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from slam.camera import Rig
from slam.errors import SourceError
from slam.types import Float32, Uint8

PNG_START, PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
TAIL_BYTES = 64  # some writers add a few bytes after the end mark


def read_image(path: Path, as_stored: bool = False) -> tuple[Uint8, Uint8 | None]:
    """Grey image (H, W) and, if the file has colour, RGB (H, W, 3).

    as_stored: pixels in the file's own order, as COLMAP reads them, whatever its EXIF data says of turning them.
    """
    turning = cv2.IMREAD_IGNORE_ORIENTATION if as_stored else 0
    image = _decoded(path, cv2.IMREAD_ANYCOLOR | turning)
    return (image, None) if image.ndim == 2 else split_bgr(image)


def split_bgr(image: NDArray) -> tuple[Uint8, Uint8]:
    """Grey (H, W) and RGB (H, W, 3) of OpenCV's BGR."""
    grey, color = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(grey, np.uint8), np.asarray(color, np.uint8)


def read_depth(path: Path, rig: Rig) -> Float32:
    """Depth in metres (H, W) float32 of a 16-bit image, 0 where the rig calls it unknown."""
    raw = _decoded(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2 or raw.dtype != np.uint16:
        raise SourceError(f"{path}: depth must be a 16-bit image of one channel, got {raw.dtype} {raw.shape}")
    depth_m = raw.astype(np.float32) / np.float32(rig.depth_factor)
    for value in rig.depth_invalid:
        depth_m[raw == value] = 0.0
    return depth_m


def read_float_depth(path: Path) -> Float32:
    """Depth in metres (H, W) float32 of a PNG whose four bytes a pixel are a little-endian float, as OpenCV orders
    them (tartanairpy, reader.py); 0 where it is not finite or not positive.
    """
    raw = _decoded(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 3 or raw.shape[2] != 4 or raw.dtype != np.uint8:
        raise SourceError(f"{path}: depth must be an 8-bit image of four channels, got {raw.dtype} {raw.shape}")
    depth_m = np.ascontiguousarray(raw).view("<f4")[:, :, 0].astype(np.float32)
    depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = 0.0
    return depth_m


def _decoded(path: Path, flags: int) -> NDArray:
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise SourceError(f"{path}: cannot be read ({cause.strerror}); restore the file") from cause
    if _is_cut_short(data):
        raise SourceError(f"{path}: the image is empty or cut short; copy the file again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise SourceError(f"{path}: is not a readable image; copy the file again")
    return image


def _is_cut_short(data: bytes) -> bool:
    """Decoders fill what is missing of a PNG or JPEG with grey and say nothing, so the end mark is looked for."""
    if data.startswith(PNG_START):
        return PNG_END not in data[-TAIL_BYTES:]
    if data.startswith(JPEG_START):
        return JPEG_END not in data.rstrip(b"\0")[-TAIL_BYTES:]
    return not data
