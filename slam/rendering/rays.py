"""The door to Open3D, opened on the first render only."""

from __future__ import annotations

from typing import Any

import numpy as np

from slam.errors import MissingExtraError
from slam.types import Bool, Float32, Float64, Int64


class Surfaces:
    """Triangles that rays can hit."""

    def __init__(self, corners_world: Float64, triangles: Int64) -> None:
        """Corners (N, 3), triangles (M, 3) of indices into them. Raises MissingExtraError without Open3D."""
        self._open3d = _open3d()
        self._scene = self._open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(self._tensor(corners_world, np.float32), self._tensor(triangles, np.uint32))

    def first_hit(self, center_world: Float32, directions_world: Float32) -> tuple[Float32, Int64]:
        """Ray parameter (h, w), inf for none, and triangle (h, w) of the first hit; directions (h, w, 3)."""
        rays = np.concatenate([np.broadcast_to(center_world, directions_world.shape), directions_world], -1)
        hit = self._scene.cast_rays(self._tensor(rays, np.float32))
        depth = hit["t_hit"].numpy()
        return depth, np.where(np.isfinite(depth), hit["primitive_ids"].numpy(), 0).astype(np.int64)

    def blocked(self, points_world: Float64, ways_world: Float64, end: float) -> Bool:
        """(N,) whether anything stands between each point and ``end`` times its way (N, 3)."""
        rays = np.concatenate([points_world, ways_world], 1)
        return self._scene.test_occlusions(self._tensor(rays, np.float32), 0.002, end).numpy()

    def distance(self, points_world: Float64) -> Float32:
        """(N,) m from each point (N, 3) to the nearest surface."""
        return self._scene.compute_distance(self._tensor(points_world, np.float32)).numpy()

    def _tensor(self, array: np.ndarray, dtype: type) -> Any:
        return self._open3d.core.Tensor(np.ascontiguousarray(array, dtype))


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise MissingExtraError(
            "rendering needs Open3D, which is not installed: pip install 'earlybird-slam[viewer]'"
        ) from error
    return open3d
