"""Bundle adjustment of the whole map, a sub-map after the other, within a stated time."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np

from slam.graph import no_correction
from slam.graph.bundle import Method, solved
from slam.graph.full_problem import FullProblem
from slam.types import Correction

MOST_STEPS = 50
RELATIVE_TOLERANCE = 1e-5  # of the cost: finer than a window's, there is no next one


def optimize_full(problem: FullProblem) -> Correction:
    """Better poses and points for the whole map, never worse ones; without covariances.

    ``problem.max_s`` is wall time: no step begins that would end later, but the first one, and no sub-map after it.
    Sub-maps that could not be improved keep what they have and are counted; the Correction fails when that is all.
    """
    start = time.perf_counter()
    corrections: list[Correction] = []
    for part in problem.parts:
        left_s = start + problem.max_s - time.perf_counter()
        is_late = left_s <= 0 and bool(corrections)
        corrections.append(_too_late() if is_late else solved(part, _method(left_s)))
    return replace(_joined(corrections), ms=(time.perf_counter() - start) * 1e3)


def _too_late() -> Correction:
    return replace(no_correction("out of time"), out_of_time=True)


def _method(limit_s: float) -> Method:
    return Method(MOST_STEPS, RELATIVE_TOLERANCE, limit_s, time.perf_counter, with_covariances=False)


def _joined(corrections: list[Correction]) -> Correction:
    """One answer for all sub-maps."""
    good = [c for c in corrections if not c.failure]
    counts = sum(
        (Counter(c.set_aside) for c in corrections), Counter({"sub-maps not optimised": len(corrections) - len(good)})
    )
    out_of_time = any(c.out_of_time for c in corrections)
    if not good:
        why = corrections[0].failure if corrections else "no keyframes"
        return replace(no_correction(why), set_aside=dict(counts), out_of_time=out_of_time)
    errors_px, weights = [c.error_px for c in good], [len(c.landmark_ids) for c in good]
    return Correction(
        np.concatenate([c.keyframe_ids for c in good]),
        np.concatenate([c.T_world_cam for c in good]),
        np.concatenate([c.landmark_ids for c in good]),
        np.concatenate([c.points_world for c in good]),
        np.concatenate([c.covariances for c in good]),
        np.concatenate([c.outlier_keyframe_ids for c in good]),
        np.concatenate([c.outlier_landmark_ids for c in good]),
        error_px=float(np.sqrt(np.average(np.square(errors_px), weights=weights))),
        set_aside=dict(+counts),
        out_of_time=out_of_time,
    )
