"""The whole SLAM loop on one page: read ``Slam.process`` from top to bottom, everything else is found from it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from slam.camera import Rig
from slam.config import SlamConfig
from slam.features import make_extractor
from slam.geometry import invert
from slam.graph import Graph, InlineGraph
from slam.graph.window import choose_window
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper, feature_colors
from slam.matching import make_matcher
from slam.matching.video import video_matcher
from slam.stopwatch import Stopwatch
from slam.tracking.deadline import Deadline
from slam.tracking.initialization import MonoInitializer, TwoViewStart
from slam.tracking.keyframes import KeyframeChoice
from slam.tracking.motion import MotionModel
from slam.tracking.observe import Observer
from slam.tracking.placed import PlacedFrames
from slam.tracking.relocalization import Relocalizer
from slam.tracking.tracker import Tracker, TrackResult
from slam.tracking.waiting import WaitingFrames
from slam.trajectory import Trajectory
from slam.types import Correction, Float64, Frame, Int64, MapSnapshot, Matches, Mode, Observation, Track, TrackStatus


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A frame whose pose is known."""

    watch: Stopwatch
    to_keep: tuple[Frame, Observation, TrackResult] | None  # what its keyframe is to be made of


class Slam:
    """Visual SLAM on a stream of frames. Synchronous; give it a Graph of another process to optimise beside it.

    ``fps``: the rate to hold by leaving the matcher earlier, 0 for none; only with it do answers depend on time.
    """

    def __init__(self, rig: Rig, mode: Mode, config: SlamConfig, graph: Graph | None = None, fps: float = 0.0) -> None:
        self.mode, self.config = mode, config
        self.observer = Observer(rig, mode, config.features)
        self.matcher = make_matcher(config.matcher, config.features.name)
        self.map = Map(make_extractor(config.features).descriptor_dim)
        self._rig = rig
        self._motion = MotionModel()
        self.deadline = Deadline(fps)
        self.video = video_matcher(self.matcher, config, mode, lambda: self.deadline.left_ms)
        self._tracker = Tracker(rig, self.video, config.tracking, config.graph.sigma_disparity_px)
        self._relocalizer = Relocalizer(self._tracker)
        self._initializer = MonoInitializer(rig.left, self.matcher, config.init)
        self._keyframes = KeyframeChoice(config.keyframes)
        self._mapper = Mapper(rig, mode, self.matcher, config.mapping, config.tracking)
        self._graph = graph if graph is not None else InlineGraph()
        self._covariances: dict[int, Float64] = {}  # keyframe_id -> (6, 6), of the last optimisation
        self._seen_ids: Int64 = np.zeros(0, np.int64)  # landmarks of the last tracked frame
        self._is_lost = False
        self._placed = PlacedFrames()
        self._waiting = WaitingFrames()
        self._answered: Answered | None = None  # what keep_up has still to do
        self.graph_failures: list[str] = []

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
        if observation is None:
            with watch("extract"):
                observation = self.observer.observe(frame)
        with watch("correction"):
            self._take_correction()

        if not self.map.keyframes:
            return self._bootstrap(frame, observation, watch)

        result = self._locate(frame, observation, watch)
        if result.T_world_cam is None:
            return self._lose(frame, observation, result, watch)

        self._motion.update(frame.stamp_ns, result.T_world_cam)
        self._placed.add(frame.stamp_ns, result.T_world_cam, self.map.last_keyframe)
        self._seen_ids = result.landmark_ids
        is_kept = self._is_worth_keeping(frame, result, observation)
        self._answered = Answered(watch, (frame, observation, result) if is_kept else None)
        return self._track(frame, observation, result, self.map.next_keyframe_id if is_kept else -1, watch)

    def keep_up(self) -> None:
        """Make the keyframe that the last answer promised; its times enter the ``ms`` of that Track."""
        answered, self._answered = self._answered, None
        if answered is None:
            return
        if answered.to_keep is not None:
            self._keep(*answered.to_keep, answered.watch)
        self.deadline.end(answered.watch.ms)

    def use_idle_time(self) -> None:
        """Place one of the frames that waited for a monocular map, if there are any left."""
        if len(self._waiting):
            found = self._waiting.place_next(self._tracker, self.map)
            if found is not None:
                self._placed.add_before(*found, self.map.keyframes[0])

    def finish(self) -> None:
        """Do what is left to do, and wait for the graph."""
        self.keep_up()
        while len(self._waiting):
            self.use_idle_time()
        while self._graph.is_busy:
            self._take_correction()
            time.sleep(0.002)
        self._take_correction()

    def trajectory(self) -> Trajectory:
        """Every tracked frame, as the map knows it now."""
        return self._placed.trajectory(self.map.keyframes)

    def snapshot(self) -> MapSnapshot:
        """A copy of the map to look at."""
        alive = np.flatnonzero(self.map.alive[: self.map.num_landmarks])
        keyframes = self.map.keyframes
        return MapSnapshot(
            self.map.points_world[alive].astype(np.float32),
            self.map.colors[alive],
            np.array(list(keyframes), np.int64),
            np.array([k.T_world_cam for k in keyframes.values()]).reshape(-1, 4, 4),
            self.trajectory().T_world_cam[:, :3, 3],
        )

    # --- the steps, in the order of process ---

    def _take_correction(self) -> None:
        correction = self._graph.poll()
        if correction is None:
            return
        if correction.failure:
            self.graph_failures.append(correction.failure)
            return
        self._apply(correction)

    def _bootstrap(self, frame: Frame, observation: Observation, watch: Stopwatch) -> Track:
        if self.mode is Mode.MONO:
            return self._bootstrap_mono(frame, observation, watch)
        count = int(self._mapper.mappable(observation).sum())
        nothing = np.full(len(observation), -1, np.int64)
        if count < self.config.init.min_landmarks:
            reason = f"too few features with depth ({count})"
            return self._track(frame, observation, TrackResult(None, nothing, reason), -1, watch)
        keyframe = self._mapper.insert(self.map, frame, observation, np.eye(4), nothing)
        return self._begin(frame, observation, keyframe.keyframe_id, Matches.none(), watch)

    def _bootstrap_mono(self, frame: Frame, observation: Observation, watch: Stopwatch) -> Track:
        with watch("initialize"):
            start, reason, matches = self._initializer.start(frame, observation)
            if start is None:
                nothing = np.full(len(observation), -1, np.int64)
                return self._track(frame, observation, TrackResult(None, nothing, reason, matches), -1, watch)
            keyframe_id = self._start_map(start, frame, observation)
        self._waiting.begin(start.waited, self.map.keyframes[keyframe_id].landmark_ids)
        return self._begin(frame, observation, keyframe_id, matches, watch)

    def _start_map(self, start: TwoViewStart, frame: Frame, observation: Observation) -> int:
        """Two keyframes and the landmarks between them, optimised once."""
        nothing_a = np.full(len(start.observation_a), -1, np.int64)
        first = self.map.add_keyframe(start.frame_a.index, start.observation_a, np.eye(4), nothing_a)
        colors = feature_colors(start.frame_a, start.observation_a)[start.index_a]
        ids = self.map.add_landmarks(first.keyframe_id, start.points_world, start.index_a, colors)
        seen = np.full(len(observation), -1, np.int64)
        seen[start.index_b] = ids
        second = self.map.add_keyframe(frame.index, observation, start.T_world_cam_b, seen)
        self._placed.add(start.frame_a.stamp_ns, np.eye(4), first)
        self._optimize(Stopwatch())
        self._take_correction()
        return second.keyframe_id

    def _begin(
        self, frame: Frame, observation: Observation, keyframe_id: int, matches: Matches, watch: Stopwatch
    ) -> Track:
        keyframe = self.map.keyframes[keyframe_id]
        self._motion.update(frame.stamp_ns, keyframe.T_world_cam)
        self._placed.add(frame.stamp_ns, keyframe.T_world_cam, keyframe)
        self._seen_ids = keyframe.landmark_ids
        inliers = int((keyframe.landmark_ids >= 0).sum())
        result = TrackResult(keyframe.T_world_cam, keyframe.landmark_ids, "map started", matches, inliers)
        return self._track(frame, observation, result, keyframe_id, watch)

    def _locate(self, frame: Frame, observation: Observation, watch: Stopwatch) -> TrackResult:
        guess = self._motion.predict(frame.stamp_ns)
        if self._is_lost or guess is None:
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
        self._is_lost = True
        self._motion.forget_velocity()
        return self._track(frame, observation, result, -1, watch)

    def _is_worth_keeping(self, frame: Frame, result: TrackResult, observation: Observation) -> bool:
        if self._graph.is_busy or self._is_lost:
            return False
        mappable = self._mapper.mappable(observation)
        reference = self._reference(result.landmark_ids)
        return self._keyframes.wanted(
            result, mappable, frame.index, self.map.keyframes[reference], self.map.last_keyframe, self.map
        )

    def _keep(self, frame: Frame, observation: Observation, result: TrackResult, watch: Stopwatch) -> None:
        assert result.T_world_cam is not None
        with watch("map"):
            keyframe = self._mapper.insert(self.map, frame, observation, result.T_world_cam, result.landmark_ids)
        self._placed.became(keyframe)
        self._optimize(watch)

    def _optimize(self, watch: Stopwatch) -> None:
        with watch("graph"):
            self._graph.submit(choose_window(self.map, self._rig, self.mode, self.config.graph, self._covariances))

    def _apply(self, correction: Correction) -> None:
        """Take a correction, and carry along what came after the problem was posed."""
        newest = int(correction.keyframe_ids.max())
        before = self.map.keyframes[newest].T_world_cam
        self.map.apply(correction)
        self._covariances.update(zip(correction.keyframe_ids.tolist(), correction.covariances))
        later = [k for k in self.map.keyframes if k > newest]
        rows = np.arange(self.map.num_landmarks)
        T_new_old = self.map.keyframes[newest].T_world_cam @ invert(before)
        self.map.move(later, rows[self.map.born[: len(rows)] > newest], T_new_old)
        T_world_cam = self._placed.last(self.map.keyframes)
        if T_world_cam is not None:
            self._motion.moved(T_world_cam)

    def _reference(self, landmark_ids: Int64) -> int:
        """The keyframe that shares the most landmarks, the last one when none does."""
        shared = self.map.covisible(landmark_ids)
        return shared[0][0] if shared else self.map.last_keyframe.keyframe_id

    def _track(
        self, frame: Frame, observation: Observation, result: TrackResult, keyframe_id: int, watch: Stopwatch
    ) -> Track:
        status = self._status(result)
        self._is_lost = status is TrackStatus.LOST
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
        )

    def _status(self, result: TrackResult) -> TrackStatus:
        if not self.map.keyframes:
            return TrackStatus.INITIALIZING
        if result.T_world_cam is None:
            return TrackStatus.LOST
        return TrackStatus.RELOCALIZED if self._is_lost else TrackStatus.TRACKING
