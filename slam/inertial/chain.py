"""Consecutive keyframes of one sub-map with no inertial sample missing between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slam.camera import ImuNoise
from slam.inertial.integration import NO_BIAS, Preintegrated, preintegrate
from slam.mapping.map import Map
from slam.types import Float64, Int64, Keyframe


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The path of a chain, and what the inertial samples say of the steps along it."""

    keyframe_ids: Int64  # (K,)
    T_world_cam: Float64  # (K, 4, 4) in lengths of the map
    steps: tuple[Preintegrated, ...]  # K - 1
    sigma_position: Float64  # (K,) of the camera's place, lengths of the map
    sigma_rotation_rad: float

    def __len__(self) -> int:
        return len(self.keyframe_ids)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    def R_world_body(self, T_body_cam: Float64) -> Float64:
        """(K, 3, 3)."""
        return self.T_world_cam[:, :3, :3] @ T_body_cam[:3, :3].T


def make_chain(world: Map, keyframes: list[Keyframe], noise: ImuNoise, visual_sigma: float) -> Chain:
    """The chain of consecutive keyframes, at least two; ``visual_sigma``: rad, and share of the scene's depth."""
    steps = [preintegrate(keyframe.imu, NO_BIAS, noise) for keyframe in keyframes[1:] if keyframe.imu is not None]
    depths = np.array([scene_depth(world, keyframe) for keyframe in keyframes])
    return Chain(
        np.array([keyframe.keyframe_id for keyframe in keyframes], np.int64),
        np.stack([keyframe.T_world_cam for keyframe in keyframes]),
        tuple(_with_walk(step, noise, sum(s.seconds for s in steps)) for step in steps),
        visual_sigma * np.nan_to_num(depths, nan=float(np.nanmedian(depths))),
        visual_sigma,
    )


def _with_walk(step: Preintegrated, noise: ImuNoise, seconds: float) -> Preintegrated:
    """A step of a chain that is given one bias for all its ``seconds``: the bias walks, by T/6 about its mean."""
    walk = np.repeat([noise.accel_walk**2, noise.gyro_walk**2], 3) * (seconds / 6.0)
    return replace(step, covariance=step.covariance + (step.by_bias * walk) @ step.by_bias.T)


def unbroken(keyframes: list[Keyframe], most: int, max_step_s: float) -> list[Keyframe]:
    """The newest of these keyframes, oldest first: at most so many, each with the samples since the one before it."""
    chain = keyframes[-1:]
    for before, after in zip(reversed(keyframes[:-1]), reversed(keyframes)):
        if len(chain) >= most or not _follows(before, after, max_step_s):
            break
        chain.insert(0, before)
    return chain


def scene_depth(world: Map, keyframe: Keyframe) -> float:
    """Median distance from a keyframe to the landmarks it sees, in lengths of the map; NaN where it sees none."""
    ids = keyframe.landmark_ids[keyframe.landmark_ids >= 0]
    if len(ids) == 0:
        return float("nan")
    return float(np.median(np.linalg.norm(world.points_world[ids] - keyframe.T_world_cam[:3, 3], axis=1)))


def _follows(before: Keyframe, after: Keyframe, max_step_s: float) -> bool:
    """Whether the samples of a keyframe begin at the one before it: another may have come between by a joined map."""
    if after.imu is None or int(after.imu.stamps_ns[0]) != before.observation.stamp_ns:
        return False
    return (after.observation.stamp_ns - before.observation.stamp_ns) * 1e-9 <= max_step_s
