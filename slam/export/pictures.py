"""The pictures of a model's shots, read from the recording again and undistorted; depth as 16-bit millimetres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import MapError
from slam.export.model import Model
from slam.sources import Source
from slam.types import Float32, Frame, Mode, Uint8

Maps = tuple[Float32, Float32]  # (H, W) x and y px of each undistorted pixel in the picture as captured
DEPTH_UNIT_M = 0.001  # what nerfstudio expects unless told otherwise
LARGEST = 65535  # of 16 bits


@dataclass(frozen=True, slots=True)
class PictureForm:
    """How pictures are written."""

    jpeg_quality: int | None = None  # 1 to 100; None: PNG, without loss
    with_depth: bool = False

    @property
    def ending(self) -> str:
        return ".png" if self.jpeg_quality is None else ".jpg"


def write_pictures(folder: Path, model: Model, source: Source, form: PictureForm) -> None:
    """Write the picture of every shot into images/, and depth into depths/; frames are found by their stamps.

    Raises MapError when the recording lacks one of them.
    """
    names: dict[int, list[str]] = {}
    for shot in model.shots:
        names.setdefault(shot.stamp_ns, []).append(shot.picture_name)
    maps, settings = undistortion(source.rig.left), _settings(form)
    (folder / "images").mkdir()
    if form.with_depth:
        (folder / "depths").mkdir()
    for frame in frames_at(source, names):
        for name in names[frame.stamp_ns]:
            _write(folder / "images" / f"{name}{form.ending}", undistorted(frame, maps), settings)
            if form.with_depth:
                _write(folder / "depths" / f"{name}.png", _millimetres(undistorted_depth(frame, maps)), [])


def frames_at(source: Source, wanted: Mapping[int, object]) -> Iterator[Frame]:
    """The frames with these stamps. Raises MapError when the recording ends without having given all of them."""
    missing = set(wanted)
    for frame in source:
        if frame.stamp_ns in missing:
            missing.remove(frame.stamp_ns)
            yield frame
        if not missing:
            return
    raise MapError(f"{source.path}: lacks {len(missing)} pictures of the map's; give the recording it is of")


def has_depth(source: Source) -> bool:
    return source.mode is Mode.RGBD


def undistortion(camera: Camera) -> Maps | None:
    """Where each pixel of the ideal pinhole camera lies in the picture as captured; None without distortion."""
    if not camera.is_distorted:
        return None
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    xy = camera.distort(np.column_stack([x.ravel(), y.ravel()]).astype(np.float64))
    return xy[:, 0].reshape(x.shape), xy[:, 1].reshape(x.shape)


def undistorted(frame: Frame, maps: Maps | None) -> Uint8:
    """(H, W) grey or (H, W, 3) BGR."""
    image = frame.image if frame.color is None else np.asarray(frame.color[..., ::-1])
    return image if maps is None else np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


def undistorted_depth(frame: Frame, maps: Maps | None) -> Float32:
    """(H, W) metres, 0 where unknown; nothing is averaged over an edge."""
    assert frame.depth_m is not None
    return frame.depth_m if maps is None else np.asarray(cv2.remap(frame.depth_m, *maps, cv2.INTER_NEAREST))


def _millimetres(depth_m: Float32) -> np.ndarray:
    """16 bits; what lies farther than they reach is unknown."""
    raw = np.rint(depth_m / DEPTH_UNIT_M)
    return np.where(raw <= LARGEST, raw, 0).astype(np.uint16)


def _settings(form: PictureForm) -> list[int]:
    return [] if form.jpeg_quality is None else [cv2.IMWRITE_JPEG_QUALITY, form.jpeg_quality]


def _write(path: Path, image: np.ndarray, settings: list[int]) -> None:
    if not cv2.imwrite(str(path), image, settings):
        raise MapError(f"{path}: cannot be written; choose another place")
