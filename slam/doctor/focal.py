"""Which focal length the moving points prefer: epipolar geometry fits best with the true one.

Two views of a rigid scene obey the essential matrix only when pixels become rays by the right focal length (Hartley &
Zisserman, chapter 19): what remains of the epipolar distances is summed over many pairs for each of a row of factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slam.camera import Camera
from slam.doctor.tracks import Pair
from slam.geometry import transform
from slam.tracking.sampson import refine
from slam.tracking.two_view import DIRECTIONS, turned
from slam.types import Float64

FACTORS = np.exp(np.linspace(-0.3, 0.3, 13))  # of the rig's focal length
MOST_POINTS = 150  # per pair
ROUGHLY, EXACTLY = 1e-2, 1e-5  # relative gains at which a refinement ends
DRAWS = 200  # of pairs, for the uncertainty (bootstrap, Efron 1979)
LEAST_PAIRS = 5
POOR_PX = 1.5  # of the distances that remain: the scene is not rigid, or points were followed wrongly


@dataclass(frozen=True, slots=True)
class Preferred:
    """The factor by which the rig's focal length should be multiplied."""

    factor: float
    sigma: float  # of its logarithm
    pairs: int
    remainder_px: float  # rms of the distances to epipolar lines, at the rig's focal length
    at_edge: bool


def preferred_focal(camera: Camera, pairs: Sequence[Pair]) -> Preferred | None:
    """None where too few pairs fit any rigid motion."""
    curves, remainders = [], []
    for pair in pairs:
        curve, count = _curve(camera, pair)
        remainder = float(np.sqrt(2 * curve.min() / count))
        if remainder < POOR_PX:
            curves.append(curve * count / max(curve.min(), 1e-3 * count))
            remainders.append(np.sqrt(2 * curve[len(FACTORS) // 2] / count))
    if len(curves) < LEAST_PAIRS:
        return None
    all_curves = np.array(curves)
    best, at_edge = _least(all_curves.sum(0))
    rng = np.random.default_rng(0)
    drawn = [_least(all_curves[rng.integers(0, len(curves), len(curves))].sum(0))[0] for _ in range(DRAWS)]
    return Preferred(float(np.exp(best)), float(np.std(drawn)), len(curves), float(np.median(remainders)), at_edge)


def _curve(camera: Camera, pair: Pair) -> tuple[Float64, int]:
    """(F,) costs of the best relative pose for each factor, and the number of points."""
    every = -(-len(pair.xy_a) // MOST_POINTS)
    a, b = (camera.undistort(xy[::every]).astype(np.float64) for xy in (pair.xy_a, pair.xy_b))
    middle = len(FACTORS) // 2
    R_a_b = turned(camera, a, b)[0].T
    start = np.stack([transform(R_a_b, step / np.linalg.norm(step)) for step in DIRECTIONS])
    costs, poses = refine(camera, start, a, b, ROUGHLY)
    curve = np.zeros(len(FACTORS))
    for way in (range(middle, len(FACTORS)), range(middle - 1, -1, -1)):
        T_a_b = poses[np.argsort(costs)[:2]]
        for i in way:
            found, T_a_b = refine(_scaled(camera, FACTORS[i]), T_a_b, a, b, EXACTLY)
            curve[i] = found.min()
    return curve, len(a)


def _scaled(camera: Camera, factor: float) -> Camera:
    return replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)


def _least(curve: Float64) -> tuple[float, bool]:
    """Logarithm of the factor of least cost, by a parabola through the three lowest; whether it is at the end."""
    i = int(np.clip(curve.argmin(), 1, len(FACTORS) - 2))
    step = float(np.log(FACTORS[1] / FACTORS[0]))
    bend = curve[i - 1] - 2 * curve[i] + curve[i + 1]
    shift = 0.5 * (curve[i - 1] - curve[i + 1]) / bend if bend > 0 else 0.0
    at_edge = curve.argmin() in (0, len(FACTORS) - 1)
    return float(np.log(FACTORS[i]) + np.clip(shift, -1, 1) * step), bool(at_edge)
