"""The inertial side of a run: keeps the samples, tries the start, and says what each window may know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slam.camera import ImuNoise, Rig
from slam.config import InertialConfig, SlamConfig
from slam.geometry import invert
from slam.graph.inertial_window import InertialKnowledge
from slam.inertial.chain import make_chain, unbroken
from slam.inertial.initialization import InertialStart, NotYet, inertial_start
from slam.inertial.prediction import InertialMotion
from slam.inertial.samples import SampleBuffer
from slam.mapping.map import Map
from slam.tracking.motion import MotionModel
from slam.types import Float64, Frame, ImuSamples, InertialStates, Keyframe, Mode

REFINEMENTS = 2  # of a start, in the times that the configuration names
VELOCITY_SIGMA_M_S = 1.0  # of a keyframe of which nothing else is known


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """A start that a sub-map was made metric and level by."""

    start: InertialStart  # the last one: it is made again with more samples
    scale: float  # metres per length of the map that was there first, all starts together
    gravity_cam: Float64  # (3,) unit, in the first camera
    stamp_ns: int  # of the keyframe at which it was accepted; -1: in an earlier run
    refined: int = 0  # how often it was made again


class Inertial:
    """What a run knows by its inertial unit. The Map and the trajectories are others' to change."""

    def __init__(self, T_body_cam: Float64, noise: ImuNoise, mode: Mode, config: SlamConfig) -> None:
        self._T_body_cam, self._noise = T_body_cam, noise
        self._config, self._window = config.inertial, config.graph.window
        self._with_scale = not mode.is_metric
        self._samples = SampleBuffer(noise.rate_hz, 2.0 * self._config.max_step_s)
        self.motion: MotionModel = InertialMotion(T_body_cam, self._samples, self._config.dead_reckoning_s)
        self._accepted: dict[int, Accepted] = {}  # submap_id -> the start
        self._joint = 0  # keyframes of a start that are to be optimised together, once
        self._bias = np.zeros(6)
        self._covariances: dict[int, Float64] = {}  # keyframe_id -> (9, 9) of velocity and bias
        self._reason, self._first_ns = "no keyframes", -1

    def remember(self, world: Map) -> None:
        """Sub-maps of a loaded map that an earlier run made metric are so still."""
        for submap_id in {keyframe.submap_id for keyframe in world.keyframes.values()}:
            if any(keyframe.bias is not None for keyframe in world.submap(submap_id)):
                self._accepted[submap_id] = accepted_before(world.submap(submap_id), self._config)
                self._bias = self._accepted[submap_id].start.bias

    def sense(self, frame: Frame) -> None:
        """Take the samples that came with a frame, before anything is asked about it."""
        self._first_ns = frame.stamp_ns if self._first_ns < 0 else self._first_ns
        self._samples.add(frame.imu)

    def samples_since_keyframe(self, world: Map, submap_id: int, stamp_ns: int) -> ImuSamples | None:
        """Samples from the newest keyframe of a sub-map to a time; None without one, or where some are missing."""
        keyframes = world.submap(submap_id)
        return self._samples.between(keyframes[-1].observation.stamp_ns, stamp_ns) if keyframes else None

    def wants_keyframe(self, last: Keyframe, stamp_ns: int) -> bool:
        """Whether the last keyframe is too old for a start that is still to come."""
        is_old = (stamp_ns - last.observation.stamp_ns) * 1e-9 >= self._config.keyframe_s
        return is_old and last.submap_id not in self._accepted

    def start(self, world: Map, submap_id: int) -> InertialStart | None:
        """A start for a sub-map, or a better one, if its newest keyframe allows it and it is time."""
        keyframes = world.submap(submap_id)
        stamp_ns, before = keyframes[-1].observation.stamp_ns, self._accepted.get(submap_id)
        if before is not None and not self._is_due(before, stamp_ns):
            return None
        chain = unbroken(keyframes, self._config.max_keyframes, self._config.max_step_s)
        if len(chain) < 2:
            return None
        visual = make_chain(world, chain, self._noise, self._config.visual_sigma)
        found = inertial_start(visual, self._T_body_cam, self._config, self._with_scale)
        if isinstance(found, NotYet):
            self._reason = found.reason
            return None
        self._accepted[submap_id] = _accepted(found, before, stamp_ns)
        self._joint, self._bias, self._covariances = len(chain), found.bias, {}
        return found

    def states(self, start: InertialStart) -> InertialStates:
        """The keyframes' states after a start."""
        count = len(start.keyframe_ids)
        biases, covariances = np.tile(start.bias, (count, 1)), np.tile(self._loose(), (count, 1, 1))
        return InertialStates(start.keyframe_ids, start.velocities_world, biases, covariances)

    def knowledge(self, submap_id: int) -> InertialKnowledge | None:
        """What the next window of a sub-map is made with; None before its start."""
        accepted = self._accepted.get(submap_id)
        if accepted is None:
            return None
        window, self._joint = max(self._window, self._joint), 0
        return InertialKnowledge(
            self._T_body_cam,
            self._noise,
            window,
            self._config.max_step_s,
            self._bias,
            self._covariances,
            self._loose(),
            accepted.start.gravity_sigma_rad,
        )

    def take(self, states: InertialStates, world: Map, has_camera: bool) -> None:
        """The graph's answer; ``has_camera``: whether the camera is in the sub-map of these keyframes."""
        self._covariances.update(zip(states.keyframe_ids.tolist(), states.covariances))
        self._bias = states.biases[-1]
        if has_camera:
            self._know(world, int(states.keyframe_ids[-1]))

    def joined(self, older_id: int, newer_id: int) -> None:
        """A sub-map came into the world of an older one, and both have the smaller name now."""
        accepted = self._accepted.pop(older_id, None)
        self._accepted.pop(newer_id, None)
        if accepted is not None:
            self._accepted[min(older_id, newer_id)] = accepted

    def is_metric(self, submap_id: int) -> bool:
        """Whether the samples made a sub-map metric."""
        return submap_id in self._accepted

    def started_ns(self, submap_id: int) -> int | None:
        """Stamp of the keyframe at which the start was accepted, None before."""
        return self._accepted[submap_id].stamp_ns if submap_id in self._accepted else None

    def figures(self, submap_id: int) -> dict[str, Any]:
        """For the summary: when the start was accepted and what it found, or why there was none."""
        accepted = self._accepted.get(submap_id)
        if accepted is None:
            return {"started": False, "reason": self._reason}
        return {
            "started": True,
            "start_s": None if accepted.stamp_ns < 0 else (accepted.stamp_ns - self._first_ns) * 1e-9,
            "refined": accepted.refined,
            "scale": accepted.scale,
            "scale_sigma": accepted.start.scale_sigma,
            "gravity_first_cam": accepted.gravity_cam.tolist(),
            "gravity_sigma_deg": math.degrees(accepted.start.gravity_sigma_rad),
            "accel_bias_m_s2": self._bias[:3].tolist(),
            "gyro_bias_rad_s": self._bias[3:].tolist(),
            "surprise": accepted.start.surprise,
        }

    def _is_due(self, accepted: Accepted, stamp_ns: int) -> bool:
        """Whether it is time to make a start again (Campos et al. do so 5 and 15 s after the first)."""
        times_s = (self._config.refine_s, self._config.refine_again_s)
        if accepted.refined >= REFINEMENTS:
            return False
        return (stamp_ns - accepted.stamp_ns) * 1e-9 >= times_s[accepted.refined]

    def _loose(self) -> Float64:
        """(9, 9) of a velocity and a bias of which nothing is known."""
        accel, gyro = self._config.accel_bias_sigma_m_s2, self._config.gyro_bias_sigma_rad_s
        return np.diag(np.repeat([VELOCITY_SIGMA_M_S, accel, gyro], 3) ** 2)

    def _know(self, world: Map, keyframe_id: int) -> None:
        keyframe = world.keyframes[keyframe_id]
        assert isinstance(self.motion, InertialMotion) and keyframe.velocity_world is not None
        R_world_body = (keyframe.T_world_cam @ invert(self._T_body_cam))[:3, :3]
        self.motion.know(self._bias, keyframe.velocity_world, R_world_body, keyframe.observation.stamp_ns)


