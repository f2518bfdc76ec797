"""How the camera turned between frames, by its pictures alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.camera import Camera
from slam.doctor.tracks import Pair
from slam.geometry import transform
from slam.tracking.sampson import refine
from slam.tracking.two_view import turned
from slam.types import Float64, Int64

MOST_POINTS = 150  # per pair
ROUGHLY = 1e-3  # relative gain below which a candidate is done
SIDEWAYS = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])  # steps to begin with, and the one of the pair before
POOR_PX = 1.0  # of the distances to epipolar lines: the points do not move as one rigid scene


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Turns between pairs of frames, those left out whose points do not move as one scene."""

    start_ns: Int64  # (P,)
    stop_ns: Int64  # (P,)
    turn_rad: Float64  # (P, 3) rotation vector of R_a_b, in the camera's axes

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def seconds(self) -> Float64:
        return (self.stop_ns - self.start_ns).astype(np.float64) * 1e-9


def turns_of(camera: Camera, pairs: Sequence[Pair], stamps_ns: Int64) -> Turns:
    """Refined on Sampson distances from a pure turn and steps to every side, so that parallax does not bend it."""
    rows, step = [], SIDEWAYS[0]
    for pair in pairs:
        every = -(-len(pair.xy_a) // MOST_POINTS)
        a, b = (camera.undistort(xy[::every]).astype(np.float64) for xy in (pair.xy_a, pair.xy_b))
        R_a_b = turned(camera, a, b)[0].T
        costs, found = refine(camera, np.stack([transform(R_a_b, t) for t in (*SIDEWAYS, step)]), a, b, ROUGHLY)
        best = found[int(costs.argmin())]
        if costs.min() > len(a) * 0.5 * np.log1p(POOR_PX**2):
            continue
        step = best[:3, 3]
        rows.append((stamps_ns[pair.a], stamps_ns[pair.b], Rotation.from_matrix(best[:3, :3]).as_rotvec()))
    return Turns(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64).reshape(-1, 3),
    )
