"""Least squares over cameras, the pose between them, and the board's pose in every view, with the covariance left over.

Levenberg-Marquardt on the normal equations; the views' poses are eliminated (Triggs et al., Bundle Adjustment: A Modern
Synthesis, 2000, section 6.1), so that a step costs little however many views there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slam.calibration.projection import composed, project
from slam.types import Float64

FIRST_DAMPING = 1e-3
LARGEST_DAMPING = 1e12
SMALL_GAIN = 1e-12  # of the cost, at which a step has found nothing more
MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Corners that one camera saw in one view."""

    view: int  # row of State.poses
    camera: int  # 0 left, 1 right
    points: Float64  # (N, 3) m, on the board
    xy: Float64  # (N, 2) px


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that is estimated."""

    models: tuple[str, ...]  # distortion model of each camera
    cameras: tuple[Float64, ...]  # parameters, see slam/calibration/projection.py
    pose_right_left: Float64 | None  # (6,) with two cameras
    poses: Float64  # (V, 6) of the board in the left camera

    @property
    def shared(self) -> Float64:
        """(G,) what all views have in common."""
        between = [] if self.pose_right_left is None else [self.pose_right_left]
        return np.concatenate([*self.cameras, *between])

    def moved(self, shared: Float64, poses: Float64) -> State:
        """The state after steps (G,) and (V, 6)."""
        values = self.shared + shared
        cuts = np.cumsum([len(camera) for camera in self.cameras])
        *cameras, between = np.split(values, cuts)
        return State(self.models, tuple(cameras), between if len(between) else None, self.poses + poses)

    def columns(self, camera: int) -> slice:
        """Where a camera's parameters lie in ``shared``."""
        start = sum(len(other) for other in self.cameras[:camera])
        return slice(start, start + len(self.cameras[camera]))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The minimum."""

    state: State
    residuals: list[Float64]  # (N, 2) px of each sight, measured minus projected
    sigma_px: float  # of one coordinate: what the residuals leave after the parameters took their share
    covariance: Float64  # (G, G) of State.shared, scaled by sigma_px; inf where the views leave something open


@dataclass(slots=True, eq=False)
class _Normal:
    """Normal equations in blocks."""

    H: Float64  # (G, G)
    g: Float64  # (G,)
    V: Float64  # (V, 6, 6)
    v: Float64  # (V, 6)
    W: Float64  # (V, G, 6)
    cost: float = 0.0
    residuals: list[Float64] = field(default_factory=list)


def adjust(state: State, sights: Sequence[Sight]) -> Fit:
    """The least squares solution near ``state``."""
    normal, damping = _linearised(state, sights), FIRST_DAMPING
    for _ in range(MOST_STEPS):
        trial = state.moved(*_step(normal, damping))
        there = _linearised(trial, sights)
        if not there.cost < normal.cost:  # NaN too
            damping *= 10.0
            if damping > LARGEST_DAMPING:
                break
            continue
        gain = 1.0 - there.cost / max(normal.cost, 1e-300)
        state, normal, damping = trial, there, max(damping / 10.0, 1e-12)
        if gain < SMALL_GAIN:
            break
    return _fit(state, normal)


def _linearised(state: State, sights: Sequence[Sight]) -> _Normal:
    shared, views = len(state.shared), len(state.poses)
    normal = _Normal(
        np.zeros((shared, shared)), np.zeros(shared),
        np.zeros((views, 6, 6)), np.zeros((views, 6)), np.zeros((views, shared, 6)),
    )  # fmt: skip
    for sight in sights:
        residual, by_shared, by_pose = _derivatives(state, sight)
        normal.H += by_shared.T @ by_shared
        normal.g += by_shared.T @ residual
        normal.V[sight.view] += by_pose.T @ by_pose
        normal.v[sight.view] += by_pose.T @ residual
        normal.W[sight.view] += by_shared.T @ by_pose
        normal.cost += float(residual @ residual)
        normal.residuals.append(residual.reshape(-1, 2))
    return normal


def _derivatives(state: State, sight: Sight) -> tuple[Float64, Float64, Float64]:
    """Residual (2N,) and the derivatives of the projection by ``shared`` (2N, G) and by the view's pose (2N, 6)."""
    pose = state.poses[sight.view]
    between = state.pose_right_left if sight.camera > 0 else None
    if between is not None:
        pose, by_left, by_between = composed(pose, between)
    seen = project(state.models[sight.camera], state.cameras[sight.camera], pose, sight.points)
    count = 2 * len(sight.points)
    by_shared = np.zeros((count, len(state.shared)))
    by_shared[:, state.columns(sight.camera)] = seen.by_camera.reshape(count, -1)
    by_pose = seen.by_pose.reshape(count, 6)
    if between is not None:
        by_shared[:, -6:] = by_pose @ by_between
        by_pose = by_pose @ by_left
    return (sight.xy - seen.xy).ravel(), by_shared, by_pose


def _step(normal: _Normal, damping: float) -> tuple[Float64, Float64]:
    """Steps of what is shared (G,) and of the poses (V, 6), damped as Marquardt does: by the diagonal."""
    shared = range(len(normal.g))
    H, V = normal.H.copy(), normal.V.copy()
    H[shared, shared] *= 1.0 + damping
    H[shared, shared] += 1e-12 * np.trace(H) / len(H)  # what no corner depends on stays where it is
    V[:, range(6), range(6)] *= 1.0 + damping
    W_V = np.linalg.solve(V, np.swapaxes(normal.W, 1, 2))  # (V, 6, G) V^-1 W^T
    V_v = np.linalg.solve(V, normal.v[..., None])[..., 0]
    S = H - np.einsum("vgi,vih->gh", normal.W, W_V)
    step = np.linalg.lstsq(S, normal.g - np.einsum("vgi,vi->g", normal.W, V_v), rcond=None)[0]
    return step, V_v - np.einsum("vig,g->vi", W_V, step)


def _fit(state: State, normal: _Normal) -> Fit:
    unknowns = len(normal.g) + normal.v.size
    numbers = sum(residual.size for residual in normal.residuals)
    sigma_px = float(np.sqrt(normal.cost / max(numbers - unknowns, 1)))
    W_V = np.linalg.solve(normal.V, np.swapaxes(normal.W, 1, 2))
    S = normal.H - np.einsum("vgi,vih->gh", normal.W, W_V)
    return Fit(state, normal.residuals, sigma_px, sigma_px**2 * _inverse(S))


def _inverse(S: Float64) -> Float64:
    """Inverse of an information matrix, in units in which its diagonal is 1; inf for what is not determined."""
    scale = 1.0 / np.sqrt(np.maximum(np.diag(S), 1e-300))
    scaled = S * scale * scale[:, None]
    values, vectors = np.linalg.eigh(scaled)
    if values[0] <= 1e-14 * values[-1]:
        return np.full_like(S, np.inf)
    return (vectors / values) @ vectors.T * scale * scale[:, None]
