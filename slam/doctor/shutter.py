"""A hint of a rolling shutter: rows that are read later have turned further while the turning speeds up or slows down.

At constant speed a rolling shutter slants the picture and the slant stays the same, which no flow shows. While the rate
of turning changes by ``alpha`` per frame, a point in row y moves by ``alpha * readout * y / height`` more than one in
the middle; and a point that changes its row meets its next reading that much later. Both are linear in the readout
time, which is found over all frames at once (the model of Karpenko et al., Stanford CSTR 2011-03, without a gyro).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.camera import Camera
from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict
from slam.doctor.tracks import Pair
from slam.doctor.turning import Turns
from slam.types import Float64

GROUP = "shutter"
LEAST_PAIRS = 15
WORST_SIGMA = 0.15  # of the readout as a share of the frame time
LEAST_SHARE = 0.15  # of the frame time, to call a shutter rolling
SIGMAS = 3.0
EVEN = 1.5  # steps longer than so many usual ones make no change of rate
ROBUST_PX = 1.0  # residuals beyond count less (Cauchy)
LEAST_STRENGTH = 3.0  # standard errors: below, rates change too little to tell
BLOCK = 5  # neighbouring pairs whose errors may go together


@dataclass(frozen=True, slots=True)
class Readout:
    """Time from the first to the last row as a share of the time between frames; negative from bottom to top."""

    share: float
    sigma: float
    pairs: int


def shutter_findings(capture: Capture, pairs: Sequence[Pair], turns: Turns) -> list[Finding]:
    """One hint, or why there is none."""
    found = readout(capture.rig.left, pairs, turns, capture)
    again = "Shake the camera quickly left and right (two or three times a second) in front of something with texture."
    if found is None:
        said = f"fewer than {LEAST_PAIRS} frames in a row show how the camera turns"
        return [Finding(GROUP, "rolling shutter", Verdict.UNKNOWN, said, "")]
    step_ms = 1e3 * float(np.median(capture.steps_s))
    if not found.sigma < WORST_SIGMA:
        return [Finding(GROUP, "rolling shutter", Verdict.UNKNOWN, "the turning changes too little to show one", again)]
    said = f"rows are read within {found.share * step_ms:.1f} +- {found.sigma * step_ms:.1f} ms ({step_ms:.0f} a frame)"
    if abs(found.share) > max(LEAST_SHARE, SIGMAS * found.sigma):
        way = "" if found.share > 0 else ", from the bottom up"
        advice = "Poses of quick turns will be off: turn slowly, choose a mode of fewer rows, or a global shutter."
        return [Finding(GROUP, "rolling shutter", Verdict.HINT, f"{said}{way}: a rolling shutter", advice)]
    return [Finding(GROUP, "rolling shutter", Verdict.OK, f"{said}: none that shows")]


def readout(camera: Camera, pairs: Sequence[Pair], turns: Turns, capture: Capture) -> Readout | None:
    """None where too few neighbouring pairs have turns."""
    step_s = float(np.median(capture.steps_s))
    turn_at = {int(start): turn for start, turn in zip(turns.start_ns, turns.turn_rad)}
    rows = []
    for pair in pairs:
        stamps = capture.stamps_ns[max(pair.a - 2, 0) : pair.a + 3]
        around = [turn_at[int(stamp)] for stamp in stamps if int(stamp) in turn_at]
        if len(around) == 5 and (np.diff(stamps) * 1e-9 < EVEN * step_s).all():
            rows.append(_pair_sums(camera, pair, np.array(around)))
    return _solved(np.array(rows)) if len(rows) >= LEAST_PAIRS else None


def _pair_sums(camera: Camera, pair: Pair, around: Float64) -> Float64:
    """Sums of one pair: its equations for the readout share and for parallax that turns bring, flattened.

    around: (5, 3) turns of the two pairs before, its own, and of the two after. The second unknown is what a camera
    held at arm's length adds: a movement in step with the turn, nearer at the bottom than at the top. The pair's own
    turn is taken out of all. The change of rate that the pairs beside it show is noisy, which would pull the answer to
    0: the change that the pairs farther out show, whose noise is another, is its instrument (Wright 1928).
    """
    a, b = (camera.undistort(xy).astype(np.float64) for xy in (pair.xy_a, pair.xy_b))
    jacobian = _flow_by_turn(camera, 0.5 * (a + b))
    residual = b - _turned(camera, a, around[2])
    row = (pair.xy_a[:, 1] + pair.xy_b[:, 1]) / (2 * camera.height) - 0.5
    moved = jacobian @ around[2]
    met = moved * (pair.xy_b - pair.xy_a)[:, 1:] / camera.height
    near, far = 0.5 * (around[3] - around[1]), 0.25 * (around[4] - around[0])
    later, instrument = (jacobian @ change * row[:, None] + met for change in (near, far))
    root = np.repeat(1 / np.sqrt(1 + np.sum(residual**2, 1) / ROBUST_PX**2), 2)
    basis = np.linalg.qr(jacobian.reshape(-1, 3) * root[:, None])[0]
    columns = [values.reshape(-1) * root for values in (later, moved * row[:, None], residual, instrument)]
    x, arm, r, z = (column - basis @ (basis.T @ column) for column in columns)
    return np.array([z @ x, z @ arm, arm @ x, arm @ arm, z @ r, arm @ r])


def _solved(sums: Float64) -> Readout:
    """The two unknowns from all pairs, their spread from blocks of neighbours (cluster-robust, Liang & Zeger 1986)."""
    matrices, sides = sums[:, :4].reshape(-1, 2, 2), sums[:, 4:]
    matrix = matrices.sum(0)
    if _strength(sums[:, 0]) < LEAST_STRENGTH or abs(np.linalg.det(matrix)) < 1e-12:
        return Readout(float("nan"), float("inf"), len(sums))
    found = np.linalg.solve(matrix, sides.sum(0))
    blocks = _blocks(sides - matrices @ found)
    inverse = np.linalg.inv(matrix)
    covariance = inverse @ (blocks.T @ blocks) @ inverse.T * len(blocks) / max(len(blocks) - 1, 1)
    return Readout(float(found[0]), float(np.sqrt(covariance[0, 0])), len(sums))


def _strength(products: Float64) -> float:
    """Of the instrument: its agreement with what it stands for, in standard errors."""
    blocks = _blocks(products[:, None])[:, 0]
    return float(products.sum() / (np.sqrt(np.sum((blocks - blocks.mean()) ** 2)) + 1e-12))


def _blocks(rows: Float64) -> Float64:
    return np.add.reduceat(rows, np.arange(0, len(rows), BLOCK))


def _flow_by_turn(camera: Camera, xy: Float64) -> Float64:
    """(N, 2, 3) px that points move per rad that the camera turns about its axes (Longuet-Higgins & Prazdny 1980)."""
    x, y = (xy - (camera.cx, camera.cy)).T / np.array([[camera.fx], [camera.fy]])
    dx = np.stack([x * y, -(1 + x**2), y], 1) * camera.fx
    dy = np.stack([1 + y**2, -x * y, -x], 1) * camera.fy
    return np.stack([dx, dy], 1)


def _turned(camera: Camera, xy: Float64, turn_a_b: Float64) -> Float64:
    """(N, 2) where far points of a are seen in b."""
    return camera.project(camera.rays(xy) @ Rotation.from_rotvec(turn_a_b).as_matrix())
