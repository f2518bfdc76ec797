"""The map: keyframes, and landmarks as rows of arrays. Only this class writes either.

A landmark's id is its row; rows of dead landmarks are not used again. Association is stored once, in
``Keyframe.landmark_ids``; the observation counts here are kept in step with it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slam.geometry import apply, invert
from slam.types import Bool, Correction, Float32, Float64, Int64, Keyframe, Observation, Uint8

GROWTH = 4096  # rows added at a time


class Map:
    """Landmarks (points, descriptors, statistics) and keyframes by id."""

    def __init__(self, descriptor_dim: int) -> None:
        self.keyframes: dict[int, Keyframe] = {}
        self.num_landmarks = 0  # rows in use, dead ones too
        self.points_world: Float64 = np.zeros((0, 3))
        self.descriptors: Float32 = np.zeros((0, descriptor_dim), np.float32)
        self.colors: Uint8 = np.zeros((0, 3), np.uint8)
        self.alive: Bool = np.zeros(0, bool)
        self.observations: Int64 = np.zeros(0, np.int64)  # keyframes that see the landmark
        self.born: Int64 = np.zeros(0, np.int64)  # keyframe id at birth
        self.predicted: Int64 = np.zeros(0, np.int64)  # frames that should have seen it
        self.found: Int64 = np.zeros(0, np.int64)  # frames that did
        self.directions: Float64 = np.zeros((0, 3))  # unit, world, from the landmark to its last observer
        self.distances_m: Float64 = np.zeros(0)  # to its last observer

    @property
    def last_keyframe(self) -> Keyframe:
        return self.keyframes[next(reversed(self.keyframes))]

    @property
    def next_keyframe_id(self) -> int:
        return len(self.keyframes)

    @property
    def num_alive(self) -> int:
        return int(self.alive[: self.num_landmarks].sum())

    def add_keyframe(
        self, frame_index: int, observation: Observation, T_world_cam: Float64, landmark_ids: Int64
    ) -> Keyframe:
        """A new keyframe that sees the given landmarks (N,), -1 for none."""
        keyframe_id = self.next_keyframe_id
        unseen = np.full(len(observation), -1, np.int64)
        self.keyframes[keyframe_id] = Keyframe(keyframe_id, frame_index, observation, T_world_cam, unseen)
        return self.associate(keyframe_id, np.flatnonzero(landmark_ids >= 0), landmark_ids[landmark_ids >= 0])

    def add_landmarks(self, keyframe_id: int, points_world: Float64, index: Int64, colors: Uint8) -> Int64:
        """Ids (M,) of new landmarks at points_world (M, 3), first seen by features ``index`` (M,) of a keyframe."""
        first, last = self.num_landmarks, self.num_landmarks + len(index)
        self._reserve(last)
        self.num_landmarks = last
        self.points_world[first:last] = points_world
        self.colors[first:last] = colors
        self.alive[first:last] = True
        self.born[first:last] = keyframe_id
        self.predicted[first:last] = 1
        self.found[first:last] = 1
        ids = np.arange(first, last)
        self.associate(keyframe_id, index, ids)
        return ids

    def associate(self, keyframe_id: int, index: Int64, landmark_ids: Int64) -> Keyframe:
        """Let features ``index`` (M,) of a keyframe see landmarks (M,). A feature that saw another one lets it go."""
        keyframe = self.keyframes[keyframe_id]
        seen = keyframe.landmark_ids.copy()
        before = seen[index]
        np.subtract.at(self.observations, before[before >= 0], 1)
        seen[index] = landmark_ids
        np.add.at(self.observations, landmark_ids[landmark_ids >= 0], 1)
        self.keyframes[keyframe_id] = replace(keyframe, landmark_ids=seen)
        self._describe(keyframe, index[landmark_ids >= 0], landmark_ids[landmark_ids >= 0])
        return self.keyframes[keyframe_id]

    def remove_landmarks(self, landmark_ids: Int64) -> None:
        """Forget landmarks, in every keyframe."""
        if len(landmark_ids) == 0:
            return
        self.alive[landmark_ids] = False
        self.observations[landmark_ids] = 0
        for keyframe_id, keyframe in self.keyframes.items():
            seen = keyframe.landmark_ids
            dead = (seen >= 0) & ~self.alive[seen]
            if dead.any():
                self.keyframes[keyframe_id] = replace(keyframe, landmark_ids=np.where(dead, -1, seen))

    def apply(self, correction: Correction) -> None:
        """Take better poses and points, and drop outlier observations; landmarks left with fewer than two go."""
        for keyframe_id, T_world_cam in zip(correction.keyframe_ids.tolist(), correction.T_world_cam):
            self.keyframes[keyframe_id] = replace(self.keyframes[keyframe_id], T_world_cam=T_world_cam)
        self.points_world[correction.landmark_ids] = correction.points_world
        for keyframe_id in np.unique(correction.outlier_keyframe_ids).tolist():
            dropped = correction.outlier_landmark_ids[correction.outlier_keyframe_ids == keyframe_id]
            index = np.flatnonzero(np.isin(self.keyframes[keyframe_id].landmark_ids, dropped))
            self.associate(keyframe_id, index, np.full(len(index), -1, np.int64))
        touched = np.unique(correction.outlier_landmark_ids)
        self.remove_landmarks(touched[self.observations[touched] < 2])

    def move(self, keyframe_ids: list[int], landmark_ids: Int64, T_new_old: Float64) -> None:
        """Carry keyframes and landmarks along with a correction of the part of the map they hang on."""
        for keyframe_id in keyframe_ids:
            keyframe = self.keyframes[keyframe_id]
            self.keyframes[keyframe_id] = replace(keyframe, T_world_cam=T_new_old @ keyframe.T_world_cam)
        self.points_world[landmark_ids] = apply(T_new_old, self.points_world[landmark_ids])

    def marked(self, landmark_ids: Int64) -> Bool:
        """(num_landmarks + 1,) which ids are among these (N,); the last row answers for id -1, and says no."""
        is_marked = np.zeros(self.num_landmarks + 1, bool)
        is_marked[landmark_ids] = True
        is_marked[-1] = False
        return is_marked

    def covisible(self, landmark_ids: Int64) -> list[tuple[int, int]]:
        """(keyframe_id, shared landmarks) of the keyframes that see any of these, most first, newest first on ties."""
        wanted = self.marked(landmark_ids)
        counts = [(k, int(wanted[keyframe.landmark_ids].sum())) for k, keyframe in self.keyframes.items()]
        return sorted((c for c in counts if c[1] > 0), key=lambda c: (-c[1], -c[0]))

    def _describe(self, keyframe: Keyframe, index: Int64, landmark_ids: Int64) -> None:
        """The newest view of a landmark describes it: descriptor, direction and distance of its observer."""
        if len(index) == 0:
            return
        self.descriptors[landmark_ids] = keyframe.observation.features.descriptors[index]
        to_camera = keyframe.T_world_cam[:3, 3] - self.points_world[landmark_ids]
        distances = np.maximum(np.linalg.norm(to_camera, axis=1), 1e-9)
        self.directions[landmark_ids] = to_camera / distances[:, None]
        self.distances_m[landmark_ids] = distances

    def _reserve(self, rows: int) -> None:
        if rows <= len(self.alive):
            return
        extra = max(GROWTH, rows - len(self.alive))
        for name in ("points_world", "descriptors", "colors", "alive", "observations", "born", "predicted", "found",
                     "directions", "distances_m"):  # fmt: skip
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((extra, *old.shape[1:]), old.dtype)]))


def points_in_camera(world: Map, landmark_ids: Int64, T_world_cam: Float64) -> Float64:
    """points_cam (M, 3) of landmarks (M,)."""
    return apply(invert(T_world_cam), world.points_world[landmark_ids])
