"""Light baked into the textures, once per scene: Lambert's law, soft shadows, contact shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from slam.errors import ConfigError
from slam.rendering.rays import Surfaces
from slam.rendering.scene import Patch, Scene
from slam.rendering.shapes import Face
from slam.types import Float32, Float64

SPACING_M = 0.05  # between the places where light is computed
AMBIENT_RAYS = 24
AMBIENT_REACH_M = 0.8
LIGHT_REACH_M = 7.5  # farther off a light is not seen to be missing: 1/50 of what it gives at a metre
GAMMA = 2.2


@dataclass(frozen=True, eq=False)
class Light:
    """An area light, as the points that stand for it."""

    points_world: Float64  # (S, 3)
    color: Float64  # (3,) linear, at one metre, of the whole light


@dataclass(frozen=True, eq=False)
class Lighting:
    lights: list[Light]
    ambient: Float64  # (3,) linear
    luminous: float  # brightness of windows and screens


def lighting(name: str, scene: Scene) -> Lighting:
    """The light of ``day``, ``dim`` or ``lamp`` in a scene. Raises ConfigError."""
    cool, warm = np.array([0.95, 1.0, 1.08]), np.array([1.15, 1.0, 0.78])
    windows, ceiling, lamps = scene.windows, scene.ceiling_lights, scene.lamps
    known = {
        "day": Lighting([*_lights(windows, 3.6 * cool), *_lights(ceiling, 1.9 * warm)], 0.55 * cool, 1.0),
        "dim": Lighting([*_lights(windows, 0.5 * cool), *_lights(ceiling, 0.35 * warm)], 0.13 * cool, 0.5),
        "lamp": Lighting([*_lights(lamps, 1.3 * warm), *_lights(ceiling, 0.9 * warm)], 0.22 * warm, 0.45),
    }
    if name not in known:
        raise ConfigError(f"lighting '{name}' is unknown; choose one of {', '.join(known)}")
    return known[name]


def lit(faces: list[Face], light: Lighting, occluders: Surfaces) -> list[Face]:
    """Faces with the light in their textures; ``occluders`` are the same faces."""
    grids = [_grid(face) for face in faces]
    points = np.concatenate([grid.reshape(-1, 3) for grid in grids])
    counts = [grid.shape[0] * grid.shape[1] for grid in grids]
    normals = np.repeat([face.normal_world for face in faces], counts, 0)
    two_sided = np.repeat([face.is_two_sided for face in faces], counts)
    light_at = _irradiance(points + 0.004 * normals, normals, two_sided, light, occluders)
    result, start = [], 0
    for face, grid, count in zip(faces, grids, counts):
        shade = light_at[start : start + count].reshape(grid.shape)
        result.append(_shaded(face, np.full_like(shade, light.luminous) if face.is_luminous else shade))
        start += count
    return result


def _grid(face: Face) -> Float64:
    """(rows, columns, 3) points_world at the centres of a grid over the face."""
    edges = face.edge_v_world, face.edge_u_world
    rows, columns = (max(1, int(np.ceil(np.linalg.norm(edge) / SPACING_M))) for edge in edges)
    v, u = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    return face.at(np.stack([u, v], -1))


def _irradiance(
    points: Float64, normals: Float64, two_sided: np.ndarray, light: Lighting, occluders: Surfaces
) -> Float32:
    """(N, 3) linear light: ambient times its openness, plus Lambert's cosine over squared distance per light point."""
    total = light.ambient * _openness(points, normals, occluders)[:, None]
    for source in light.lights:
        near = np.flatnonzero(np.linalg.norm(source.points_world.mean(0) - points, axis=1) < LIGHT_REACH_M)
        received = np.zeros(len(points))
        for point in source.points_world:
            way = point - points[near]
            squared = np.maximum(np.sum(way**2, -1), 0.09)
            cosine = np.sum(way * normals[near], -1) / np.sqrt(squared)
            cosine = np.where(two_sided[near], np.abs(cosine), cosine)
            faced = np.flatnonzero(cosine > 0)
            lit_there = faced[~occluders.blocked(points[near[faced]], way[faced], 0.98)]
            received[near[lit_there]] += cosine[lit_there] / (0.5 + squared[lit_there])
        total = total + source.color * (received / len(source.points_world))[:, None]
    return total.astype(np.float32)


def _openness(points: Float64, normals: Float64, occluders: Surfaces) -> Float64:
    """(N,) share of the hemisphere that is open for AMBIENT_REACH_M, weighted by the cosine (ambient occlusion)."""
    index = np.arange(AMBIENT_RAYS) + 0.5  # Fibonacci spiral: even cover of the sphere
    z, turn = 1 - 2 * index / AMBIENT_RAYS, index * np.pi * (3 - np.sqrt(5))
    sphere = np.column_stack([np.cos(turn) * np.sqrt(1 - z**2), np.sin(turn) * np.sqrt(1 - z**2), z])
    is_open = np.zeros(len(points))
    for direction in sphere:
        way = normals * 1.02 + direction  # cosine-weighted: a point on the sphere that touches the surface
        way *= AMBIENT_REACH_M / np.linalg.norm(way, axis=-1, keepdims=True)
        is_open += ~occluders.blocked(points, way, 1.0)
    return 0.25 + 0.75 * is_open / AMBIENT_RAYS


def _shaded(face: Face, light: Float32) -> Face:
    """Texture (sRGB, about gamma 2.2) times linear light, with a soft shoulder instead of clipping."""
    height, width = face.texture.shape[:2]
    smooth = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, 3)
    linear = TO_LINEAR[face.texture] * smooth
    bright = np.where(linear > 0.7, 0.7 + 0.3 * np.tanh((linear - 0.7) / 0.6), linear)
    return replace(face, texture=(255 * np.maximum(bright, 0) ** (1 / GAMMA) + 0.5).astype(np.uint8))


def _lights(patches: list[Patch], color: Float64) -> list[Light]:
    """Each patch as 12 points, 4 by 3, that share its light."""
    a, d = (np.arange(4) - 1.5) / 4, (np.arange(3) - 1.0) / 3
    shares = np.stack(np.meshgrid(a, d, indexing="ij"), -1).reshape(-1, 2)
    return [
        Light(patch.center_world + shares @ np.stack([patch.across_world, patch.down_world]), color)
        for patch in patches
    ]


TO_LINEAR = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
