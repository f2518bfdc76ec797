"""Where the camera will be: constant velocity between frames, and how far off such predictions were lately."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from slam.geometry import invert, similar, transform
from slam.types import Float64

MAX_GAP_S = 0.5  # after a longer gap the last velocity says nothing
RECENT = 4  # predictions that tell how good the next one will be
LEAST_SIGMA_PX, UNKNOWN_SIGMA_PX = 3.0, 30.0
CAUTION = 1.5  # times the worst of the recent errors


class MotionModel:
    """Predicts a pose from the last two; silent (None) until it has seen one."""

    def __init__(self) -> None:
        self._T_world_cam: Float64 | None = None
        self._T_before_last: Float64 = np.eye(4)  # motion of the camera over the last step
        self._stamp_ns = 0
        self._step_s = 0.0
        self._errors_px: list[float] = []

    @property
    def sigma_px(self) -> float:
        """How far from their predicted places the next frame's points may be."""
        if not self._errors_px or self._step_s <= 0:
            return UNKNOWN_SIGMA_PX
        return float(np.clip(CAUTION * max(self._errors_px), LEAST_SIGMA_PX, UNKNOWN_SIGMA_PX))

    def bridges(self, stamp_ns: int) -> bool:
        """Whether the prediction at a time is worth trying even when the camera was lost since the last pose."""
        return False

    def judge(self, error_px: float) -> None:
        """Learn how far off the last prediction was: the typical shift of the points it placed."""
        self._errors_px = [*self._errors_px, error_px][-RECENT:]

    def predict(self, stamp_ns: int) -> Float64 | None:
        """T_world_cam (4, 4) expected at a time, or None."""
        if self._T_world_cam is None:
            return None
        ahead_s = (stamp_ns - self._stamp_ns) * 1e-9
        if self._step_s <= 0 or ahead_s > MAX_GAP_S:
            return self._T_world_cam.copy()
        return self._T_world_cam @ _scaled(self._T_before_last, ahead_s / self._step_s)

    def update(self, stamp_ns: int, T_world_cam: Float64) -> None:
        """Take the pose of a tracked frame."""
        if self._T_world_cam is not None:
            self._step_s = (stamp_ns - self._stamp_ns) * 1e-9
            self._T_before_last = invert(self._T_world_cam) @ T_world_cam
        self._T_world_cam, self._stamp_ns = T_world_cam, stamp_ns

    def moved(self, T_world_cam: Float64, scale: float = 1.0) -> None:
        """The map was corrected: the last frame lies here now; its velocity stays, lengths are multiplied."""
        if self._T_world_cam is not None:
            self._T_world_cam = T_world_cam
            self._T_before_last = similar(np.eye(4), scale, self._T_before_last)

    def forget(self) -> None:
        """The next pose has nothing to do with those before it."""
        self._T_world_cam = None
        self.forget_velocity()

    def forget_velocity(self) -> None:
        """After a loss: stay where we were until two poses say more."""
        self._step_s = 0.0
        self._errors_px = []


def _scaled(T_a_b: Float64, factor: float) -> Float64:
    """A share of a motion, rotation and translation each scaled."""
    rotation = Rotation.from_matrix(T_a_b[:3, :3]).as_rotvec() * factor
    return transform(Rotation.from_rotvec(rotation).as_matrix(), T_a_b[:3, 3] * factor)
