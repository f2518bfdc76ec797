"""A copy of a sub-map for viewers and writers, and how much memory a map takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slam.mapping.map import LANDMARK_COLUMNS, Map
from slam.tracking.placed import PlacedFrames
from slam.types import Keyframe, MapSnapshot


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


def map_bytes(world: Map) -> int:
    """Memory that keyframes and landmarks take, rows of dead landmarks too; what Python adds around it not."""
    columns = sum(getattr(world, name)[: world.num_landmarks].nbytes for name in LANDMARK_COLUMNS)
    return columns + sum(_keyframe_bytes(keyframe) for keyframe in world.keyframes.values())


def _keyframe_bytes(keyframe: Keyframe) -> int:
    seen, imu = keyframe.observation, keyframe.imu
    arrays: list[NDArray[Any]] = [keyframe.landmark_ids, keyframe.T_world_cam, seen.xy_raw, seen.depth_m, seen.right_x]
    arrays += [seen.features.xy, seen.features.scores, seen.features.descriptors]
    arrays += [] if imu is None else [imu.stamps_ns, imu.gyro_rad_s, imu.accel_m_s2]
    return sum(array.nbytes for array in arrays)
