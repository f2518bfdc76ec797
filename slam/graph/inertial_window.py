"""What the inertial samples say of a window's keyframes, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slam.camera import ImuNoise
from slam.geometry import invert
from slam.inertial.chain import unbroken
from slam.inertial.integration import GRAVITY_WORLD, integrate
from slam.mapping.map import Map
from slam.types import Bool, Float64, ImuSamples, Int64, Keyframe

TILT_SIGMA_RAD = 0.1  # of a world's alignment with gravity: the samples in the window say it better
FIXED_COVARIANCE = 1e-10  # rad^2 and m^2, of what holds the world


@dataclass(frozen=True, slots=True, eq=False)
class InertialWindow:
    """A chain of consecutive keyframes that ends with the newest one. The window's world is aligned with gravity."""

    T_body_cam: Float64  # (4, 4)
    noise: ImuNoise
    keyframe_index: Int64  # (C,) oldest first, into the window's keyframe_ids
    samples: tuple[ImuSamples, ...]  # C - 1, of the steps between them
    velocities_world: Float64  # (C, 3) m/s of the body
    biases: Float64  # (C, 6) accelerometer (m/s^2), then gyro (rad/s)
    prior_covariance: Float64  # (9, 9) of the oldest one's velocity and bias

    @property
    def is_finite(self) -> bool:
        samples = [array for s in self.samples for array in (s.gyro_rad_s, s.accel_m_s2)]
        return all(bool(np.isfinite(array).all()) for array in (self.velocities_world, self.biases, *samples))

    def kept(self, keyframes: Bool) -> InertialWindow | None:
        """The chain in a window with these of its keyframes (K,); None when one of the chain goes."""
        if not keyframes[self.keyframe_index].all():
            return None
        return replace(self, keyframe_index=(np.cumsum(keyframes) - 1)[self.keyframe_index])


@dataclass(frozen=True, slots=True, eq=False)
class InertialKnowledge:
    """What a window of a sub-map whose inertial start was accepted is made with."""

    T_body_cam: Float64  # (4, 4)
    noise: ImuNoise
    window: int  # keyframes that are free
    max_step_s: float  # longer steps between keyframes get no factor
    bias: Float64  # (6,) of keyframes that have none yet
    covariances: dict[int, Float64]  # keyframe_id -> (9, 9) of velocity and bias, of the last optimisation
    loose: Float64  # (9, 9) where that is not known
    gravity_sigma_rad: float  # of the world's alignment with gravity


def choose_inertial(
    world: Map, newest: Keyframe, keyframe_ids: Int64, known: InertialKnowledge | None
) -> InertialWindow | None:
    """The inertial part of a window; None without samples since the keyframe before the newest."""
    if known is None:
        return None
    chain = unbroken(world.submap(newest.submap_id), known.window + 1, known.max_step_s)
    if len(chain) < 2:
        return None
    oldest = chain[0].keyframe_id
    return InertialWindow(
        known.T_body_cam,
        known.noise,
        np.array([int(np.flatnonzero(keyframe_ids == keyframe.keyframe_id)[0]) for keyframe in chain], np.int64),
        tuple(keyframe.imu for keyframe in chain[1:] if keyframe.imu is not None),
        _velocities(chain, known),
        np.stack([_bias(keyframe, known) for keyframe in chain]),
        known.covariances.get(oldest, known.loose),
    )


def gauge_covariance(first: Keyframe, known: InertialKnowledge) -> Float64:
    """(6, 6) of the first keyframe's pose, in the camera's tangent: it holds the world's place and its heading.

    Its tilt is for gravity to say, as well as that was known at the start.
    """
    tilt = TILT_SIGMA_RAD**2
    R_cam_world = first.T_world_cam[:3, :3].T
    covariance = np.eye(6) * FIXED_COVARIANCE
    covariance[:3, :3] = R_cam_world @ np.diag([tilt, FIXED_COVARIANCE, tilt]) @ R_cam_world.T
    return covariance


def _bias(keyframe: Keyframe, known: InertialKnowledge) -> Float64:
    return known.bias if keyframe.bias is None else keyframe.bias


def _velocities(chain: list[Keyframe], known: InertialKnowledge) -> Float64:
    """(C, 3) as the map has them, else as the samples since the keyframe before say."""
    T_world_body = np.stack([keyframe.T_world_cam for keyframe in chain]) @ invert(known.T_body_cam)
    velocities = np.empty((len(chain), 3))
    for c, keyframe in enumerate(chain):
        if keyframe.velocity_world is not None:
            velocities[c] = keyframe.velocity_world
        elif c == 0:
            seconds = (chain[1].observation.stamp_ns - keyframe.observation.stamp_ns) * 1e-9
            velocities[c] = (T_world_body[1, :3, 3] - T_world_body[0, :3, 3]) / seconds
        else:
            velocities[c] = velocities[c - 1] + _gain(T_world_body[c - 1], keyframe, _bias(chain[c - 1], known))
    return velocities


def _gain(T_world_body: Float64, after: Keyframe, bias: Float64) -> Float64:
    """Velocity (3,) m/s gained on the way to a keyframe."""
    assert after.imu is not None
    _, _, velocity = integrate(after.imu, bias)
    seconds = (after.imu.stamps_ns[-1] - after.imu.stamps_ns[0]) * 1e-9
    return T_world_body[:3, :3] @ velocity + GRAVITY_WORLD * seconds