class NoInertial:
    """The same for a run without inertial samples."""

    def __init__(self) -> None:
        self.motion = MotionModel()

    def remember(self, world: Map) -> None:
        return None

    def sense(self, frame: Frame) -> None:
        return None

    def samples_since_keyframe(self, world: Map, submap_id: int, stamp_ns: int) -> ImuSamples | None:
        return None

    def wants_keyframe(self, last: Keyframe, stamp_ns: int) -> bool:
        return False

    def start(self, world: Map, submap_id: int) -> InertialStart | None:
        return None

    def states(self, start: InertialStart) -> InertialStates:
        raise AssertionError("there is no start")

    def knowledge(self, submap_id: int) -> InertialKnowledge | None:
        return None

    def take(self, states: InertialStates, world: Map, has_camera: bool) -> None:
        return None

    def joined(self, older_id: int, newer_id: int) -> None:
        return None

    def is_metric(self, submap_id: int) -> bool:
        return False

    def started_ns(self, submap_id: int) -> int | None:
        return None

    def figures(self, submap_id: int) -> dict[str, Any] | None:
        return None


def make_inertial(rig: Rig, mode: Mode, config: SlamConfig) -> Inertial | NoInertial:
    """The inertial side of a run; without effect where the rig has no inertial unit or it is not to be used."""
    if rig.imu is None or rig.T_body_cam is None or not config.inertial.use:
        return NoInertial()
    return Inertial(rig.T_body_cam, rig.imu.times(config.inertial.noise_factor), mode, config)


def accepted_before(keyframes: Sequence[Keyframe], config: InertialConfig) -> Accepted:
    """The start of a sub-map (its keyframes, oldest first) in an earlier run: of its figures the bounds are left."""
    known = [k for k in keyframes if k.velocity_world is not None and k.bias is not None]
    start = InertialStart(
        scale=1.0,
        R_new_old=np.eye(3),
        keyframe_ids=np.array([k.keyframe_id for k in known], np.int64),
        velocities_world=np.array([k.velocity_world for k in known]).reshape(-1, 3),
        bias=np.asarray(known[-1].bias, np.float64) if known else np.zeros(6),
        scale_sigma=config.max_scale_sigma,
        gravity_sigma_rad=math.radians(config.max_gravity_sigma_deg),
        bias_sigma=np.zeros(6),
        surprise=math.nan,
        seconds=0.0,
    )
    return Accepted(start, 1.0, keyframes[0].T_world_cam[1, :3], -1, refined=REFINEMENTS)


def _accepted(start: InertialStart, before: Accepted | None, stamp_ns: int) -> Accepted:
    if before is None:
        return Accepted(start, start.scale, start.R_new_old[1], stamp_ns)  # its row 1: +y of the new world, in the old
    return replace(before, start=start, scale=before.scale * start.scale, refined=before.refined + 1)
