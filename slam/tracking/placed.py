"""Where every tracked frame was, relative to a keyframe, so that it follows the keyframe's later corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64, Keyframe


@dataclass(slots=True)
class _Group:
    """The frames that hang on one keyframe."""

    stamps_ns: list[int] = field(default_factory=list)
    T_keyframe_cam: list[Float64] = field(default_factory=list)


class PlacedFrames:
    """The last one added is where the camera is now."""

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}  # keyframe_id -> frames
        self._last: tuple[int, int] | None = None  # keyframe_id, position in its group

    def __len__(self) -> int:
        return sum(len(group.stamps_ns) for group in self._groups.values())

    def add(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        """A frame was at T_world_cam, in the world of the keyframe's sub-map."""
        self._last = self._put(stamp_ns, invert(keyframe.T_world_cam) @ T_world_cam, keyframe.keyframe_id)

    def add_earlier(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        """A frame from before: the last one stays the last."""
        self._put(stamp_ns, invert(keyframe.T_world_cam) @ T_world_cam, keyframe.keyframe_id)

    def became(self, keyframe: Keyframe) -> None:
        """The last frame is this keyframe now."""
        assert self._last is not None
        group, at = self._groups[self._last[0]], self._last[1]
        stamp_ns = group.stamps_ns.pop(at)
        group.T_keyframe_cam.pop(at)
        self._last = self._put(stamp_ns, np.eye(4), keyframe.keyframe_id)

    def inherit(self, gone: Keyframe, heir: Keyframe) -> None:
        """The frames of a keyframe that leaves the map hang on another one from now on."""
        group = self._groups.pop(gone.keyframe_id, None)
        if group is None:
            return
        T_heir_gone = invert(heir.T_world_cam) @ gone.T_world_cam
        first = len(self._group(heir.keyframe_id).stamps_ns)
        for stamp_ns, T_keyframe_cam in zip(group.stamps_ns, group.T_keyframe_cam, strict=True):
            self._put(stamp_ns, T_heir_gone @ T_keyframe_cam, heir.keyframe_id)
        if self._last is not None and self._last[0] == gone.keyframe_id:
            self._last = heir.keyframe_id, first + self._last[1]

    def scale(self, factors: Mapping[int, float]) -> None:
        """Lengths seen from these keyframes (by id) are multiplied."""
        for keyframe_id, factor in factors.items():
            for T_keyframe_cam in self._groups.get(keyframe_id, _Group()).T_keyframe_cam:
                T_keyframe_cam[:3, 3] *= factor

    @property
    def last_keyframe_id(self) -> int:
        """Of the keyframe that the last frame hangs on; -1 before the first."""
        return -1 if self._last is None else self._last[0]

    def last(self, keyframes: Mapping[int, Keyframe]) -> Float64 | None:
        """T_world_cam of the last frame as the map knows it now, None before the first."""
        if self._last is None:
            return None
        keyframe_id, at = self._last
        return keyframes[keyframe_id].T_world_cam @ self._groups[keyframe_id].T_keyframe_cam[at]

    def frames_of(self, keyframes: Mapping[int, Keyframe]) -> dict[int, int]:
        """submap_id -> how many frames were placed in it."""
        counts: dict[int, int] = {}
        for keyframe_id, group in self._groups.items():
            submap_id = keyframes[keyframe_id].submap_id
            counts[submap_id] = counts.get(submap_id, 0) + len(group.stamps_ns)
        return counts

    def trajectory(self, keyframes: Mapping[int, Keyframe], submap_id: int = 0) -> Trajectory:
        """Every frame of a sub-map, as the map knows it now."""
        groups = {k: g for k, g in self._groups.items() if keyframes[k].submap_id == submap_id and g.stamps_ns}
        if not groups:
            return Trajectory(np.zeros(0, np.int64), np.zeros((0, 4, 4)))
        stamps_ns = np.concatenate([group.stamps_ns for group in groups.values()]).astype(np.int64)
        poses = np.concatenate([keyframes[k].T_world_cam @ np.stack(g.T_keyframe_cam) for k, g in groups.items()])
        order = np.argsort(stamps_ns, kind="stable")
        return Trajectory(stamps_ns[order], poses[order])

    def _put(self, stamp_ns: int, T_keyframe_cam: Float64, keyframe_id: int) -> tuple[int, int]:
        group = self._group(keyframe_id)
        group.stamps_ns.append(stamp_ns)
        group.T_keyframe_cam.append(T_keyframe_cam)
        return keyframe_id, len(group.stamps_ns) - 1

    def _group(self, keyframe_id: int) -> _Group:
        return self._groups.setdefault(keyframe_id, _Group())
