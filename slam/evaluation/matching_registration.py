"""Depth brought to the colour camera where a recording left that undone, so that it can judge matches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slam.camera import Camera, Rig
from slam.types import Float32

COLOR_FOCAL_PX = {"sevenscenes": 525.0}  # rig -> focal length of the colour camera, the rig's own being the depth's


def color_view(rig: Rig, depth_m: Float32) -> tuple[Camera, Float32]:
    """The camera of the pictures, and the depth (H, W) as it sees it; 0 where it sees none.

    7-Scenes gives a Kinect's colour and depth side by side, unregistered: with 585 px for both, true matches 15 frames
    apart miss their places by more than 3 px three times in four, with 525 px for colour (the Kinect's nominal value,
    and the best of 515 to 585 on that recording) less than half of the time. The baseline of 2.5 cm hardly matters.
    """
    if rig.name not in COLOR_FOCAL_PX:
        return rig.left, depth_m
    focal = COLOR_FOCAL_PX[rig.name]
    color = replace(rig.left, fx=focal, fy=focal)
    return color, registered(depth_m, rig.left, color)


def registered(depth_m: Float32, seen_by: Camera, camera: Camera) -> Float32:
    """Depth (H, W) of one pinhole in another at the same place: every pixel moved, the nearer of two kept."""
    line, column = np.nonzero(depth_m > 0)
    z = depth_m[line, column]
    places = camera.project(seen_by.rays(np.column_stack([column, line]).astype(np.float64)) * z[:, None])
    x, y = np.round(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
    moved = np.full(depth_m.shape, np.inf, np.float32)
    np.minimum.at(moved, (y[inside], x[inside]), z[inside])
    return np.where(np.isfinite(moved), moved, 0).astype(np.float32)
