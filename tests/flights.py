"""Flights with a known answer: exact motion, inertial samples made of it, and a path as a camera would see it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slam.camera import ImuNoise
from slam.geometry import exp_se3, invert, transform
from slam.inertial.chain import Chain
from slam.inertial.integration import NO_BIAS, preintegrate
from slam.inertial.samples import cut
from slam.rendering.box_motion import make_path
from slam.rendering.motion import GRAVITY_WORLD, body_motion
from slam.types import ImuSamples

NOISE = ImuNoise(1.7e-4, 2.0e-3, 1.9e-5, 3.0e-3, 200.0)
T_BODY_CAM = transform(exp_se3(np.array([0.2, -0.4, 1.5, 0, 0, 0]))[:3, :3], [0.05, -0.08, 0.03])
BIAS = np.array([0.08, -0.05, 0.06, 0.004, -0.003, 0.005])  # m/s^2, rad/s
SIGMA = 1e-3  # rad, and share of a depth of 3 m, of the path as seen
DEPTH_M = 3.0


@dataclass(frozen=True, eq=False)
class Flight:
    """The truth, in the world of the first camera, and what is given: a chain in another scale, with noise."""

    chain: Chain
    samples: ImuSamples
    scale: float  # metres per length of the chain
    gravity_world: np.ndarray  # (3,) m/s^2, in the first camera
    velocities_world: np.ndarray  # (K, 3) m/s of the body


def constant_velocity(times_s, with_turn):
    """A body that moves without acceleration, or only turns: its samples are gravity and a rate."""
    rate = np.array([0.0, 0.3, 0.0]) if with_turn else np.zeros(3)
    way = np.zeros(3) if with_turn else np.array([0.4, 0.1, 0.2])
    poses = [transform(exp_se3(np.r_[rate * t, 0, 0, 0])[:3, :3], way * t) for t in times_s]
    gravity = np.array([0.0, 9.81, 0.0])
    accel = np.stack([T[:3, :3].T @ -gravity for T in poses])
    return np.stack(poses), np.tile(rate, (len(times_s), 1)), accel, gravity, np.tile(way, (len(times_s), 1))


def handheld(times_s, seed):
    """T_world_body, gyro, accelerometer, gravity and velocity of a hand that walks through a room."""
    path = make_path("handheld", np.array([0.5, 0.5, 0.5]), np.array([5.0, 4.5, 2.2]), 60.0, 0, 2.0, seed)
    motion = body_motion(path, T_BODY_CAM, times_s)
    poses = path.poses(times_s) @ invert(T_BODY_CAM)
    return poses, motion.gyro_rad_s, motion.accel_m_s2, GRAVITY_WORLD, motion.velocities_world


def flight(kind="handheld", seconds=4.0, seed=0, scale=1.7, noise=1.0, keyframe_s=0.25):
    """``kind``: handheld, or straight or turning, at constant velocity."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(0.0, seconds + 1e-9, 1 / NOISE.rate_hz)
    made = handheld(times_s, seed) if kind == "handheld" else constant_velocity(times_s, kind == "turning")
    poses, gyro, accel, gravity, velocities = made
    white = noise * np.sqrt(NOISE.rate_hz)
    gyro = gyro + BIAS[3:] + white * NOISE.gyro_density * rng.normal(size=gyro.shape)
    accel = accel + BIAS[:3] + white * NOISE.accel_density * rng.normal(size=accel.shape)
    stamps_ns = np.round(times_s * 1e9).astype(np.int64)
    samples = ImuSamples(stamps_ns, gyro, accel)
    every = round(keyframe_s * NOISE.rate_hz)
    kept = np.arange(0, len(times_s), every)
    T_first = poses[0] @ T_BODY_CAM
    T_world_cam = invert(T_first) @ poses[kept] @ T_BODY_CAM
    T_world_cam[:, :3, 3] /= scale
    for T in T_world_cam[1:]:
        T[:] = T @ exp_se3(noise * SIGMA * np.r_[rng.normal(size=3), rng.normal(size=3) * DEPTH_M / scale])
    parts = [cut(samples, a, b, max_gap_ns=10**8) for a, b in pairwise(stamps_ns[kept].tolist())]
    chain = Chain(
        np.arange(len(kept)),
        T_world_cam,
        tuple(preintegrate(part, NO_BIAS, NOISE.times(4.0)) for part in parts),
        np.full(len(kept), SIGMA * DEPTH_M / scale),
        SIGMA,
    )
    R_first = T_first[:3, :3]
    return Flight(chain, samples, scale, R_first.T @ gravity, velocities[kept] @ R_first)
