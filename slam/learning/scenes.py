"""Synthetic scenes: photographs on planes at different depths, seen by a moving camera.

A plane seen from elsewhere is a homography (Hartley & Zisserman, section 13.1), so the place of every point in every
view is known exactly; planes in front of others bring parallax and occlusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from slam.types import Float64, Uint8

MAX_PLANES = 4
VIEW_SIZES = ((352, 264), (352, 264), (480, 360), (448, 252), (264, 352))


@dataclass(frozen=True, eq=False)
class Plane:
    """A photograph in space."""

    image: Uint8  # (H, W)
    mask: Uint8 | None  # (H, W) 255 where the plane exists, None for everywhere: a backdrop without end
    pixel_to_world: Float64  # (3, 3): (u, v, 1) in the photograph to a point in the world


@dataclass(frozen=True, eq=False)
class View:
    """A picture of a scene, before light and noise."""

    image: Uint8  # (H, W)
    plane: Uint8  # (H, W) which plane each pixel shows
    homographies: Float64  # (MAX_PLANES, 3, 3) photograph of each plane to view; identity where there is no plane


def random_scene(photos: Sequence[Uint8], rng: np.random.Generator, copies: int = 1) -> list[Plane]:
    """A backdrop of the first photograph about 1 away, and a patch of each other one in front of it.

    The first patch appears ``copies`` times at different places; what exceeds MAX_PLANES is left out.
    """
    backdrop = Plane(photos[0], None, _placement(photos[0], 1.0, rng.uniform(0.9, 1.5), np.zeros(2), 25.0, rng))
    patches = [_random_patch(photo, rng) for photo in photos[1:MAX_PLANES]]
    if patches and copies > 1:
        patches = [*_repeated(patches[0], copies, rng), *patches[1:]]
    return [backdrop, *patches][:MAX_PLANES]


def random_view(scene: Sequence[Plane], size: tuple[int, int], rng: np.random.Generator, zoom: float = 1.0) -> View:
    """The scene in a picture of ``size`` (width, height) from a random place, ``zoom`` times enlarged."""
    K = np.array([[zoom * rng.uniform(0.8, 1.2) * size[0], 0, size[0] / 2], [0, 0, size[1] / 2], [0, 0, 1.0]])
    K[1, 1] = K[0, 0]
    R_cam_world, t_cam_world = _random_camera(rng)
    return rendered(scene, K, R_cam_world, t_cam_world, size)


def rendered(scene: Sequence[Plane], K: Float64, R: Float64, t: Float64, size: tuple[int, int]) -> View:
    """The scene through the camera K (3, 3) with p_cam = R @ p_world + t; later planes cover earlier ones."""
    homographies = np.tile(np.eye(3), (MAX_PLANES, 1, 1))
    image, label = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.uint8)
    for i, plane in enumerate(scene):
        H = K @ (R @ plane.pixel_to_world + np.outer(t, [0, 0, 1]))
        homographies[i] = H / H[2, 2]
        shown = cv2.warpPerspective(plane.image, homographies[i], size, borderMode=cv2.BORDER_REFLECT_101)
        if plane.mask is None:
            image = shown
            continue
        inside = cv2.warpPerspective(plane.mask, homographies[i], size) > 127
        image, label = np.where(inside, shown, image), np.where(inside, np.uint8(i), label)
    return View(image, label, homographies)


def _random_patch(photo: Uint8, rng: np.random.Generator) -> Plane:
    height, width = photo.shape
    corners = rng.uniform(0.08, 0.92, (6, 2)) * (width, height)
    mask = np.zeros_like(photo)
    cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 255)
    place = rng.uniform(-0.35, 0.35, 2)
    return Plane(photo, mask, _placement(photo, rng.uniform(0.5, 0.9), rng.uniform(0.5, 1.2), place, 40.0, rng))


def _repeated(patch: Plane, copies: int, rng: np.random.Generator) -> list[Plane]:
    """The same patch side by side, smaller, at about one depth and nearly parallel, as chairs or windows stand."""
    depth, span = rng.uniform(0.6, 0.95), rng.uniform(0.35, 0.7)
    across = np.linspace(-0.35, 0.35, copies) + rng.uniform(-0.06, 0.06, copies)
    planes = []
    for x in rng.permutation(across):
        place = np.array([x, rng.uniform(-0.15, 0.15)])
        pixel_to_world = _placement(patch.image, depth * rng.uniform(0.95, 1.05), span, place, 12.0, rng)
        planes.append(Plane(patch.image, patch.mask, pixel_to_world))
    return planes


def _placement(
    photo: Uint8, depth: float, span: float, place: Float64, tilt_deg: float, rng: np.random.Generator
) -> Float64:
    """A photograph ``span`` wide, centred ``place`` from the axis at ``depth``, turned by up to ``tilt_deg``."""
    height, width = photo.shape
    tilt = Rotation.from_euler("xyz", rng.uniform(-tilt_deg, tilt_deg, 3) * (1, 1, 0.4), degrees=True).as_matrix()
    pixel = span / min(width, 1.33 * height) * depth
    center = np.array([*(place * depth), depth])
    return np.column_stack(
        [tilt[:, 0] * pixel, tilt[:, 1] * pixel, center - tilt[:, :2] @ np.array([width, height]) * pixel / 2]
    )


def _random_camera(rng: np.random.Generator) -> tuple[Float64, Float64]:
    """R_cam_world and t_cam_world of a camera that stands near the origin and looks roughly along z."""
    center = rng.normal(0, (0.14, 0.1, 0.12)).clip(-0.3, 0.3)
    aim = np.array([0, 0, 1.0]) + rng.normal(0, (0.1, 0.08, 0)) - center
    yaw, pitch = np.arctan2(aim[0], aim[2]), np.arctan2(-aim[1], np.hypot(aim[0], aim[2]))
    R_cam_world = Rotation.from_euler("yxz", [yaw, pitch, _random_roll(rng)]).as_matrix().T
    return R_cam_world, -R_cam_world @ center


def _random_roll(rng: np.random.Generator) -> float:
    """Mostly nearly upright; one in five up to 25 degrees, one in twenty up to 60."""
    kind = rng.random()
    if kind < 0.75:
        return float(np.radians(rng.normal(0, 5)))
    return float(np.radians(rng.uniform(-1, 1) * (25 if kind < 0.95 else 60)))
