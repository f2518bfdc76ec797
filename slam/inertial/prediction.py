"""Where the camera will be, by its inertial samples: turned by the gyro, and after the inertial start moved by both."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from slam.geometry import invert, transform
from slam.inertial.integration import GRAVITY_WORLD, NO_BIAS, integrate, turned
from slam.inertial.samples import SampleBuffer
from slam.tracking.motion import MotionModel
from slam.types import Float64, ImuSamples

POSITION_SIGMA_M = 0.003  # of a tracked frame
ACCEL_SIGMA_M_S2 = 0.1  # of a sample, from what is not known of bias and gravity
KNOWN_SIGMA_M_S = 0.02  # of a velocity that the graph gave
GYRO_FRAMES = 50  # whose mean is the gyro's bias until the inertial start


class InertialMotion(MotionModel):
    """A MotionModel that asks the samples. Where some are missing, velocity is constant, as without them."""

    def __init__(self, T_body_cam: Float64, samples: SampleBuffer, dead_reckoning_s: float) -> None:
        super().__init__()
        self._T_body_cam, self._T_cam_body = T_body_cam, invert(T_body_cam)
        self._samples, self._dead_reckoning_s = samples, dead_reckoning_s
        self._bias = NO_BIAS
        self._turns = 0  # frames that the gyro's bias was learnt from
        self._is_started = False
        self._velocity_world: Float64 | None = None  # m/s of the body at the last frame
        self._variance = 0.0  # of it, (m/s)^2

    def predict(self, stamp_ns: int) -> Float64 | None:
        constant = super().predict(stamp_ns)
        samples = None if constant is None else self._since_last(stamp_ns)
        if constant is None or samples is None or self._T_world_cam is None:
            return constant
        if self._velocity_world is None:
            return self._turned(samples, (stamp_ns - self._stamp_ns) * 1e-9)
        T_world_body, _ = self._integrated(samples, self._velocity_world)
        return T_world_body @ self._T_body_cam

    def bridges(self, stamp_ns: int) -> bool:
        return self._velocity_world is not None and self._since_last(stamp_ns) is not None

    def update(self, stamp_ns: int, T_world_cam: Float64) -> None:
        samples = self._since_last(stamp_ns)
        if samples is not None and self._T_world_cam is not None:
            self._learn_gyro_bias(samples, T_world_cam)
        if self._is_started:
            self._update_velocity(stamp_ns, T_world_cam, samples)
        super().update(stamp_ns, T_world_cam)

    def moved(self, T_world_cam: Float64, scale: float = 1.0) -> None:
        if self._velocity_world is not None and self._T_world_cam is not None:
            R_new_old = T_world_cam[:3, :3] @ self._T_world_cam[:3, :3].T
            self._velocity_world = scale * R_new_old @ self._velocity_world
        super().moved(T_world_cam, scale)

    def know(self, bias: Float64, velocity_world: Float64, R_world_body: Float64, stamp_ns: int) -> None:
        """The state of a keyframe, which is the last frame or one before it: bias (6,), velocity (3,), R (3, 3)."""
        self._bias, self._is_started = bias, True
        if self._T_world_cam is None:
            return
        samples = self._samples.between(stamp_ns, self._stamp_ns)
        if samples is None and stamp_ns != self._stamp_ns:
            return
        gain = np.zeros(3) if samples is None else integrate(samples, bias)[2]
        seconds = (self._stamp_ns - stamp_ns) * 1e-9
        self._velocity_world = velocity_world + R_world_body @ gain + GRAVITY_WORLD * seconds
        self._variance = KNOWN_SIGMA_M_S**2 + (ACCEL_SIGMA_M_S2 * seconds) ** 2

    def forget(self) -> None:
        super().forget()
        self._is_started, self._velocity_world = False, None

    def _since_last(self, stamp_ns: int) -> ImuSamples | None:
        """Samples since the last tracked frame, None when some are missing or it was too long ago."""
        if self._T_world_cam is None or (stamp_ns - self._stamp_ns) * 1e-9 > self._dead_reckoning_s:
            return None
        return self._samples.between(self._stamp_ns, stamp_ns)

    def _turned(self, samples: ImuSamples, ahead_s: float) -> Float64:
        """Turned by the gyro; the camera itself goes on as it went."""
        assert self._T_world_cam is not None
        R_body_cam = self._T_body_cam[:3, :3]
        R_cam_next = R_body_cam.T @ turned(samples, self._bias[3:]) @ R_body_cam
        R_world_cam, center = self._T_world_cam[:3, :3], self._T_world_cam[:3, 3]
        if self._step_s > 0:
            way = R_world_cam @ self._T_before_last[:3, :3].T @ self._T_before_last[:3, 3]
            center = center + way * (ahead_s / self._step_s)
        return transform(R_world_cam @ R_cam_next, center)

    def _integrated(self, samples: ImuSamples, velocity: Float64) -> tuple[Float64, Float64]:
        """T_world_body (4, 4) and velocity (3,) at the last sample, from the last frame and a velocity there."""
        assert self._T_world_cam is not None
        T_world_body = self._T_world_cam @ self._T_cam_body
        R, seconds = T_world_body[:3, :3], (samples.stamps_ns[-1] - samples.stamps_ns[0]) * 1e-9
        R_a_b, position, gain = integrate(samples, self._bias)
        way = velocity * seconds + 0.5 * GRAVITY_WORLD * seconds**2 + R @ position
        return transform(R @ R_a_b, T_world_body[:3, 3] + way), velocity + GRAVITY_WORLD * seconds + R @ gain

    def _learn_gyro_bias(self, samples: ImuSamples, T_world_cam: Float64) -> None:
        """The mean difference between the gyro's turns and the camera's, until the graph knows better."""
        if self._is_started or self._T_world_cam is None:
            return
        R_body_cam = self._T_body_cam[:3, :3]
        R_a_b = R_body_cam @ self._T_world_cam[:3, :3].T @ T_world_cam[:3, :3] @ R_body_cam.T
        left = Rotation.from_matrix(turned(samples, self._bias[3:]).T @ R_a_b).as_rotvec()
        seconds = (samples.stamps_ns[-1] - samples.stamps_ns[0]) * 1e-9
        self._turns = min(self._turns + 1, GYRO_FRAMES)
        self._bias = self._bias - np.concatenate([np.zeros(3), left / seconds / self._turns])

    def _update_velocity(self, stamp_ns: int, T_world_cam: Float64, samples: ImuSamples | None) -> None:
        """A filter with one variance for all axes: the samples say how it changed, the two poses what it was."""
        seconds = (stamp_ns - self._stamp_ns) * 1e-9
        if self._T_world_cam is None or not 0 < seconds <= self._dead_reckoning_s:
            self._velocity_world = None
            return
        before, after = (T @ self._T_cam_body for T in (self._T_world_cam, T_world_cam))
        of_way = 2.0 * (POSITION_SIGMA_M / seconds) ** 2
        if samples is None:
            self._velocity_world = (after[:3, 3] - before[:3, 3]) / seconds
            self._variance = of_way + 1.0
            return
        if self._velocity_world is None:
            self._velocity_world, self._variance = np.zeros(3), 1e3
        reached, _ = self._integrated(samples, self._velocity_world)
        gain = self._variance / (self._variance + of_way)
        velocity = self._velocity_world + gain * (after[:3, 3] - reached[:3, 3]) / seconds
        _, self._velocity_world = self._integrated(samples, velocity)
        self._variance = (1.0 - gain) * self._variance + (ACCEL_SIGMA_M_S2 * seconds) ** 2
