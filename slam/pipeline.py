"""The whole SLAM loop on one page: read ``Slam.process`` from top to bottom, everything else is found from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slam.back_end import BackEnd
from slam.camera import Camera, Rig
from slam.config import SlamConfig
from slam.features import make_extractor
from slam.graph import Graph, InlineGraph
from slam.inertial.state import make_inertial
from slam.loops.recognition import Recognition
from slam.mapfile.contents import LoadedMap
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper
from slam.mapping.snapshot import map_snapshot
from slam.matching import make_matcher
from slam.matching.video import video_matcher
from slam.stopwatch import Stopwatch
from slam.tracking.bootstrap import Bootstrap
from slam.tracking.deadline import Deadline
from slam.tracking.initialization import MonoInitializer
from slam.tracking.keyframes import KeyframeChoice
from slam.tracking.observe import Observer
from slam.tracking.placed import PlacedFrames
from slam.tracking.relocalization import Relocalizer
from slam.tracking.tracker import Tracker, TrackResult
from slam.tracking.waiting import WaitingFrames
from slam.trajectory import Trajectory
from slam.types import Frame, Int64, Keyframe, MapSnapshot, Mode, Observation, Track, TrackStatus

DEFAULTS = SlamConfig()


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A frame whose pose is known."""

    watch: Stopwatch
    to_keep: tuple[Frame, Observation, TrackResult] | None  # what its keyframe is to be made of


