"""Frames from before a monocular map, placed in it one after another when there is time."""

from __future__ import annotations

import numpy as np

from slam.geometry import similar
from slam.mapping.map import Map
from slam.stopwatch import Stopwatch
from slam.tracking.tracker import Tracker
from slam.types import Float64, Frame, Int64, Observation


class WaitingFrames:
    """They enter the final trajectory only, so nobody waits for them."""

    def __init__(self) -> None:
        self._frames: list[tuple[Frame, Observation]] = []
        self._T_world_cam = np.eye(4)  # of the one before
        self.first_keyframe_id = -1  # of the map they waited for
        self._seen_ids: Int64 = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._frames)

    def begin(self, frames: list[tuple[Frame, Observation]], seen_ids: Int64, first_keyframe_id: int) -> None:
        """The frames that follow the first keyframe; ``seen_ids``: landmarks of the one that ended the wait."""
        self.first_keyframe_id = first_keyframe_id
        self._frames, self._T_world_cam, self._seen_ids = list(frames), np.eye(4), seen_ids

    def moved(self, T_new_old: Float64, scale: float) -> None:
        """The world they wait for became another: ``p_new = scale * R_new_old @ p_old + t_new_old``."""
        self._T_world_cam = similar(T_new_old, scale, self._T_world_cam)

    def place_next(self, tracker: Tracker, world: Map) -> tuple[int, Float64] | None:
        """Stamp and T_world_cam of the first frame that still waits, None where it cannot be located."""
        frame, observation = self._frames.pop(0)
        result = tracker.track(observation, world, self._T_world_cam, self._seen_ids, Stopwatch())
        if result.T_world_cam is None:
            return None
        self._T_world_cam = result.T_world_cam
        return frame.stamp_ns, result.T_world_cam
