"""A copy of a sub-map for viewers and writers."""

from __future__ import annotations

import numpy as np

from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames
from slam.types import MapSnapshot


def map_snapshot(world: Map, placed: PlacedFrames, submap_id: int) -> MapSnapshot:
    """What one sub-map holds, and where its frames were."""
    keyframes = world.submap(submap_id)
    ids = np.array([keyframe.keyframe_id for keyframe in keyframes], np.int64)
    alive = np.flatnonzero(world.alive[: world.num_landmarks])
    alive = alive[np.isin(world.observers.first(alive), ids)]
    return MapSnapshot(
        world.points_world[alive].astype(np.float32),
        world.colors[alive],
        ids,
        np.array([keyframe.T_world_cam for keyframe in keyframes]).reshape(-1, 4, 4),
        placed.trajectory(world.keyframes, submap_id).T_world_cam[:, :3, 3],
    )
