"""Where every tracked frame was, relative to a keyframe, so that it follows the keyframe's later corrections."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slam.geometry import invert
from slam.trajectory import Trajectory
from slam.types import Float64, Keyframe

Place = tuple[int, int, Float64]  # stamp_ns, reference keyframe_id, T_keyframe_cam


class PlacedFrames:
    """The last one added is where the camera is now."""

    def __init__(self) -> None:
        self._placed: list[Place] = []

    def add(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        self._placed.append(_place(stamp_ns, T_world_cam, keyframe))

    def add_before(self, stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> None:
        """A frame from before the others: the last one stays the last."""
        self._placed.insert(0, _place(stamp_ns, T_world_cam, keyframe))

    def became(self, keyframe: Keyframe) -> None:
        """The last frame is this keyframe now."""
        self._placed[-1] = (self._placed[-1][0], keyframe.keyframe_id, np.eye(4))

    def last(self, keyframes: Mapping[int, Keyframe]) -> Float64 | None:
        """T_world_cam of the last frame as the map knows it now, None before the first."""
        if not self._placed:
            return None
        _, keyframe_id, T_keyframe_cam = self._placed[-1]
        return keyframes[keyframe_id].T_world_cam @ T_keyframe_cam

    def trajectory(self, keyframes: Mapping[int, Keyframe]) -> Trajectory:
        """Every frame, as the map knows it now."""
        ordered = sorted(self._placed, key=lambda placed: placed[0])
        poses = [keyframes[k].T_world_cam @ T_keyframe_cam for _, k, T_keyframe_cam in ordered]
        stamps_ns = np.array([stamp_ns for stamp_ns, _, _ in ordered], np.int64)
        return Trajectory(stamps_ns, np.array(poses).reshape(-1, 4, 4))


def _place(stamp_ns: int, T_world_cam: Float64, keyframe: Keyframe) -> Place:
    return stamp_ns, keyframe.keyframe_id, invert(keyframe.T_world_cam) @ T_world_cam
