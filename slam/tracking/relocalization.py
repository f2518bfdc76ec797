"""Finding the camera again without a guess: the newest keyframe, those that look alike, and the others in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from slam.config import RelocalizationConfig
from slam.mapping.map import Map
from slam.tracking.tracker import Tracker, TrackResult
from slam.types import Keyframe, Observation

PlacesLike = Callable[[Observation, int], list[int]]  # ids of so many keyframes that look like a frame, best first


class Relocalizer:
    """Each lost frame tries a few keyframes of any sub-map; those that are tried in turn get all their turn."""

    def __init__(self, tracker: Tracker, config: RelocalizationConfig, places_like: PlacesLike) -> None:
        self._tracker, self._config, self._places_like = tracker, config, places_like
        self._turn = 0
        self._first_id = 0

    def look_from(self, keyframe_id: int) -> None:
        """Keyframes before this one are tried no more."""
        self._first_id = keyframe_id

    def relocalize(self, observation: Observation, world: Map) -> TrackResult:
        """The first try that places the frame, or the last failure."""
        result = TrackResult(None, np.full(len(observation), -1, np.int64), "no keyframe to compare with")
        candidates = self._candidates(observation, world)
        for batch in (candidates[:1], candidates[1:]):  # the first mostly does; the others are matched at once
            for result in self._tracker.track_from_keyframes(observation, world, batch):
                if result.T_world_cam is not None and result.inliers >= self._config.min_inliers:
                    self._turn = 0
                    return result
        reason = "not found again in any keyframe tried" if result.T_world_cam is not None else result.reason
        return TrackResult(None, result.landmark_ids, reason, result.matches, result.inliers)

    def _candidates(self, observation: Observation, world: Map) -> list[Keyframe]:
        if not world.keyframes:
            return []
        newest = world.last_keyframe.keyframe_id
        alike = [k for k in self._places_like(observation, self._config.tries - 1) if k != newest]
        chosen = [newest, *alike[: max(0, self._config.tries - 2)]]
        others = [k for k in reversed(world.keyframes) if k >= self._first_id and k not in chosen]
        wanted = min(self._config.tries - len(chosen), len(others))
        chosen += [others[(self._turn + i) % len(others)] for i in range(wanted)]
        self._turn += wanted
        return [world.keyframes[k] for k in chosen]
