"""The figures that sum a list of errors up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.types import Float64


@dataclass(frozen=True)
class ErrorFigures:
    """Figures of N errors, in the errors' unit."""

    rmse: float
    mean: float
    median: float
    std: float  # of the population
    min: float
    max: float
    sse: float  # sum of squares, unit squared
    n: int


def error_figures(errors: Float64) -> ErrorFigures:
    """Figures of errors (N,), N at least 1."""
    sse = float(np.sum(errors**2))
    return ErrorFigures(
        rmse=float(np.sqrt(sse / len(errors))),
        mean=float(np.mean(errors)),
        median=float(np.median(errors)),
        std=float(np.std(errors)),
        min=float(np.min(errors)),
        max=float(np.max(errors)),
        sse=sse,
        n=len(errors),
    )


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95 and p99 of at least one value."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}
