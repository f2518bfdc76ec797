"""Depth of all frames, fused into a coloured mesh: a truncated signed distance field on a grid of voxels.

Curless and Levoy, "A Volumetric Method for Building Complex Models from Range Images" (SIGGRAPH 1996), by Open3D's
VoxelBlockGrid. It cuts pixel positions down to whole numbers, so that its camera counts from the corner of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slam.camera import Camera
from slam.errors import ConfigError, MapError, MissingExtraError
from slam.evaluation.run_folder import written_whole
from slam.export.colmap import HALF_PX
from slam.export.folder import check_camera
from slam.export.map_export import Part, frames_of_run
from slam.export.model import ideal
from slam.export.pictures import Maps, frames_at, has_depth, undistorted, undistorted_depth, undistortion
from slam.geometry import invert
from slam.mapfile.contents import LoadedMap
from slam.sources import Source
from slam.types import Float32, Float64, Frame

ENDINGS = (".ply", ".obj", ".stl", ".off", ".gltf", ".glb")  # that Open3D writes
TRUNCATION_VOXELS = 4.0
BLOCK = 16  # voxels a side
BLOCKS = 2000  # to begin with, 164 MB; the grid grows by itself
VIEWS = 3  # a surface is seen in at least so many frames, where there are that many


@dataclass(frozen=True, slots=True)
class Grid:
    """How fine the mesh is, and how far it reaches."""

    voxel_m: float = 0.01
    max_depth_m: float = 4.0  # noise of depth cameras grows with the square of the distance


def export_mesh(loaded: LoadedMap, out: Path, part: Part, source: Source, grid: Grid, every: int) -> str:
    """Fuse every so-manieth frame that has a pose (0: all); what was written, in words.

    Raises MapError, ConfigError, or MissingExtraError without Open3D.
    """
    open3d = _open3d()
    check_camera(loaded, source)
    if not has_depth(source):
        raise MapError(f"{source.path}: has no depth in mode {source.mode.value}; a mesh needs an RGB-D recording")
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{out}: the ending says the format; use one of {', '.join(ENDINGS)}")
    if out.exists():
        raise MapError(f"{out}: exists already; choose another name, or remove it")
    _, frames = frames_of_run(loaded, part)
    step = slice(None, None, every or 1)
    poses = dict(zip(frames.stamps_ns[step].tolist(), frames.T_world_cam[step], strict=True))
    mesh = fused(open3d, source, poses, grid)
    if mesh is None or not len(mesh.triangles):
        raise MapError(f"no surface within {grid.max_depth_m:g} m; raise --max-depth, or change --voxel")
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(out) as path:
        if not open3d.io.write_triangle_mesh(str(path), mesh):
            raise MapError(f"{out}: cannot be written; choose another place")
    return f"{len(mesh.vertices)} vertices, {len(mesh.triangles)} triangles of {len(poses)} frames"


def fused(open3d: Any, source: Source, poses: dict[int, Float64], grid: Grid) -> Any:
    """Open3D's triangle mesh in our world, from the frames with these stamps; None where none has depth in reach.

    Raises MapError when one is missing.
    """
    if not (grid.voxel_m > 0 and grid.max_depth_m > 0):
        raise ConfigError("--voxel and --max-depth must be above 0 m")
    core, image = open3d.core, open3d.t.geometry.Image
    kinds = ("tsdf", "weight", "color"), (core.float32,) * 3, ((1,), (1,), (3,))
    volume = open3d.t.geometry.VoxelBlockGrid(*kinds, grid.voxel_m, BLOCK, BLOCKS)
    maps = undistortion(source.rig.left)
    K_corner = core.Tensor(_from_corner(ideal(source.rig.left)))
    is_empty = True
    reach = 1.0, grid.max_depth_m, TRUNCATION_VOXELS
    for frame in frames_at(source, poses):
        depth_m = np.ascontiguousarray(undistorted_depth(frame, maps), np.float32)
        if not _is_within(depth_m, grid.max_depth_m):
            continue
        is_empty = False
        T_cam_world = core.Tensor(invert(poses[frame.stamp_ns]))
        color, depth = image(core.Tensor(_rgb(frame, maps))), image(core.Tensor(depth_m))
        blocks = volume.compute_unique_block_coordinates(depth, K_corner, T_cam_world, *reach)
        volume.integrate(blocks, depth, color, K_corner, T_cam_world, *reach)
    if is_empty:
        return None
    mesh = volume.extract_triangle_mesh(min(VIEWS, len(poses)) - 1.0).to_legacy()
    colors = np.clip(np.asarray(mesh.vertex_colors), 0.0, 1.0)  # rounding leaves some outside, which Open3D warns of
    mesh.vertex_colors = open3d.utility.Vector3dVector(colors)
    return mesh


def _is_within(depth_m: Float32, max_depth_m: float) -> bool:
    """Whether Open3D, which looks at every fourth pixel for where voxels are needed, finds any depth."""
    looked_at = depth_m[::4, ::4]
    return bool(np.any((looked_at > 0) & (looked_at < max_depth_m)))


def _from_corner(camera: Camera) -> Float64:
    K = camera.K.copy()
    K[:2, 2] += HALF_PX
    return K


def _rgb(frame: Frame, maps: Maps | None) -> Float32:
    """(H, W, 3) 0 to 1, grey three times where there is no colour."""
    image = undistorted(frame, maps)
    rgb = np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image[..., ::-1]
    return np.ascontiguousarray(rgb, np.float32) / np.float32(255.0)


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise MissingExtraError(
            "a mesh needs Open3D, which is not installed: pip install 'earlybird-slam[viewer]'"
        ) from error
    return open3d
