"""How a sub-map begins: from one frame with depth, or from two that a monocular camera has moved between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slam.back_end import BackEnd
from slam.config import InitConfig
from slam.inertial.state import Inertial, NoInertial
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper, feature_colors
from slam.stopwatch import Stopwatch
from slam.tracking.initialization import MonoInitializer, TwoViewStart
from slam.tracking.placed import PlacedFrames
from slam.tracking.tracker import TrackResult
from slam.tracking.waiting import WaitingFrames
from slam.types import Frame, Keyframe, Matches, Mode, Observation


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """The keyframe that the frame became."""

    keyframe: Keyframe
    matches: Matches


class Bootstrap:
    """Begins sub-maps. Keeps the first view of a monocular camera until it has moved."""

    def __init__(
        self,
        world: Map,
        mode: Mode,
        config: InitConfig,
        initializer: MonoInitializer,
        mapper: Mapper,
        placed: PlacedFrames,
        waiting: WaitingFrames,
        inertial: Inertial | NoInertial,
        back_end: BackEnd,
    ) -> None:
        self._map, self._mode, self._config = world, mode, config
        self._initializer, self._mapper, self._placed, self._waiting = initializer, mapper, placed, waiting
        self._inertial, self._back_end = inertial, back_end

    def begin(
        self, frame: Frame, observation: Observation, watch: Stopwatch, settle: Callable[[], None]
    ) -> Begun | TrackResult:
        """A new sub-map whose newest keyframe is this frame, or why there is none yet.

        ``settle`` takes what the graph has answered, before the frame counts as placed.
        """
        if self._mode is Mode.MONO:
            return self._by_motion(frame, observation, watch, settle)
        count, nothing = int(self._mapper.mappable(observation).sum()), np.full(len(observation), -1, np.int64)
        if count < self._config.min_landmarks:
            return TrackResult(None, nothing, f"too few features with depth ({count})")
        keyframe = self._mapper.insert(self._map, frame, observation, np.eye(4), nothing, self._new_submap())
        self._back_end.certainty.hold(keyframe.keyframe_id)
        return Begun(keyframe, Matches.none())

    def forget(self) -> None:
        """The camera was lost: its first view says nothing any more."""
        self._initializer.forget()

    def _by_motion(
        self, frame: Frame, observation: Observation, watch: Stopwatch, settle: Callable[[], None]
    ) -> Begun | TrackResult:
        with watch("initialize"):
            start, reason, matches = self._initializer.start(frame, observation)
            if start is None:
                return TrackResult(None, np.full(len(observation), -1, np.int64), reason, matches)
            first_id, keyframe_id = self._two_keyframes(start, frame, observation)
            settle()
            self._back_end.recognize(first_id)
        keyframe = self._map.keyframes[keyframe_id]
        self._waiting.begin(start.waited, keyframe.landmark_ids, first_id)
        return Begun(keyframe, matches)

    def _two_keyframes(self, start: TwoViewStart, frame: Frame, observation: Observation) -> tuple[int, int]:
        """Two keyframes and the landmarks between them, handed to the graph once."""
        submap_id, nothing_a = self._new_submap(), np.full(len(start.observation_a), -1, np.int64)
        first = self._map.add_keyframe(start.frame_a.index, start.observation_a, np.eye(4), nothing_a, submap_id)
        self._back_end.certainty.hold(first.keyframe_id)
        colors = feature_colors(start.frame_a, start.observation_a)[start.index_a]
        ids = self._map.add_landmarks(first.keyframe_id, start.points_world, start.index_a, colors)
        seen = np.full(len(observation), -1, np.int64)
        seen[start.index_b] = ids
        imu = self._inertial.samples_since_keyframe(self._map, submap_id, frame.stamp_ns)
        second = self._map.add_keyframe(frame.index, observation, start.T_world_cam_b, seen, submap_id, imu)
        self._placed.add(start.frame_a.stamp_ns, np.eye(4), first)
        self._back_end.optimize(Stopwatch())
        return first.keyframe_id, second.keyframe_id

    def _new_submap(self) -> int:
        return max((keyframe.submap_id for keyframe in self._map.keyframes.values()), default=-1) + 1
