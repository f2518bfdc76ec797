"""The map: keyframes, and landmarks as rows of arrays. Only this class writes either.

A landmark's id is its row; rows of dead landmarks are not used again. Association is stored in
``Keyframe.landmark_ids``; ``observers`` says the same the other way round and is kept in step with it. Keyframes of
different sub-maps share no landmark, and their worlds have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slam.geometry import apply, invert, similar
from slam.mapping.observers import Observers
from slam.types import (
    Bool,
    Correction,
    Float32,
    Float64,
    ImuSamples,
    InertialStates,
    Int64,
    Keyframe,
    Loop,
    Observation,
    PoseCorrection,
    Uint8,
    joined_samples,
)

GROWTH = 4096  # rows are added by multiples of this
LANDMARK_COLUMNS = (
    *("points_world", "descriptors", "colors", "alive", "born", "predicted", "found"),
    *("directions", "distances_m"),
)


class Map:
    """Landmarks (points, descriptors, statistics) and keyframes by id."""

    def __init__(self, descriptor_dim: int) -> None:
        self.keyframes: dict[int, Keyframe] = {}
        self.loops: list[Loop] = []
        self.next_keyframe_id = 0  # ids are not used again
        self.observers = Observers()
        self.num_landmarks = 0  # rows in use, dead ones too
        self.points_world: Float64 = np.zeros((0, 3))
        self.descriptors: Float32 = np.zeros((0, descriptor_dim), np.float32)
        self.colors: Uint8 = np.zeros((0, 3), np.uint8)
        self.alive: Bool = np.zeros(0, bool)
        self.born: Int64 = np.zeros(0, np.int64)  # keyframe id at birth
        self.predicted: Int64 = np.zeros(0, np.int64)  # frames that should have seen it
        self.found: Int64 = np.zeros(0, np.int64)  # frames that did
        self.directions: Float64 = np.zeros((0, 3))  # unit, world, from the landmark to its last observer
        self.distances_m: Float64 = np.zeros(0)  # to its last observer
        self.changed: Bool = np.zeros(0, bool)  # rows that a map file does not have as they are

    @staticmethod
    def restored(
        keyframes: Iterable[Keyframe],
        columns: Mapping[str, NDArray[Any]],
        loops: Iterable[Loop],
        next_keyframe_id: int,
    ) -> Map:
        """A map as it was, from its keyframes in the order of their ids and LANDMARK_COLUMNS of as many rows each."""
        world = Map(columns["descriptors"].shape[1])
        world.num_landmarks = len(columns["alive"])
        world._reserve(world.num_landmarks)
        for name in LANDMARK_COLUMNS:
            getattr(world, name)[: world.num_landmarks] = columns[name]
        for keyframe in keyframes:
            world.keyframes[keyframe.keyframe_id] = keyframe
            seen = keyframe.landmark_ids
            world.observers.add(seen[seen >= 0], keyframe.keyframe_id)
        world.loops = list(loops)
        world.next_keyframe_id = next_keyframe_id
        return world

    @property
    def last_keyframe(self) -> Keyframe:
        return self.keyframes[next(reversed(self.keyframes))]

    @property
    def observations(self) -> Int64:
        """(rows,) how many keyframes see each landmark."""
        return self.observers.counts

    @property
    def num_alive(self) -> int:
        return int(self.alive[: self.num_landmarks].sum())

    def submap(self, submap_id: int) -> list[Keyframe]:
        """The keyframes of a sub-map, oldest first."""
        return [keyframe for keyframe in self.keyframes.values() if keyframe.submap_id == submap_id]

    def first_of(self, submap_id: int) -> int:
        """Id of the keyframe that holds a sub-map's world: its first."""
        return next(keyframe.keyframe_id for keyframe in self.keyframes.values() if keyframe.submap_id == submap_id)

    def add_keyframe(
        self,
        frame_index: int,
        observation: Observation,
        T_world_cam: Float64,
        landmark_ids: Int64,
        submap_id: int = 0,
        imu: ImuSamples | None = None,
    ) -> Keyframe:
        """A new keyframe that sees the given landmarks (N,), -1 for none."""
        keyframe_id = self.next_keyframe_id
        self.next_keyframe_id += 1
        unseen = np.full(len(observation), -1, np.int64)
        self.keyframes[keyframe_id] = Keyframe(
            keyframe_id, frame_index, observation, T_world_cam, unseen, submap_id, imu
        )
        return self.associate(keyframe_id, np.flatnonzero(landmark_ids >= 0), landmark_ids[landmark_ids >= 0])

    def add_landmarks(self, keyframe_id: int, points_world: Float64, index: Int64, colors: Uint8) -> Int64:
        """Ids (M,) of new landmarks at points_world (M, 3), first seen by features ``index`` (M,) of a keyframe."""
        ids = self._free_rows(len(index))
        self.points_world[ids] = points_world
        self.colors[ids] = colors
        self.alive[ids] = True
        self.born[ids] = keyframe_id
        self.predicted[ids] = 1
        self.found[ids] = 1
        self.associate(keyframe_id, index, ids)
        return ids

    def associate(self, keyframe_id: int, index: Int64, landmark_ids: Int64) -> Keyframe:
        """Let features ``index`` (M,) of a keyframe see landmarks (M,). A feature that saw another one lets it go."""
        keyframe = self.keyframes[keyframe_id]
        seen = keyframe.landmark_ids.copy()
        before = seen[index]
        self.observers.remove(before[before >= 0], keyframe_id)
        seen[index] = landmark_ids
        self.observers.add(landmark_ids[landmark_ids >= 0], keyframe_id)
        self.keyframes[keyframe_id] = replace(keyframe, landmark_ids=seen)
        self._describe(keyframe, index[landmark_ids >= 0], landmark_ids[landmark_ids >= 0])
        return self.keyframes[keyframe_id]

    def remove_landmarks(self, landmark_ids: Int64) -> None:
        """Forget landmarks, in every keyframe."""
        if len(landmark_ids) == 0:
            return
        self.alive[landmark_ids] = False
        self.changed[landmark_ids] = True
        for keyframe_id in np.unique(self.observers.of(landmark_ids)).tolist():
            keyframe = self.keyframes[keyframe_id]
            seen = keyframe.landmark_ids
            dead = (seen >= 0) & ~self.alive[seen]
            self.keyframes[keyframe_id] = replace(keyframe, landmark_ids=np.where(dead, -1, seen))
        self.observers.clear(landmark_ids)

    def fuse(self, kept_ids: Int64, gone_ids: Int64) -> None:
        """Landmarks ``gone_ids`` (M,) turn out to be ``kept_ids`` (M,): whoever saw them sees those, and they go.

        A keyframe that sees both keeps the view it has of the one that stays. No id may stand on both sides.
        """
        heir = np.arange(self.num_landmarks)
        heir[gone_ids] = kept_ids
        is_gone = self.marked(gone_ids)
        for keyframe_id in np.unique(self.observers.of(gone_ids)).tolist():
            seen = self.keyframes[keyframe_id].landmark_ids
            index = np.flatnonzero(is_gone[seen])
            new = heir[seen[index]]
            is_first = np.zeros(len(new), bool)
            is_first[np.unique(new, return_index=True)[1]] = True
            self.associate(keyframe_id, index, np.where(is_first & ~np.isin(new, seen), new, -1))
        np.add.at(self.predicted, kept_ids, self.predicted[gone_ids])
        np.add.at(self.found, kept_ids, self.found[gone_ids])
        self.changed[kept_ids] = True
        self.remove_landmarks(gone_ids)

    def remove_keyframe(self, keyframe_id: int, heir_id: int) -> None:
        """Forget a keyframe and the landmarks that only it saw. What hangs on it goes over to another one.

        That is its loops, and its inertial samples to the next keyframe of its sub-map.
        """
        gone, heir = self.keyframes[keyframe_id], self.keyframes[heir_id]
        seen = np.flatnonzero(gone.landmark_ids >= 0)
        touched = gone.landmark_ids[seen]
        self.associate(keyframe_id, seen, np.full(len(seen), -1, np.int64))
        self.remove_landmarks(touched[self.observations[touched] == 0])
        self.loops = [_inherited(loop, gone, heir) for loop in self.loops]
        self.loops = [loop for loop in self.loops if loop.keyframe_a != loop.keyframe_b]
        del self.keyframes[keyframe_id]
        later = next((k for k in self.submap(gone.submap_id) if k.keyframe_id > keyframe_id), None)
        if later is not None:
            self.keyframes[later.keyframe_id] = replace(later, imu=_joined(gone.imu, later.imu))

    def apply(self, correction: Correction) -> None:
        """Take better poses and points, and drop outlier observations; landmarks left with fewer than two go.

        What was born until then and had no part in it, landmarks that one keyframe measured above all, keeps its place
        before its first observer.
        """
        self._carry_along(correction)
        for keyframe_id, T_world_cam in zip(correction.keyframe_ids.tolist(), correction.T_world_cam):
            self.keyframes[keyframe_id] = replace(self.keyframes[keyframe_id], T_world_cam=T_world_cam)
        self.points_world[correction.landmark_ids] = correction.points_world
        self.changed[correction.landmark_ids] = True
        for keyframe_id in np.unique(correction.outlier_keyframe_ids).tolist():
            dropped = correction.outlier_landmark_ids[correction.outlier_keyframe_ids == keyframe_id]
            index = np.flatnonzero(np.isin(self.keyframes[keyframe_id].landmark_ids, dropped))
            self.associate(keyframe_id, index, np.full(len(index), -1, np.int64))
        touched = np.unique(correction.outlier_landmark_ids)
        self.remove_landmarks(touched[self.observations[touched] < 2])
        if correction.states is not None:
            self.take_states(correction.states)

    def _carry_along(self, correction: Correction) -> None:
        rows = np.flatnonzero(self.alive[: self.num_landmarks])
        rows = rows[self.born[rows] <= correction.keyframe_ids.max(initial=-1)]
        rows = rows[~np.isin(rows, correction.landmark_ids)]
        first = self.observers.first(rows)
        for keyframe_id, T_world_cam in zip(correction.keyframe_ids.tolist(), correction.T_world_cam):
            T_new_old = T_world_cam @ invert(self.keyframes[keyframe_id].T_world_cam)
            self.move([], rows[first == keyframe_id], T_new_old)

    def take_states(self, states: InertialStates) -> None:
        """Velocities and biases of keyframes."""
        for keyframe_id, velocity, bias in zip(states.keyframe_ids.tolist(), states.velocities_world, states.biases):
            keyframe = self.keyframes[keyframe_id]
            self.keyframes[keyframe_id] = replace(keyframe, velocity_world=velocity, bias=bias)

    def move(self, keyframe_ids: list[int], landmark_ids: Int64, T_new_old: Float64, scale: float = 1.0) -> None:
        """Carry keyframes and landmarks along with a correction of the part of the map they hang on.

        ``p_new = scale * R_new_old @ p_old + t_new_old``.
        """
        for keyframe_id in keyframe_ids:
            keyframe = self.keyframes[keyframe_id]
            velocity = keyframe.velocity_world
            self.keyframes[keyframe_id] = replace(
                keyframe,
                T_world_cam=similar(T_new_old, scale, keyframe.T_world_cam),
                velocity_world=None if velocity is None else scale * T_new_old[:3, :3] @ velocity,
            )
        points_world = scale * self.points_world[landmark_ids]
        self.points_world[landmark_ids] = apply(T_new_old, points_world)
        self.directions[landmark_ids] = self.directions[landmark_ids] @ T_new_old[:3, :3].T
        self.distances_m[landmark_ids] *= scale
        self.changed[landmark_ids] = True

    def deform(self, correction: PoseCorrection) -> None:
        """Keyframes go to their new poses; each landmark keeps its place before its first observer, scaled with it."""
        rows = np.flatnonzero(self.alive[: self.num_landmarks])
        first = self.observers.first(rows)
        for i, keyframe_id in enumerate(correction.keyframe_ids.tolist()):
            scale, T_world_cam = float(correction.scale[i]), self.keyframes[keyframe_id].T_world_cam
            T_new_old = correction.T_world_cam[i] @ invert(similar(np.eye(4), scale, T_world_cam))
            self.move([keyframe_id], rows[first == keyframe_id], T_new_old, scale)

    def count(self, predicted_ids: Int64, found_ids: Int64) -> None:
        """A frame should have seen landmarks (M,), and did see some of them (K,); no id stands twice on a side."""
        self.predicted[predicted_ids] += 1
        self.found[found_ids] += 1
        self.changed[predicted_ids] = True

    def relabel(self, keyframe_ids: list[int], submap_id: int) -> None:
        """Keyframes belong to another sub-map from now on; ``move`` brought them into its world."""
        for keyframe_id in keyframe_ids:
            self.keyframes[keyframe_id] = replace(self.keyframes[keyframe_id], submap_id=submap_id)

    def marked(self, landmark_ids: Int64) -> Bool:
        """(num_landmarks + 1,) which ids are among these (N,); the last row answers for id -1, and says no."""
        is_marked = np.zeros(self.num_landmarks + 1, bool)
        is_marked[landmark_ids] = True
        is_marked[-1] = False
        return is_marked

    def covisible(self, landmark_ids: Int64) -> list[tuple[int, int]]:
        """(keyframe_id, shared landmarks) of the keyframes that see any of these, most first, newest first on ties."""
        counts = np.bincount(self.observers.of(np.unique(landmark_ids[landmark_ids >= 0])))
        keyframe_ids = np.flatnonzero(counts)
        order = np.lexsort((-keyframe_ids, -counts[keyframe_ids]))
        return list(zip(keyframe_ids[order].tolist(), counts[keyframe_ids[order]].tolist()))

    def _describe(self, keyframe: Keyframe, index: Int64, landmark_ids: Int64) -> None:
        """The newest view of a landmark describes it: descriptor, direction and distance of its observer."""
        if len(index) == 0:
            return
        self.descriptors[landmark_ids] = keyframe.observation.features.descriptors[index]
        to_camera = keyframe.T_world_cam[:3, 3] - self.points_world[landmark_ids]
        distances = np.maximum(np.linalg.norm(to_camera, axis=1), 1e-9)
        self.directions[landmark_ids] = to_camera / distances[:, None]
        self.distances_m[landmark_ids] = distances
        self.changed[landmark_ids] = True

    def _free_rows(self, count: int) -> Int64:
        """Rows (count,) of landmarks that are gone, and new ones where those do not suffice; ascending.

        Landmarks are born only while nothing is on its way that still names one that is gone: a problem of the graph
        or a loop. So time spent in a mapped place does not make the map grow.
        """
        gone = np.flatnonzero(~self.alive[: self.num_landmarks])[:count]
        first = self.num_landmarks
        self.num_landmarks += count - len(gone)
        self._reserve(self.num_landmarks)
        return np.concatenate([gone, np.arange(first, self.num_landmarks)])

    def _reserve(self, rows: int) -> None:
        if rows <= len(self.alive):
            return
        extra = -(-(rows - len(self.alive)) // GROWTH) * GROWTH
        for name in (*LANDMARK_COLUMNS, "changed"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((extra, *old.shape[1:]), old.dtype)]))
        self.observers.reserve(len(self.alive))


def points_in_camera(world: Map, landmark_ids: Int64, T_world_cam: Float64) -> Float64:
    """points_cam (M, 3) of landmarks (M,)."""
    return apply(invert(T_world_cam), world.points_world[landmark_ids])


def _inherited(loop: Loop, gone: Keyframe, heir: Keyframe) -> Loop:
    """The loop, measured from another keyframe where it was measured from the one that is gone."""
    T_heir_gone = invert(heir.T_world_cam) @ gone.T_world_cam
    if loop.keyframe_a == gone.keyframe_id:
        loop = replace(loop, keyframe_a=heir.keyframe_id, T_a_b=T_heir_gone @ loop.T_a_b)
    if loop.keyframe_b == gone.keyframe_id:
        T_gone_heir = invert(T_heir_gone)
        T_gone_heir[:3, 3] *= loop.scale_a_b  # in lengths of a's world
        loop = replace(loop, keyframe_b=heir.keyframe_id, T_a_b=loop.T_a_b @ T_gone_heir)
    return loop


def _joined(earlier: ImuSamples | None, later: ImuSamples | None) -> ImuSamples | None:
    """Samples of two steps, None when those of either are missing."""
    if earlier is None or later is None:
        return None
    return joined_samples([earlier, later])
