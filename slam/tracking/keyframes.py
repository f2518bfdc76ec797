"""When a frame is worth keeping."""

from __future__ import annotations

import numpy as np

from slam.config import KeyframeConfig
from slam.mapping.map import Map
from slam.tracking.tracker import TrackResult
from slam.types import Bool, Keyframe


class KeyframeChoice:
    """Decides from what the frame still sees of the reference keyframe, and what new it could add."""

    def __init__(self, config: KeyframeConfig) -> None:
        self._config = config

    def wanted(
        self,
        result: TrackResult,
        mappable: Bool,
        frame_index: int,
        reference: Keyframe,
        last: Keyframe,
        world: Map,
        is_due: bool = False,
    ) -> bool:
        """Whether to keep a tracked frame. ``mappable`` (N,) says which features have usable depth of their own.

        ``is_due``: whether a camera that moves has waited long enough, before ``max_frames`` are over.
        """
        age = frame_index - last.frame_index
        if age < self._config.min_frames:
            return False
        if result.inliers < self._config.min_tracked:
            return True
        if result.inliers < self._config.tracked_share * _well_seen(reference, world):
            return True
        new_share = float((mappable & (result.landmark_ids < 0)).mean())
        if new_share > self._config.new_share and age >= 2 * self._config.min_frames:
            return True
        return (is_due or age >= self._config.max_frames) and _moved(result, reference, world)


def _well_seen(keyframe: Keyframe, world: Map) -> int:
    """Landmarks of a keyframe that another keyframe confirms; all of them while it is the only one."""
    ids = keyframe.landmark_ids[keyframe.landmark_ids >= 0]
    confirmed = int((world.observations[ids] >= 2).sum())
    return confirmed if len(world.keyframes) > 1 else len(ids)


def _moved(result: TrackResult, reference: Keyframe, world: Map) -> bool:
    """Whether the camera left its reference by more than 2 % of the scene's depth: a still camera adds nothing."""
    assert result.T_world_cam is not None
    center = result.T_world_cam[:3, 3]
    ids = result.landmark_ids[result.landmark_ids >= 0]
    depth = float(np.median(np.linalg.norm(world.points_world[ids] - center, axis=1)))
    return bool(np.linalg.norm(center - reference.T_world_cam[:3, 3]) > 0.02 * depth)
