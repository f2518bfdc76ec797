"""When the inertial samples can be trusted: scale, gravity, velocities and biases, or the reason why not yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.config import InertialConfig
from slam.geometry import transform
from slam.inertial.alignment import gyro_bias, linear_start
from slam.inertial.chain import Chain
from slam.inertial.fit import Beliefs, Fit, Unknowns, fit
from slam.inertial.integration import GRAVITY_M_S2, GRAVITY_WORLD
from slam.types import Float64, Int64

LEAST_SCALE = 1e-6  # metres per length of the map: below, and below 0, the scale comes from noise alone


@dataclass(frozen=True, slots=True, eq=False)
class InertialStart:
    """How the map becomes metric and level: ``p_new = scale * R_new_old @ p_old``, and the state of its keyframes."""

    scale: float  # 1 where it is known
    R_new_old: Float64  # (3, 3) brings gravity to +y by the shortest way
    keyframe_ids: Int64  # (K,)
    velocities_world: Float64  # (K, 3) m/s of the body, in the new world
    bias: Float64  # (6,) accelerometer (m/s^2), gyro (rad/s)
    scale_sigma: float  # relative; 0 where scale is known
    gravity_sigma_rad: float
    bias_sigma: Float64  # (6,)
    surprise: float  # mean square of the residuals in units of their noise
    seconds: float  # that the keyframes cover

    @property
    def T_new_old(self) -> Float64:
        """(4, 4) its turn; the origin stays where it is."""
        return transform(self.R_new_old, np.zeros(3))


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why there is no start."""

    reason: str


def inertial_start(
    chain: Chain, T_body_cam: Float64, config: InertialConfig, with_scale: bool
) -> InertialStart | NotYet:
    """What a chain of keyframes says; ``with_scale``: whether the scale of the map is to be found too."""
    if len(chain) < config.min_keyframes or chain.seconds < config.min_span_s:
        wanted = f"{config.min_keyframes} keyframes over {config.min_span_s:g} s"
        return NotYet(f"needs {wanted} with all their samples, has {len(chain)} over {chain.seconds:.1f} s")
    found = _fitted(chain, T_body_cam, config, with_scale)
    if isinstance(found, NotYet):
        return found
    doubt = _doubt(found, config)
    return NotYet(doubt) if doubt else _start(found, chain.keyframe_ids, with_scale)


def _fitted(chain: Chain, T_body_cam: Float64, config: InertialConfig, with_scale: bool) -> Fit | NotYet:
    unseen = NotYet("needs acceleration: the scale does not show")
    bias = np.concatenate([np.zeros(3), gyro_bias(chain, T_body_cam)[0]])
    scale, gravity, velocities = linear_start(chain, T_body_cam, bias, with_scale)
    if not scale > LEAST_SCALE:
        return unseen
    R_world_body = chain.R_world_body(T_body_cam)
    start = Unknowns(math.log(scale), gravity, bias, chain.T_world_cam[:, :3, 3], R_world_body, velocities)
    beliefs = Beliefs(config.accel_bias_sigma_m_s2, config.gyro_bias_sigma_rad_s, with_scale)
    try:
        found = fit(chain, T_body_cam, start, beliefs)
    except np.linalg.LinAlgError:
        return unseen
    return found if math.isfinite(found.surprise) and math.isfinite(found.scale_sigma) else unseen


def _doubt(found: Fit, config: InertialConfig) -> str:
    """Why the estimate is not to be trusted, "" when it is."""
    gravity_deg = math.degrees(found.gravity_sigma_rad)
    if found.surprise > config.max_surprise:
        return (
            f"samples and path disagree by {math.sqrt(found.surprise):.1f} times their noise: "
            "check T_body_cam, the clocks and the noise of the rig"
        )
    if found.scale_sigma > config.max_scale_sigma:
        known = f"{found.scale_sigma:.0%}" if found.scale_sigma < 1 else "no better than a factor of 2"
        return f"needs acceleration: scale known to {known}"
    if gravity_deg > config.max_gravity_sigma_deg:
        return f"needs turning: gravity known to {gravity_deg:.1f} deg"
    return ""


def _start(found: Fit, keyframe_ids: Int64, with_scale: bool) -> InertialStart:
    unknowns = found.unknowns
    R_new_old = turn_to_gravity(unknowns.gravity)
    return InertialStart(
        math.exp(unknowns.log_scale) if with_scale else 1.0,
        R_new_old,
        keyframe_ids,
        unknowns.velocities @ R_new_old.T,
        unknowns.bias,
        found.scale_sigma,
        found.gravity_sigma_rad,
        found.bias_sigma,
        found.surprise,
        found.seconds,
    )


def turn_to_gravity(gravity_old: Float64) -> Float64:
    """R_new_old (3, 3): the shortest turn after which gravity (3,) points along +y."""
    down, wanted = gravity_old / np.linalg.norm(gravity_old), GRAVITY_WORLD / GRAVITY_M_S2
    axis = np.cross(down, wanted)
    sine, cosine = float(np.linalg.norm(axis)), float(down @ wanted)
    if sine < 1e-12:  # level already, or upside down: about z then
        return np.eye(3) if cosine > 0 else np.diag([-1.0, -1.0, 1.0])
    return Rotation.from_rotvec(axis / sine * math.atan2(sine, cosine)).as_matrix()
