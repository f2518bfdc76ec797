"""A model in COLMAP's format, binary or text (https://colmap.github.io/format.html).

COLMAP's (0, 0) is the top-left corner of the picture, ours the centre of the top-left pixel: half a pixel between them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from slam.export.model import Model, Shot
from slam.geometry import invert, quat_xyzw_from_rotation
from slam.types import Float64, Int64

PINHOLE = 1  # COLMAP's number of the model fx, fy, cx, cy
CAMERA_ID = 1
HALF_PX = 0.5


def write_colmap(folder: Path, model: Model, ending: str, is_text: bool) -> None:
    """Write cameras, images and points3D into an existing folder; pictures are named with ``ending`` (".png")."""
    if is_text:
        (folder / "cameras.txt").write_text(_camera_text(model))
        (folder / "images.txt").write_text("".join(_image_text(shot, ending) for shot in model.shots))
        (folder / "points3D.txt").write_text("".join(_point_texts(model)))
        return
    (folder / "cameras.bin").write_bytes(_camera_bytes(model))
    images = [_image_bytes(shot, ending) for shot in model.shots]
    (folder / "images.bin").write_bytes(struct.pack("<Q", len(images)) + b"".join(images))
    points = list(_point_bytes(model))
    (folder / "points3D.bin").write_bytes(struct.pack("<Q", len(points)) + b"".join(points))


def _parameters(model: Model) -> tuple[float, float, float, float]:
    camera = model.camera
    return camera.fx, camera.fy, camera.cx + HALF_PX, camera.cy + HALF_PX


def _pose(shot: Shot) -> list[float]:
    """Quaternion wxyz and translation of world to camera, as COLMAP has them."""
    T_cam_world = invert(shot.T_world_cam)
    x, y, z, w = quat_xyzw_from_rotation(T_cam_world[:3, :3])
    return [float(value) for value in (w, x, y, z, *T_cam_world[:3, 3])]


def _camera_bytes(model: Model) -> bytes:
    size = model.camera.image_size
    return struct.pack("<QiiQQ4d", 1, CAMERA_ID, PINHOLE, *size, *_parameters(model))


def _camera_text(model: Model) -> str:
    numbers = " ".join(map(repr, _parameters(model)))
    return f"{CAMERA_ID} PINHOLE {model.camera.width} {model.camera.height} {numbers}\n"


def _image_bytes(shot: Shot, ending: str) -> bytes:
    rows = np.empty(len(shot.xy), [("x", "<f8"), ("y", "<f8"), ("point", "<i8")])
    rows["x"], rows["y"] = (shot.xy + HALF_PX).T
    rows["point"] = shot.point_index + 1
    head = struct.pack("<I7dI", shot.image_id, *_pose(shot), CAMERA_ID)
    name = f"{shot.picture_name}{ending}".encode() + b"\0"
    return head + name + struct.pack("<Q", len(rows)) + rows.tobytes()


def _image_text(shot: Shot, ending: str) -> str:
    head = f"{shot.image_id} {' '.join(map(repr, _pose(shot)))} {CAMERA_ID} {shot.picture_name}{ending}"
    seen = zip((shot.xy + HALF_PX).tolist(), (shot.point_index + 1).tolist(), strict=True)
    return f"{head}\n{' '.join(f'{x!r} {y!r} {point}' for (x, y), point in seen)}\n"


def _point_bytes(model: Model) -> Iterator[bytes]:
    for number, (point, color, error_px, track) in enumerate(_points(model), start=1):
        head = struct.pack("<Q3d3Bd", number, *point, *color, error_px)
        yield head + struct.pack("<Q", len(track)) + track.astype("<u4").tobytes()


def _point_texts(model: Model) -> Iterator[str]:
    for number, (point, color, error_px, track) in enumerate(_points(model), start=1):
        place = " ".join(repr(float(value)) for value in point)
        seen = " ".join(map(str, track.ravel().tolist()))
        yield f"{number} {place} {' '.join(map(str, color))} {float(error_px)!r} {seen}\n"


def _points(model: Model) -> Iterator[tuple[Float64, list[int], float, Int64]]:
    """Each point's place, colour, error and track: (K, 2) image id and row of the observation in that image."""
    index = np.concatenate([shot.point_index for shot in model.shots])
    images = np.concatenate([np.full(len(shot.xy), shot.image_id) for shot in model.shots])
    rows = np.concatenate([np.arange(len(shot.xy)) for shot in model.shots])
    order = np.argsort(index, kind="stable")
    seen = np.column_stack([images, rows])[order]
    ends = np.cumsum(np.bincount(index, minlength=len(model.points_world)))[:-1]
    tracks = np.split(seen, ends)
    return zip(model.points_world, model.colors.tolist(), model.point_errors_px(), tracks, strict=True)
