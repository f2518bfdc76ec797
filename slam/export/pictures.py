"""The pictures of a model's shots, read from the recording again and undistorted, without loss."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import MapError
from slam.export.model import Model
from slam.sources import Source
from slam.types import Float32, Frame, Uint8

ENDING = ".png"


def write_pictures(folder: Path, model: Model, source: Source) -> None:
    """Write the picture of every shot into an existing folder; frames are found by their stamps.

    Raises MapError when the recording lacks one of them.
    """
    wanted = {shot.stamp_ns: shot.picture_name for shot in model.shots}
    maps = undistortion(source.rig.left)
    for frame in source:
        if frame.stamp_ns in wanted:
            _write(folder / f"{wanted.pop(frame.stamp_ns)}{ENDING}", undistorted(frame, maps))
        if not wanted:
            return
    raise MapError(f"{source.path}: lacks {len(wanted)} pictures of the map's; give the recording it is of")


def undistortion(camera: Camera) -> tuple[Float32, Float32] | None:
    """Where each pixel of the ideal pinhole camera lies in the picture as captured, x and y (H, W).

    None without distortion.
    """
    if not camera.is_distorted:
        return None
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    xy = camera.distort(np.column_stack([x.ravel(), y.ravel()]).astype(np.float64))
    return xy[:, 0].reshape(x.shape), xy[:, 1].reshape(x.shape)


def undistorted(frame: Frame, maps: tuple[Float32, Float32] | None) -> Uint8:
    """(H, W) grey or (H, W, 3) BGR."""
    image = frame.image if frame.color is None else np.asarray(frame.color[..., ::-1])
    return image if maps is None else np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


def _write(path: Path, image: Uint8) -> None:
    if not cv2.imwrite(str(path), image):
        raise MapError(f"{path}: cannot be written; choose another place")
