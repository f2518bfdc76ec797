"""Where every tracked frame was, relative to a keyframe, so that it follows the keyframe's later corrections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from slam.geometry import invert, similar
from slam.trajectory import Trajectory
from slam.types import Float64, Keyframe


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where one frame was."""

    stamp_ns: int
    keyframe_id: int
    T_keyframe_cam: Float64  # (4, 4)
    run: int  # which of the runs that made the map the frame belongs to


class PlacedFrames:
    """The last one added is where the camera is now. Frames of earlier runs stay, and are not asked for."""

    def __init__(self, earlier: Mapping[int, Place] | None = None, run: int = 0) -> None:
        self.frames: dict[int, Place] = dict(earlier or {})  # by number, in the order of their arrival
        self.changed: set[int] = set()  # numbers of frames that a map file does not have as they are
        self._run = run
        self._first = self._next = max(self.frames, default=-1) + 1
        self._on: dict[int, list[int]] = {}  # keyframe_id -> numbers of the frames that hang on it
        self._last = -1  # number of the frame where the camera is now
        for number, place in self.frames.items():
            self._on.setdefault(place.keyframe_id, []).append(number)

    def __len__(self) -> int:
        return self._next - self._first

    def add(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        """A frame was at T_world_cam, in the world of the keyframe's sub-map."""
        self._last = self._next
        self.add_earlier(stamp_ns, T_world_cam, keyframe)

    def add_earlier(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        """A frame from before: the last one stays the last."""
        T_keyframe_cam = invert(keyframe.T_world_cam) @ T_world_cam
        self._put(self._next, Place(stamp_ns, keyframe.keyframe_id, T_keyframe_cam, self._run))
        self._next += 1

    def became(self, keyframe: Keyframe) -> None:
        """The last frame is this keyframe now."""
        place = self.frames[self._last]
        self._on[place.keyframe_id].remove(self._last)
        self._put(self._last, Place(place.stamp_ns, keyframe.keyframe_id, np.eye(4), place.run))

    def inherit(self, gone: Keyframe, heir: Keyframe) -> None:
        """The frames of a keyframe that leaves the map hang on another one from now on."""
        T_heir_gone = invert(heir.T_world_cam) @ gone.T_world_cam
        for number in self._on.pop(gone.keyframe_id, ()):
            place = self.frames[number]
            T_heir_cam = T_heir_gone @ place.T_keyframe_cam
            self._put(number, Place(place.stamp_ns, heir.keyframe_id, T_heir_cam, place.run))

    def scale(self, factors: Mapping[int, float]) -> None:
        """Lengths seen from these keyframes (by id) are multiplied."""
        for keyframe_id, factor in factors.items():
            for number in self._on.pop(keyframe_id, ()):
                place = self.frames[number]
                T_keyframe_cam = similar(np.eye(4), factor, place.T_keyframe_cam)
                self._put(number, Place(place.stamp_ns, keyframe_id, T_keyframe_cam, place.run))

    @property
    def last_number(self) -> int:
        """Of the last frame; -1 before the first."""
        return self._last

    @property
    def last_keyframe_id(self) -> int:
        """Of the keyframe that the last frame hangs on; -1 before the first."""
        return -1 if self._last < 0 else self.frames[self._last].keyframe_id

    def last(self, keyframes: Mapping[int, Keyframe]) -> Float64 | None:
        """T_world_cam of the last frame as the map knows it now, None before the first."""
        if self._last < 0:
            return None
        place = self.frames[self._last]
        return keyframes[place.keyframe_id].T_world_cam @ place.T_keyframe_cam

    def frames_of(self, keyframes: Mapping[int, Keyframe]) -> dict[int, int]:
        """submap_id -> how many frames of this run were placed in it."""
        counts: dict[int, int] = {}
        for keyframe_id, numbers in self._of_this_run().items():
            submap_id = keyframes[keyframe_id].submap_id
            counts[submap_id] = counts.get(submap_id, 0) + len(numbers)
        return counts

    def trajectory(self, keyframes: Mapping[int, Keyframe], submap_id: int = 0) -> Trajectory:
        """Every frame of this run in a sub-map, as the map knows it now."""
        numbers = [number for numbers in self._of_this_run().values() for number in numbers]
        return trajectory_of([self.frames[number] for number in numbers], keyframes, submap_id)

    def _of_this_run(self) -> dict[int, list[int]]:
        """keyframe_id -> numbers of this run's frames that hang on it, where there are any."""
        if not self._first:
            return {keyframe_id: numbers for keyframe_id, numbers in self._on.items() if numbers}
        own = {k: [number for number in numbers if number >= self._first] for k, numbers in self._on.items()}
        return {keyframe_id: numbers for keyframe_id, numbers in own.items() if numbers}

    def _put(self, number: int, place: Place) -> None:
        self.frames[number] = place
        self.changed.add(number)
        self._on.setdefault(place.keyframe_id, []).append(number)


def trajectory_of(places: Iterable[Place], keyframes: Mapping[int, Keyframe], submap_id: int) -> Trajectory:
    """The frames among these that lie in a sub-map, of which no two may have the same stamp."""
    inside = [place for place in places if keyframes[place.keyframe_id].submap_id == submap_id]
    T_world_keyframes = np.array([keyframes[place.keyframe_id].T_world_cam for place in inside]).reshape(-1, 4, 4)
    T_keyframe_cams = np.array([place.T_keyframe_cam for place in inside]).reshape(-1, 4, 4)
    stamps_ns = np.array([place.stamp_ns for place in inside], np.int64)
    order = np.argsort(stamps_ns, kind="stable")
    return Trajectory(stamps_ns[order], (T_world_keyframes @ T_keyframe_cams)[order])