class Slam:
    """Visual SLAM on a stream of frames. Synchronous; give it a Graph of another process to optimise beside it.

    ``fps``: the rate to hold by leaving the matcher earlier, 0 for none; only with it do answers depend on time.
    ``restored``: a map to go on with; the camera is lost in it at first. ``grows``: whether keyframes are made.
    """

    def __init__(
        self,
        rig: Rig | Camera,
        mode: Mode = Mode.MONO,
        config: SlamConfig = DEFAULTS,
        graph: Graph | None = None,
        fps: float = 0.0,
        restored: LoadedMap | None = None,
        grows: bool = True,
    ) -> None:
        rig = Rig("camera", rig) if isinstance(rig, Camera) else rig
        config = config.for_mode(mode)
        self.rig, self.mode, self.config = rig, mode, config
        self.observer = Observer(rig, mode, config.features)
        self.matcher = make_matcher(config.matcher, config.features.name)
        self.map = Map(make_extractor(config.features).descriptor_dim) if restored is None else restored.world
        self._grows = grows
        self.deadline = Deadline(fps)
        self.video = video_matcher(self.matcher, config, mode, lambda: self.deadline.left_ms)
        self.inertial = make_inertial(rig, mode, config)
        self._motion = self.inertial.motion
        self._tracker = Tracker(rig, self.video, config.tracking, config.graph.sigma_disparity_px)
        self._keyframes = KeyframeChoice(config.keyframes)
        self._mapper = Mapper(rig, mode, self.matcher, config.mapping, config.tracking)
        self._placed, self._waiting = PlacedFrames() if restored is None else restored.placed(), WaitingFrames()
        recognition = Recognition(self.map, self._tracker, config, mode)
        for keyframe in self.map.keyframes.values():
            recognition.remember(keyframe)
        self.inertial.remember(self.map)
        self._relocalizer = Relocalizer(self._tracker, config.relocalization, recognition.places_like)
        self._graph = graph if graph is not None else InlineGraph()
        self.back_end = BackEnd(
            self.map, self._placed, rig, mode, config, self._mapper, recognition, self._graph, self.inertial
        )
        self._starts = Bootstrap(
            *(self.map, mode, config.init, MonoInitializer(rig.left, self.matcher, config.init), self._mapper),
            *(self._placed, self._waiting, self.inertial, self.back_end),
        )
        self._is_reset_asked = False  # until the graph is free
        self._is_beginning = False  # after a reset, until a new sub-map has begun
        self._submap_id = -1  # of the camera; -1 before the first
        self._seen_ids: Int64 = np.zeros(0, np.int64)  # landmarks of the last tracked frame
        self._lost_since_ns: int | None = None
        self._answered: Answered | None = None  # what keep_up has still to do

    def process(self, frame: Frame, observation: Observation | None = None) -> Track:
        """Where the camera was at this frame; ``observation`` if ``self.observer`` made it ahead of time."""
        track = self.answer(frame, observation)
        self.keep_up()
        self.use_idle_time()
        return track

    def answer(self, frame: Frame, observation: Observation | None = None) -> Track:
        """As ``process``, but what is to be done before the next frame is left for ``keep_up``."""
        self.keep_up()
        watch = Stopwatch()
        self.deadline.begin()
        self.video.begin(frame.index)
        self.inertial.sense(frame)
        if observation is None:
            with watch("extract"):
                observation = self.observer.observe(frame)
        with watch("correction"):
            self._take_correction()

        if self._is_reset_asked and not self.back_end.is_busy:
            self._leave_map()
        if not self.map.keyframes or self._is_beginning:
            return self._bootstrap(frame, observation, watch)

        result = self._locate(frame, observation, watch)
        if result.T_world_cam is None:
            return self._lose(frame, observation, result, watch)

        reference = self.map.keyframes[self._reference(result.landmark_ids)]
        self._enter_submap(reference.submap_id)
        self._motion.update(frame.stamp_ns, result.T_world_cam)
        self._placed.add(frame.stamp_ns, result.T_world_cam, reference)
        self._seen_ids = result.landmark_ids
        is_kept = self._is_worth_keeping(frame, result, observation, reference)
        self._answered = Answered(watch, (frame, observation, result) if is_kept else None)
        return self._track(frame, observation, result, self.map.next_keyframe_id if is_kept else -1, watch)

    def keep_up(self) -> None:
        """Make the keyframe that the last answer promised; its times enter the ``ms`` of that Track."""
        answered, self._answered = self._answered, None
        if answered is None:
            return
        if answered.to_keep is not None:
            start = self.back_end.keep(*answered.to_keep, self._submap_id, answered.watch)
            if start is not None:
                self._waiting.moved(start.T_new_old, start.scale)
        self.deadline.end(answered.watch.ms)

    def use_idle_time(self) -> None:
        """Place one of the frames that waited for a monocular map, if there are any left."""
        if len(self._waiting):
            found = self._waiting.place_next(self._tracker, self.map)
            first = self.map.keyframes.get(self._waiting.first_keyframe_id)  # None: left a map that was joined
            if found is not None and first is not None:
                self._placed.add_earlier(*found, first)

    def begin_anew(self) -> str:
        """Begin a new sub-map as soon as the graph is free; what will happen, in words.

        Those before it stay in the map and in its file, but in this run the camera is not found in them again and
        nothing is joined with them: a reset that the next recognised place would undo is none.
        """
        if not self._grows:
            return "no new map: the map stays as it is"
        self._is_reset_asked = True
        return "a new map begins"

    def finish(self) -> None:
        """Do what is left to do, and wait for the graph."""
        self.keep_up()
        self.deadline.lift()
        while len(self._waiting):
            self.use_idle_time()
        self._wait_for_graph()
        if self.config.run.final_ba_s > 0 and self._grows and self.map.keyframes:
            self.back_end.adjust_all(self.config.run.final_ba_s)
            self._wait_for_graph()

    def _wait_for_graph(self) -> None:
        while self.back_end.is_busy:
            self._take_correction()
            time.sleep(0.002)
        self._take_correction()

    @property
    def placed(self) -> PlacedFrames:
        """Where every tracked frame was."""
        return self._placed

    @property
    def is_metric(self) -> bool:
        """Whether the trajectory is in metres."""
        return self.mode.is_metric or self.inertial.is_metric(self.main_submap)

    @property
    def metric_since_ns(self) -> int | None:
        """When inertial samples made a monocular run metric; None where they did not, or need not."""
        return None if self.mode.is_metric else self.inertial.started_ns(self.main_submap)

    def inertial_figures(self) -> dict[str, Any] | None:
        """What the inertial start found, or why there was none; None without inertial samples."""
        return self.inertial.figures(self.main_submap)

    @property
    def main_submap(self) -> int:
        """The sub-map that holds the most frames: the one whose trajectory is asked for."""
        frames = self._placed.frames_of(self.map.keyframes)
        return min(frames, key=lambda submap_id: (-frames[submap_id], submap_id)) if frames else 0

    def submap_notes(self) -> list[str]:
        """What a reader of the trajectory should know: which frames are in worlds of their own."""
        frames = self._placed.frames_of(self.map.keyframes)
        apart = sum(count for submap_id, count in frames.items() if submap_id != self.main_submap)
        return [f"{apart} frames lie in sub-maps that never met the main one"] if apart else []

    def trajectory(self) -> Trajectory:
        """Every frame tracked in the main sub-map, as the map knows it now."""
        return self._placed.trajectory(self.map.keyframes, self.main_submap)

    def snapshot(self) -> MapSnapshot:
        """A copy of the sub-map around the camera, to look at."""
        return map_snapshot(self.map, self._placed, max(self._submap_id, 0))

    # --- the steps, in the order of process ---

    def _take_correction(self) -> None:
        factor = self.back_end.take_answer()
        T_world_cam = self._placed.last(self.map.keyframes)
        if factor is None or T_world_cam is None:
            return
        self._motion.moved(T_world_cam, factor)
        if self._lost_since_ns is None:
            self._submap_id = self.map.keyframes[self._placed.last_keyframe_id].submap_id  # it may have joined another

    def _leave_map(self) -> None:
        """Nothing that was mapped counts any more."""
        self._is_reset_asked, self._is_beginning = False, True
        self.back_end.forget_places()
        self._relocalizer.look_from(self.map.next_keyframe_id)
        self._motion.forget()
        self._starts.forget()

    def _bootstrap(self, frame: Frame, observation: Observation, watch: Stopwatch) -> Track:
        """Begin a sub-map, the first or, after a loss or a reset, a new one."""
        begun = self._starts.begin(frame, observation, watch, self._take_correction)
        if isinstance(begun, TrackResult):
            return self._track(frame, observation, begun, -1, watch)
        keyframe = begun.keyframe
        self._motion.update(frame.stamp_ns, keyframe.T_world_cam)
        self._placed.add(frame.stamp_ns, keyframe.T_world_cam, keyframe)
        self._seen_ids = keyframe.landmark_ids
        self._submap_id, self._lost_since_ns, self._is_beginning = keyframe.submap_id, None, False
        self.back_end.recognize(keyframe.keyframe_id)
        inliers = int((keyframe.landmark_ids >= 0).sum())
        reason = "map started" if keyframe.submap_id == 0 else f"sub-map {keyframe.submap_id} started"
        result = TrackResult(keyframe.T_world_cam, keyframe.landmark_ids, reason, begun.matches, inliers)
        return self._track(frame, observation, result, keyframe.keyframe_id, watch)

    def _locate(self, frame: Frame, observation: Observation, watch: Stopwatch) -> TrackResult:
        guess = self._motion.predict(frame.stamp_ns)
        is_lost = self._lost_since_ns is not None and not self._motion.bridges(frame.stamp_ns)
        if is_lost or guess is None:
            with watch("relocalize"):
                return self._relocalizer.relocalize(observation, self.map)
        sigma_px = self._motion.sigma_px
        result = self._tracker.track(observation, self.map, guess, self._seen_ids, watch, sigma_px)
        if result.T_world_cam is not None:
            self._motion.judge(result.prediction_error_px)
            return result
        with watch("relocalize"):
            return self._relocalizer.relocalize(observation, self.map)

    def _lose(self, frame: Frame, observation: Observation, result: TrackResult, watch: Stopwatch) -> Track:
        """Lost; when that has lasted, a new sub-map is better than nothing."""
        if self._lost_since_ns is None:
            self._lost_since_ns = frame.stamp_ns
            self._starts.forget()
            self._motion.forget_velocity()
        lost_s = (frame.stamp_ns - self._lost_since_ns) * 1e-9
        if not self._grows or lost_s < self.config.relocalization.submap_after_s or self.back_end.is_busy:
            return self._track(frame, observation, result, -1, watch)
        track = self._bootstrap(frame, observation, watch)
        return track if track.is_tracked else replace(track, reason=f"{result.reason}; a new sub-map: {track.reason}")

    def _enter_submap(self, submap_id: int) -> None:
        """Found, or found again, perhaps in another sub-map than before."""
        if submap_id != self._submap_id:
            self._motion.forget()
        self._submap_id = submap_id

    def _is_worth_keeping(
        self, frame: Frame, result: TrackResult, observation: Observation, reference: Keyframe
    ) -> bool:
        if not self._grows or self.back_end.is_busy or self._lost_since_ns is not None:
            return False
        mappable = self._mapper.mappable(observation)
        last = self.map.last_keyframe
        is_due = self.inertial.wants_keyframe(last, frame.stamp_ns)
        return self._keyframes.wanted(result, mappable, frame.index, reference, last, self.map, is_due)

    def _reference(self, landmark_ids: Int64) -> int:
        """The keyframe that shares the most landmarks, the last one when none does."""
        shared = self.map.covisible(landmark_ids)
        return shared[0][0] if shared else self.map.last_keyframe.keyframe_id

    def _track(
        self, frame: Frame, observation: Observation, result: TrackResult, keyframe_id: int, watch: Stopwatch
    ) -> Track:
        status = self._status(result)
        if result.T_world_cam is not None:
            self._lost_since_ns = None
        return Track(
            frame.index,
            frame.stamp_ns,
            status,
            result.reason,
            result.T_world_cam,
            result.landmark_ids,
            observation.xy_raw,
            len(observation),
            len(result.matches),
            result.inliers,
            result.matches.exit_layer,
            result.matches.pruned,
            keyframe_id,
            watch.ms,
            result.matches.hurried,
            max(self._submap_id, 0),
            None if result.T_world_cam is None else self.back_end.covariance(result),
        )

    def _status(self, result: TrackResult) -> TrackStatus:
        if not self.map.keyframes or self._is_beginning:
            return TrackStatus.INITIALIZING
        if result.T_world_cam is None:
            return TrackStatus.LOST
        return TrackStatus.TRACKING if self._lost_since_ns is None else TrackStatus.RELOCALIZED
