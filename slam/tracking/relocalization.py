"""Finding the camera again without a guess: keyframes are tried in turn, newest first, then through the past."""

from __future__ import annotations

import numpy as np

from slam.mapping.map import Map
from slam.tracking.tracker import Tracker, TrackResult
from slam.types import Keyframe, Observation

TRIES = 5  # keyframes per frame
MIN_INLIERS = 30  # without a guess, more must agree


class Relocalizer:
    """Each lost frame tries the newest keyframes and moves on through the older ones, so that all get their turn."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._turn = 0

    def relocalize(self, observation: Observation, world: Map) -> TrackResult:
        """The first try that places the frame, or the last failure."""
        result = TrackResult(None, np.full(len(observation), -1, np.int64), "no keyframe to compare with")
        candidates = self._candidates(world)
        for batch in (candidates[:1], candidates[1:]):  # the newest mostly does; the others are matched at once
            for result in self._tracker.track_from_keyframes(observation, world, batch):
                if result.T_world_cam is not None and result.inliers >= MIN_INLIERS:
                    self._turn = 0
                    return result
        self._turn += 1
        reason = "not found again in any keyframe tried" if result.T_world_cam is not None else result.reason
        return TrackResult(None, result.landmark_ids, reason, result.matches, result.inliers)

    def _candidates(self, world: Map) -> list[Keyframe]:
        newest_first = list(reversed(world.keyframes.values()))
        recent, older = newest_first[:2], newest_first[2:]
        first = self._turn * (TRIES - 2)
        turn = [older[(first + i) % len(older)] for i in range(min(TRIES - 2, len(older)))]
        return recent + turn
