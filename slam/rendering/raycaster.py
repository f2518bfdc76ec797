"""Exact pictures of a scene: colour, z-depth and surface of every pixel, by Open3D's RaycastingScene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from slam.camera import Camera
from slam.rendering.atlas import pack
from slam.rendering.lighting import lighting, lit
from slam.rendering.rays import Surfaces
from slam.rendering.scene import Scene
from slam.rendering.shapes import Face
from slam.types import Float32, Float64, Int64

SUB_PIXELS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
NO_FACE = -1
CHUNK = 16384  # cv2.remap takes fewer than 32768 rows


@dataclass(frozen=True, eq=False)
class View:
    """One noise-free picture."""

    color: Float32  # (H, W, 3) RGB, 0 .. 255
    depth_m: Float32  # (H, W) z-depth of the pixel's centre, inf where nothing is hit
    cosine: Float32  # (H, W) between the viewing ray and the surface's normal, 0 = grazing
    face: Int64  # (H, W) index of the face seen, -1 for none


class Raycaster:
    """Renders a scene. ``world`` is the scene's frame (z up); a pose T_world_cam looks along its z axis."""

    def __init__(self, scene: Scene, light: str = "day") -> None:
        self._surfaces, self._face_of_triangle = _triangulated(scene.faces)
        faces = lit(scene.faces, lighting(light, scene), self._surfaces)
        self._atlas = pack([face.texture for face in faces])
        self._texel_of_point = np.stack([_texel_of_point(f, c) for f, c in zip(faces, self._atlas.corners_px)])
        self._density = np.array([_texels_per_metre(face) for face in faces], np.float32)
        self._normals = np.array([face.normal_world for face in faces], np.float32)

    def render(self, T_world_cam: Float64, camera: Camera) -> View:
        """The picture of an ideal pinhole camera; edges are anti-aliased with four rays a pixel."""
        rays = _pixel_rays(camera)
        view = self._cast(T_world_cam, rays, camera.fx)
        ys, xs = np.nonzero(_edges(view.face))
        shifts: Float32 = (np.array(SUB_PIXELS) / (camera.fx, camera.fy)).astype(np.float32)
        color = view.color.copy()
        for start in range(0, len(ys), CHUNK):
            part = ys[start : start + CHUNK], xs[start : start + CHUNK]
            finer = np.repeat(rays[part][:, None], len(shifts), 1)
            finer[..., :2] += shifts
            color[part] = self._cast(T_world_cam, finer, camera.fx).color.mean(1)
        return replace(view, color=color)

    def _cast(self, T_world_cam: Float64, rays_cam: Float32, fx: float) -> View:
        """What rays (h, w, 3) with z = 1 hit: then the ray's parameter is the z-depth."""
        directions = rays_cam @ T_world_cam[:3, :3].T.astype(np.float32)
        center = T_world_cam[:3, 3].astype(np.float32)
        depth, triangle = self._surfaces.first_hit(center, directions)
        seen = np.isfinite(depth)
        face = np.where(seen, self._face_of_triangle[triangle], NO_FACE)
        z = np.where(seen, depth, np.float32(1.0))
        points = center + directions * z[..., None]
        length = np.linalg.norm(rays_cam, axis=-1)
        cosine = np.abs(np.einsum("hwi,hwi->hw", directions, self._normals[face])) / length
        texel = self._texel_of_point[face]
        xy = np.einsum("hwij,hwj->hwi", texel[..., :3], points) + texel[..., 3]
        footprint = self._density[face] * z / fx * length / np.maximum(cosine, 0.06) ** 0.8
        color = self._atlas.lookup(xy.astype(np.float32), footprint.astype(np.float32))
        return View(color * seen[..., None], depth, cosine, face)


def surfaces_of(scene: Scene) -> Surfaces:
    """The scene's exact shape alone."""
    return _triangulated(scene.faces)[0]


def _triangulated(faces: list[Face]) -> tuple[Surfaces, Int64]:
    """The triangles of all faces, as fans, and the face of each triangle."""
    corners, triangles, owners, start = [], [], [], 0
    for i, face in enumerate(faces):
        outline = face.at(face.outline())
        fan = np.arange(1, len(outline) - 1)
        corners.append(outline)
        triangles.append(start + np.column_stack([np.zeros_like(fan), fan, fan + 1]))
        owners.append(np.full(len(fan), i))
        start += len(outline)
    return Surfaces(np.concatenate(corners), np.concatenate(triangles)), np.concatenate(owners)


def _texel_of_point(face: Face, corner_px: Float64) -> Float32:
    """(2, 4) affine map from a point_world on the face to its position in the atlas."""
    height, width = face.texture.shape[:2]
    edges = np.column_stack([face.edge_u_world, face.edge_v_world])
    linear = np.array([[width], [height]]) * np.linalg.pinv(edges)
    offset = corner_px - 0.5 - linear @ face.origin_world
    return np.column_stack([linear, offset]).astype(np.float32)


def _texels_per_metre(face: Face) -> float:
    height, width = face.texture.shape[:2]
    return max(width / float(np.linalg.norm(face.edge_u_world)), height / float(np.linalg.norm(face.edge_v_world)))


def _pixel_rays(camera: Camera) -> Float32:
    """(H, W, 3) with z = 1."""
    x = (np.arange(camera.width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx)
    y = (np.arange(camera.height, dtype=np.float32) - np.float32(camera.cy)) / np.float32(camera.fy)
    x_grid, y_grid = np.meshgrid(x, y)
    return np.stack([x_grid, y_grid, np.ones_like(x_grid)], -1)


def _edges(face: Int64) -> np.ndarray:
    """(H, W) pixels with another face beside them."""
    ids = face.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    return cv2.dilate(ids, kernel) != cv2.erode(ids, kernel)
