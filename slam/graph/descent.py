"""Levenberg-Marquardt, one step at a time, so that a time limit can end it; no step raises the cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import gtsam


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Where the steps led."""

    values: gtsam.Values
    cost_before: float  # half the sum of squared sigmas, robust
    cost: float
    steps: int
    out_of_time: bool  # more steps would have lowered it further


def parameters_of(ordering: gtsam.Ordering, relative_tolerance: float) -> gtsam.LevenbergMarquardtParams:
    """How a step is solved, and the relative decrease of the cost that is not worth another."""
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setRelativeErrorTol(relative_tolerance)
    parameters.setLinearSolverType("SEQUENTIAL_CHOLESKY")  # with this order a fifth faster than GTSAM's own choice
    parameters.setOrdering(ordering)
    return parameters


def descend(
    graph: gtsam.NonlinearFactorGraph,
    values: gtsam.Values,
    parameters: gtsam.LevenbergMarquardtParams,
    most_steps: int,
    limit_s: float,
    clock: Callable[[], float],
) -> Descent:
    """Steps until the cost stays, ``most_steps``, or the limit: none begins that would end too late if it took as
    long as the last one. GTSAM's own rules of convergence, in its order, so that the answer is that of ``optimize``.
    """
    start = clock()
    optimizer = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters)
    cost_before = cost = optimizer.error()
    steps, out_of_time = 0, False
    while steps < most_steps and not out_of_time:
        began, last = clock(), cost
        optimizer.iterate()
        cost, steps = optimizer.error(), optimizer.iterations()
        if _has_converged(parameters, last, cost):
            break
        now = clock()
        out_of_time = steps < most_steps and now + (now - began) > start + limit_s
    return Descent(optimizer.values(), cost_before, cost, steps, out_of_time)


def _has_converged(parameters: gtsam.LevenbergMarquardtParams, last: float, cost: float) -> bool:
    if not math.isfinite(last) or cost <= parameters.getErrorTol():
        return True
    decrease = last - cost
    return decrease / last <= parameters.getRelativeErrorTol() or decrease <= parameters.getAbsoluteErrorTol()
