"""After a loop: landmarks that were mapped twice become one, in the keyframes on both of its sides."""

from __future__ import annotations

import numpy as np

from slam.camera import Camera
from slam.config import SlamConfig, TrackingConfig
from slam.loops.verification import FoundLoop
from slam.mapping.map import Map
from slam.tracking.local_map import guided_search, local_landmarks, visible
from slam.types import Int64

NEIGHBOURS = 6  # keyframes around the loop's newer end that are searched for the older landmarks
OLDER_KEYFRAMES = 12  # whose landmarks are searched for


def fuse_found(world: Map, found: FoundLoop, camera: Camera, config: SlamConfig) -> int:
    """How many landmarks were fused around a loop that the map believes by now."""
    alive = np.where(world.alive[found.landmark_ids], found.landmark_ids, -1)
    alive[found.landmark_ids < 0] = -1
    bound_px = 2.0 * config.mapping.max_reprojection_px
    return fuse_around(world, found.loop.keyframe_b, alive, camera, config.tracking, bound_px)


def fuse_around(
    world: Map, keyframe_id: int, older_ids: Int64, camera: Camera, config: TrackingConfig, max_px: float
) -> int:
    """How many landmarks were fused. ``older_ids`` (N,): what the keyframe's features show of the older map.

    The poses on both sides must agree already.
    """
    before = world.num_alive
    neighbours = [k for k, _ in world.covisible(world.keyframes[keyframe_id].landmark_ids)][: NEIGHBOURS + 1]
    see_instead(world, keyframe_id, np.flatnonzero(older_ids >= 0), older_ids[older_ids >= 0])
    nearby = local_landmarks(world, older_ids[older_ids >= 0], OLDER_KEYFRAMES)
    for neighbour_id in neighbours:
        nearby = nearby[world.alive[nearby]]
        index, found = _shown(world, neighbour_id, nearby, camera, config, max_px)
        see_instead(world, neighbour_id, index, found)
    return before - world.num_alive


def see_instead(world: Map, keyframe_id: int, index: Int64, landmark_ids: Int64) -> None:
    """Features ``index`` (M,) of a keyframe show landmarks (M,): those they were thought to show turn out to be these.

    Where the keyframe shows the landmark by another feature, or one of the two is fused already, nothing changes.
    """
    seen = world.keyframes[keyframe_id].landmark_ids
    fresh = ~np.isin(landmark_ids, seen)
    index, landmark_ids = index[fresh], landmark_ids[fresh]
    own = seen[index]
    free = own < 0
    world.associate(keyframe_id, index[free], landmark_ids[free])
    world.fuse(landmark_ids[~free], own[~free])


def _shown(
    world: Map, keyframe_id: int, landmark_ids: Int64, camera: Camera, config: TrackingConfig, max_px: float
) -> tuple[Int64, Int64]:
    """Features (K,) of a keyframe, and the landmarks (K,) that project onto them and look like them."""
    keyframe = world.keyframes[keyframe_id]
    view = visible(world, landmark_ids, keyframe.T_world_cam, camera, 0.0)
    untaken = np.full(len(keyframe.landmark_ids), -1, np.int64)
    index, found = guided_search(world, view, keyframe.observation, untaken, config)
    off = view.xy[np.searchsorted(view.landmark_ids, found)] - keyframe.observation.features.xy[index]
    near = np.linalg.norm(off, axis=1) < max_px
    return index[near], found[near]
