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
from slam.types import Float32, Float64

FACTORS = np.exp(np.linspace(-0.6, 0.6, 19))  # of the rig's focal length
ROUGHLY, EXACTLY = 1e-2, 1e-5  # relative gains at which a refinement ends
DRAWS = 200  # of pairs, for the uncertainty (bootstrap, Efron 1979)
LEAST_PAIRS = 5
LENS = 0.35  # error of the logarithm per bending: EuRoC's rig is right, bends by 0.37, and seems 0.13 off
POOR_PX = 1.5  # of the distances that remain: the scene is not rigid, or points were followed wrongly


@dataclass(frozen=True, slots=True)
class Preferred:
    """The factor by which the rig's focal length should be multiplied."""

    factor: float
    sigma: float  # of its logarithm
    pairs: int
    remainder_px: float  # rms of the distances to epipolar lines, at the rig's focal length
    gain: float  # share of the remainder that the preferred factor takes away
    at_edge: bool  # the factor is the last one tried


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
    total = all_curves.sum(0)
    best, at_edge = _least(total)
    rng = np.random.default_rng(0)
    drawn = [_least(all_curves[rng.integers(0, len(curves), len(curves))].sum(0))[0] for _ in range(DRAWS)]
    sigma = float(np.hypot(np.std(drawn), LENS * bending(camera)))
    gain = 1 - float(total.min() / total[len(FACTORS) // 2])
    return Preferred(float(np.exp(best)), sigma, len(curves), float(np.median(remainders)), gain, at_edge)


def bending(camera: Camera) -> float:
    """How far the lens moves the corners of the picture, as a share of their distance from its centre."""
    width, height = camera.image_size
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float32)
    centre = np.array([camera.cx, camera.cy])
    straight = np.linalg.norm(camera.undistort(corners) - centre, axis=1)
    return float(np.max(np.abs(straight / np.linalg.norm(corners - centre, axis=1) - 1)))


def _curve(camera: Camera, pair: Pair) -> tuple[Float64, int]:
    """(F,) costs of the best relative pose for each factor, and the number of points.

    The points are undistorted by each camera anew: distortion is a function of rays, and so of the focal length.
    """
    cameras = [replace(camera, fx=camera.fx * factor, fy=camera.fy * factor) for factor in FACTORS]
    views = [(_straight(each, pair.xy_a), _straight(each, pair.xy_b)) for each in cameras]
    middle = len(FACTORS) // 2
    R_a_b = turned(camera, *views[middle])[0].T
    start = np.stack([transform(R_a_b, step / np.linalg.norm(step)) for step in DIRECTIONS])
    costs, poses = refine(camera, start, *views[middle], ROUGHLY)
    curve = np.zeros(len(FACTORS))
    for way in (range(middle, len(FACTORS)), range(middle - 1, -1, -1)):
        T_a_b = poses[np.argsort(costs)[:2]]
        for i in way:
            found, T_a_b = refine(cameras[i], T_a_b, *views[i], EXACTLY)
            curve[i] = found.min()
    return curve, len(pair.xy_a)


def _straight(camera: Camera, xy_raw: Float32) -> Float64:
    return camera.undistort(xy_raw).astype(np.float64)


def _least(curve: Float64) -> tuple[float, bool]:
    """Logarithm of the factor of least cost, by a parabola through the three lowest; whether it is at the end."""
    i = int(np.clip(curve.argmin(), 1, len(FACTORS) - 2))
    step = float(np.log(FACTORS[1] / FACTORS[0]))
    bend = curve[i - 1] - 2 * curve[i] + curve[i + 1]
    shift = 0.5 * (curve[i - 1] - curve[i + 1]) / bend if bend > 0 else 0.0
    at_edge = curve.argmin() in (0, len(FACTORS) - 1)
    return float(np.log(FACTORS[i]) + np.clip(shift, -1, 1) * step), bool(at_edge)
