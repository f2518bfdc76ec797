"""What happens to the map once a frame is worth keeping: mapped, optimised, recognised, closed, joined.

One problem is with the graph at a time, and keyframes are made only while it has none, so that each of its answers
still fits the map. A loop found meanwhile waits for its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from slam.camera import Rig
from slam.config import SlamConfig
from slam.geometry import invert
from slam.graph import Answer, Graph
from slam.graph.full_problem import choose_all
from slam.graph.health import GraphHealth
from slam.graph.window import choose_window
from slam.inertial.initialization import InertialStart
from slam.inertial.state import Inertial, NoInertial
from slam.loops.fusion import fuse_found
from slam.loops.joining import carry, scaled_loop
from slam.loops.path import pose_graph_problem
from slam.loops.recognition import Recognition
from slam.loops.verification import FoundLoop
from slam.mapping.certainty import Certainty
from slam.mapping.culling import redundant_keyframe
from slam.mapping.map import Map
from slam.mapping.mapper import Mapper
from slam.stopwatch import Stopwatch
from slam.tracking.placed import PlacedFrames
from slam.tracking.tracker import TrackResult
from slam.types import Correction, Float64, Frame, Mode, Observation, PoseCorrection

TIED = 5  # landmarks that both ends of a loop see: a pose graph would be told less than the map knows


@dataclass(slots=True)
class LoopCounts:
    """What became of the loops of a run."""

    found: int = 0  # verified by matcher and pose
    closed: int = 0  # believed by the pose graph
    tied: int = 0  # between keyframes that share landmarks already: fused only, the window does the rest
    refused: int = 0  # not believed: false, or the graph failed
    joined: int = 0  # sub-maps that became part of an older one
    fused: int = 0  # landmarks that were mapped twice
    closed_at: list[int] = field(default_factory=list)  # frame indices


class BackEnd:
    """Owns the way from a kept frame to a corrected map. Synchronous; a Graph may work in another process."""

    def __init__(
        self,
        world: Map,
        placed: PlacedFrames,
        rig: Rig,
        mode: Mode,
        config: SlamConfig,
        mapper: Mapper,
        recognition: Recognition,
        graph: Graph,
        inertial: Inertial | NoInertial,
    ) -> None:
        self._map, self._placed, self._rig, self._mode, self._config = world, placed, rig, mode, config
        self._mapper, self._recognition, self._graph = mapper, recognition, graph
        self._inertial = inertial
        self._covariances: dict[int, Float64] = {}  # keyframe_id -> (6, 6), of the last optimisation
        self._waiting: FoundLoop | None = None  # until the graph is free
        self._closing: FoundLoop | None = None  # with the graph
        self.certainty = Certainty()
        self.loops = LoopCounts()
        self.health = GraphHealth()

    @property
    def is_busy(self) -> bool:
        """Whether the graph has a problem, or a loop is on its way to it: no keyframe may be made."""
        return self._graph.is_busy or self._waiting is not None or self._closing is not None

    def keep(
        self, frame: Frame, observation: Observation, result: TrackResult, submap_id: int, watch: Stopwatch
    ) -> InertialStart | None:
        """Make a keyframe of a tracked frame, and see whether it shows a place of long ago.

        The inertial start of the sub-map, if the keyframe made one possible: then its world became another.
        """
        assert result.T_world_cam is not None
        with watch("map"):
            imu = self._inertial.samples_since_keyframe(self._map, submap_id, frame.stamp_ns)
            keyframe = self._mapper.insert(
                self._map, frame, observation, result.T_world_cam, result.landmark_ids, submap_id, imu
            )
            self.certainty.put(keyframe.keyframe_id, self.covariance(result))
            self._placed.became(keyframe)
            self._cull(keyframe.keyframe_id)
            start = self._start_inertial(submap_id)
        self.optimize(watch)
        with watch("loop"):
            self.recognize(keyframe.keyframe_id)
        return start

    def covariance(self, result: TrackResult) -> Float64 | None:
        """(6, 6) of the last placed frame's pose, which is ``result``; None where it is unknown."""
        place = self._placed.frames[self._placed.last_number]
        return self.certainty.of_frame(place.keyframe_id, place.T_keyframe_cam, result.information)

    def optimize(self, watch: Stopwatch) -> None:
        """Hand the neighbourhood of the newest keyframe to the graph."""
        with watch("graph"):
            known = self._inertial.knowledge(self._map.last_keyframe.submap_id)
            problem = choose_window(self._map, self._rig, self._mode, self._config.graph, self._covariances, known)
            self._graph.submit(problem)

    def recognize(self, keyframe_id: int) -> None:
        """Remember the place of a keyframe, and the loop that it closes if it does."""
        found = self._recognition.look(self._map.keyframes[keyframe_id])
        if found is not None:
            self.loops.found += 1
            self._waiting = found

    def forget_places(self) -> None:
        """Nothing that comes is joined with what is there. Only while it is not busy."""
        self._recognition.forget_all()

    def take_answer(self) -> float | None:
        """Apply what the graph has answered. The factor of lengths around the camera, None if nothing moved."""
        answer = self._graph.poll()
        self.health.restarts = self._graph.restarts
        if answer is None:
            return self._begin_loop() if self._waiting is not None and not self._graph.is_busy else None
        self.health.add(answer)
        if self._closing is not None:
            return self._close(answer)
        if answer.failure or isinstance(answer, PoseCorrection):
            return None
        self._apply(answer)
        return 1.0

    def adjust_all(self, max_s: float) -> None:
        """Pose the whole map to the graph, once, for so long at most; ``take_answer`` brings the outcome."""
        self._graph.submit(choose_all(self._map, self._rig, self._mode, self._config.graph, max_s))

    # --- corrections of the window ---

    def _apply(self, correction: Correction) -> None:
        """Take a correction, and carry along what came after the problem was posed."""
        newest = int(correction.keyframe_ids.max())
        before = self._map.keyframes[newest]
        self._map.apply(correction)
        self._covariances.update(zip(correction.keyframe_ids.tolist(), correction.covariances))
        if correction.joint_covariance is not None:
            self.certainty.learn(correction.keyframe_ids, correction.T_world_cam, correction.joint_covariance)
        if correction.states is not None:
            has_camera = self._submap_of(self._placed.last_keyframe_id) == before.submap_id
            self._inertial.take(correction.states, self._map, has_camera)
        later = [k.keyframe_id for k in self._map.submap(before.submap_id) if k.keyframe_id > newest]
        if later:
            rows = np.arange(self._map.num_landmarks)
            T_new_old = self._map.keyframes[newest].T_world_cam @ invert(before.T_world_cam)
            self._map.move(later, rows[self._map.born[: len(rows)] > newest], T_new_old)

    def _start_inertial(self, submap_id: int) -> InertialStart | None:
        """Make the sub-map metric and level if its inertial samples allow it now. The graph has no problem yet."""
        was_metric = self._inertial.is_metric(submap_id)
        start = self._inertial.start(self._map, submap_id)
        if start is None:
            return None
        ids = [keyframe.keyframe_id for keyframe in self._map.submap(submap_id)]
        self._carry(ids, start.T_new_old, start.scale)
        self._map.take_states(self._inertial.states(start))
        if not was_metric:  # a start that is made again knows the scale better, and what was said holds all the more
            T_first_world = invert(self._map.keyframes[min(ids)].T_world_cam)
            T_first = {k: T_first_world @ self._map.keyframes[k].T_world_cam for k in ids}
            self.certainty.stretch(T_first, start.scale_sigma)
        T_world_cam = self._placed.last(self._map.keyframes)
        assert T_world_cam is not None
        self._inertial.motion.moved(T_world_cam, start.scale)
        return start

    def _carry(self, keyframe_ids: list[int], T_new_old: Float64, scale: float) -> None:
        """Bring keyframes, with the landmarks they saw first and the frames that hang on them, into another world."""
        carry(self._map, keyframe_ids, T_new_old, scale)
        self._rescale(dict.fromkeys(keyframe_ids, scale))

    def _rescale(self, factors: dict[int, float]) -> None:
        """Lengths seen from keyframes (id -> factor) are multiplied, and what was measured or is known with them."""
        self._placed.scale(factors)
        self.certainty.scale(factors)
        self._map.loops = [scaled_loop(loop, factors) for loop in self._map.loops]
        for keyframe_id in factors.keys() & self._covariances.keys():
            of_length = np.repeat([1.0, factors[keyframe_id]], 3)
            self._covariances[keyframe_id] = self._covariances[keyframe_id] * np.outer(of_length, of_length)

    def _cull(self, newest_id: int) -> None:
        """Let keyframes go that say nothing new: one for each that comes at most, so that nobody waits."""
        found = redundant_keyframe(self._map, newest_id, self._config.mapping)
        if found is None:
            return
        gone, heir = (self._map.keyframes[k] for k in found)
        self._placed.inherit(gone, heir)
        self._map.remove_keyframe(gone.keyframe_id, heir.keyframe_id)
        self._recognition.forget(gone.keyframe_id)
        self._covariances.pop(gone.keyframe_id, None)
        self.certainty.forget(gone.keyframe_id)

    # --- loops ---

    def _begin_loop(self) -> float | None:
        """Join the sub-maps of the loop that waited, or hand the path between its ends to the graph."""
        found, self._waiting = self._waiting, None
        assert found is not None
        older, newer = (self._map.keyframes[k] for k in (found.loop.keyframe_a, found.loop.keyframe_b))
        if older.submap_id != newer.submap_id:
            return self._join(found, older.submap_id, newer.submap_id)
        if dict(self._map.covisible(newer.landmark_ids)).get(older.keyframe_id, 0) >= TIED:
            self.loops.tied += 1
            self._fuse(found)
            return None
        loops = [loop for loop in self._map.loops if self._submap_of(loop.keyframe_a) == older.submap_id]
        with_scale = not (self._mode.is_metric or self._inertial.is_metric(older.submap_id))
        self._closing = found
        self._graph.submit(
            pose_graph_problem(self._map, older.submap_id, [*loops, found.loop], self._config.loops, with_scale)
        )
        return None

    def _close(self, correction: Answer) -> float | None:
        """Deform the sub-map as the pose graph says, if it believes the new loop, the last one it was given."""
        found, self._closing = self._closing, None
        assert found is not None
        if correction.failure or not isinstance(correction, PoseCorrection) or not correction.believed[-1]:
            self.loops.refused += 1
            return None
        self._map.deform(correction)
        factors = dict(zip(correction.keyframe_ids.tolist(), correction.scale.tolist()))
        self._map.loops.append(found.loop)
        self._rescale(factors)
        self.loops.closed += 1
        self._fuse(found)
        return factors[found.loop.keyframe_b]

    def _join(self, found: FoundLoop, older_id: int, newer_id: int) -> float:
        """Carry the sub-map of the camera into the world of the one it has met; the older name stays."""
        a, b = (self._map.keyframes[k].T_world_cam for k in (found.loop.keyframe_a, found.loop.keyframe_b))
        ids = [keyframe.keyframe_id for keyframe in self._map.submap(newer_id)]
        scale = found.loop.scale_a_b
        self._map.loops.append(found.loop)
        self._carry(ids, found.T_older_newer(a, b), scale)
        self.certainty.joined(ids, found.loop.keyframe_a, found.loop.keyframe_b, found.loop.T_a_b)
        self._inertial.joined(older_id, newer_id)
        kept, given_up = min(older_id, newer_id), max(older_id, newer_id)
        self._map.relabel([k.keyframe_id for k in self._map.submap(given_up)], kept)
        self.loops.joined += 1
        self._fuse(found)
        return scale

    def _fuse(self, found: FoundLoop) -> None:
        self._recognition.begin_anew()
        newer = found.loop.keyframe_b
        self.loops.closed_at.append(self._map.keyframes[newer].frame_index)
        self.loops.fused += fuse_found(self._map, found, self._rig.left, self._config)

    def _submap_of(self, keyframe_id: int) -> int:
        return self._map.keyframes[keyframe_id].submap_id
