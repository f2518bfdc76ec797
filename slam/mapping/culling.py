"""Keyframes that say nothing new leave, so that a map of a place does not grow with the time spent there."""

from __future__ import annotations

import numpy as np

from slam.config import MappingConfig
from slam.mapping.map import Map


def redundant_keyframe(world: Map, newest_id: int, config: MappingConfig) -> tuple[int, int] | None:
    """The id of a keyframe around the newest one that can go, and of the one that inherits what hangs on it.

    It can go when nearly all the landmarks that it shares are seen by enough others (Mur-Artal et al., "ORB-SLAM",
    T-RO 2015, section VI-E, has all its landmarks there). The first of a sub-map holds its world, and the newest ones
    are still being optimised: they stay.
    """
    if not config.redundant_observers:
        return None
    newest = world.keyframes[newest_id]
    around = [k for k, _ in world.covisible(newest.landmark_ids)]
    first_id = world.first_of(newest.submap_id)
    spared = {first_id, *sorted(around)[-config.spared_keyframes :], newest_id}
    for keyframe_id in sorted(set(around) - spared):
        if _is_redundant(world, keyframe_id, config):
            return keyframe_id, _heir(world, keyframe_id)
    return None


def _is_redundant(world: Map, keyframe_id: int, config: MappingConfig) -> bool:
    seen = world.keyframes[keyframe_id].landmark_ids
    others = world.observations[seen[seen >= 0]] - 1
    others = others[others > 0]  # what it alone sees ties it to nothing
    if len(others) == 0:
        return True
    return bool((others >= config.redundant_observers).mean() >= config.redundant_share)


def _heir(world: Map, keyframe_id: int) -> int:
    """The keyframe that shares the most landmarks with it, else the one before it in its sub-map."""
    keyframe = world.keyframes[keyframe_id]
    shared = [k for k, _ in world.covisible(keyframe.landmark_ids) if k != keyframe_id]
    if shared:
        return shared[0]
    others = [k.keyframe_id for k in world.submap(keyframe.submap_id) if k.keyframe_id != keyframe_id]
    return int(min(others, key=lambda k: (np.abs(k - keyframe_id), k)))
