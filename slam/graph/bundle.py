"""Bundle adjustment that never throws: clean, descend, check; what spoils it is put aside and the rest tried again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import gtsam
import numpy as np

from slam.graph import no_correction
from slam.graph.answer import Solution, correction_of, solution_of
from slam.graph.blame import Blame, blame_of_error, blame_of_result, relieved
from slam.graph.clean import cleaned, in_range
from slam.graph.covariance import PoseInformation, conditional_covariances, joint_covariance, pose_information
from slam.graph.descent import descend, parameters_of
from slam.graph.factors import factor_graph, landmark_keys, ordering_of, pose_keys, start_values, state_keys
from slam.graph.window import WindowProblem
from slam.types import Correction

MIN_OBSERVATIONS = 20
ATTEMPTS = 4  # at a problem, each without what spoiled the one before
RELATIVE_TOLERANCE = 3e-4  # of the cost of a window: a step that gains less was the last


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """How a bundle adjustment is solved."""

    most_steps: int
    relative_tolerance: float
    limit_s: float
    clock: Callable[[], float]  # seconds
    with_covariances: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An attempt that can be believed."""

    solution: Solution
    known: PoseInformation | None
    out_of_time: bool


def optimize(problem: WindowProblem) -> Correction:
    """Better poses and points of a window; where that can't be, a Correction that changes nothing and says why.

    The time limit counts the processor's time of this thread: a busy machine must not change the answer.
    """
    config = problem.config
    return solved(problem, Method(config.iterations, RELATIVE_TOLERANCE, config.max_ms * 1e-3, time.thread_time))


def solved(problem: WindowProblem, method: Method) -> Correction:
    """The answer of a method to a problem, with what had to be put aside for it."""
    start = time.perf_counter()
    correction = _answer(problem, method)
    return replace(correction, ms=(time.perf_counter() - start) * 1e3)


def _answer(problem: WindowProblem, method: Method) -> Correction:
    if not _is_camera(problem):
        return no_correction("unusable camera: its focal lengths or baseline are not positive numbers")
    usable, counts = cleaned(problem)
    end_s, why = method.clock() + method.limit_s, ""
    for _ in range(ATTEMPTS):
        if len(usable.xy) < MIN_OBSERVATIONS:
            why = f"too few observations: {len(usable.xy)}{why and f', after: {why}'}"
            break
        outcome = _attempt(usable, method, end_s)
        if isinstance(outcome, Outcome):
            return _correction(problem, usable, outcome, counts)
        why = outcome.why
        if outcome.is_nobodys:
            break
        usable, more = relieved(usable, outcome)
        counts += more
    return replace(no_correction(why), set_aside=dict(counts))


def _attempt(problem: WindowProblem, method: Method, end_s: float) -> Outcome | Blame:
    try:
        graph, parameters = factor_graph(problem), _parameters(problem, method)
        descent = descend(graph, start_values(problem), parameters, method.most_steps, end_s, method.clock)
        known = pose_information(problem, descent.values) if method.with_covariances else None
    except (RuntimeError, ValueError) as error:  # all that GTSAM throws
        return blame_of_error(problem, error)
    solution = solution_of(problem, descent.values, None if known is None else known.of_states)
    return blame_of_result(problem, solution, descent) or Outcome(solution, known, descent.out_of_time)


def _parameters(problem: WindowProblem, method: Method) -> gtsam.LevenbergMarquardtParams:
    ordering = ordering_of(landmark_keys(problem) + state_keys(problem) + pose_keys(problem))
    return parameters_of(ordering, method.relative_tolerance)


def _correction(problem: WindowProblem, usable: WindowProblem, outcome: Outcome, counts: Counter[str]) -> Correction:
    correction = correction_of(in_range(problem)[0], usable, outcome.solution)
    covariances, joint = np.zeros((0, 6, 6)), None
    if outcome.known is not None:
        covariances, loose = conditional_covariances(usable, outcome.known.held)
        joint = joint_covariance(usable, outcome.known.free)
        counts = counts + Counter({"covariances not positive definite": loose})
    return replace(
        correction,
        covariances=covariances,
        joint_covariance=joint,
        out_of_time=outcome.out_of_time,
        set_aside=dict(counts + Counter(correction.set_aside)),
    )


def _is_camera(problem: WindowProblem) -> bool:
    fx, fy, cx, cy = problem.intrinsics
    is_pinhole = np.isfinite((fx, fy, cx, cy)).all() and min(fx, fy) > 0
    has_depth = np.isfinite(problem.right_x).any()
    return bool(is_pinhole and (not has_depth or (np.isfinite(problem.baseline_m) and problem.baseline_m > 0)))
