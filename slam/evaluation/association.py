"""Which poses of two trajectories belong together."""

from __future__ import annotations

import numpy as np

from slam.errors import TrajectoryError
from slam.types import Float64, Int64

MAX_DIFF_S = 0.01  # evo's default; TUM's own tools use 0.02
LEAST_PAIRS = 3  # an alignment in space needs three points


def associate(stamps_a_ns: Int64, stamps_b_ns: Int64, max_diff_s: float = MAX_DIFF_S) -> tuple[Int64, Int64]:
    """Indices (K,), (K,) of stamps that lie within ``max_diff_s`` of each other; both inputs ascend.

    Every stamp of the shorter list gets its nearest in the longer one, the earlier of two equally near: evo's rule,
    which may use a stamp of the longer list twice. Which of two is nearer is asked in seconds of double precision, as
    evo does: where a stamp lies in the middle, to the microsecond, their last digit decides, there as here.
    """
    if len(stamps_b_ns) > len(stamps_a_ns):
        index_a, index_b = _nearest(stamps_a_ns, stamps_b_ns, max_diff_s)
        return index_a, index_b
    index_b, index_a = _nearest(stamps_b_ns, stamps_a_ns, max_diff_s)
    return index_a, index_b


def associated(stamps_est_ns: Int64, stamps_gt_ns: Int64, max_diff_s: float) -> tuple[Int64, Int64]:
    """As ``associate``, but fewer than three pairs raise TrajectoryError."""
    index_est, index_gt = associate(stamps_est_ns, stamps_gt_ns, max_diff_s)
    if len(index_est) >= LEAST_PAIRS:
        return index_est, index_gt
    ranges = f"estimate {_span(stamps_est_ns)}, ground truth {_span(stamps_gt_ns)}"
    if len(index_est) == 0:
        raise TrajectoryError(
            f"no stamps of the two trajectories lie within {max_diff_s:g} s of each other ({ranges}); "
            "check that both use the same clock and unit, or allow a larger difference"
        )
    raise TrajectoryError(
        f"only {len(index_est)} stamps of the two trajectories lie within {max_diff_s:g} s of each other ({ranges}); "
        f"an alignment needs {LEAST_PAIRS}"
    )


def _nearest(short_ns: Int64, long_ns: Int64, max_diff_s: float) -> tuple[Int64, Int64]:
    if len(short_ns) == 0 or len(long_ns) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    after = np.clip(np.searchsorted(long_ns, short_ns, side="right"), 0, len(long_ns) - 1)
    before = np.maximum(after - 1, 0)
    short_s, long_s = _seconds(short_ns), _seconds(long_ns)
    nearest = np.where(np.abs(long_s[after] - short_s) < np.abs(long_s[before] - short_s), after, before)
    close = np.flatnonzero(np.abs(long_ns[nearest] - short_ns) <= round(max_diff_s * 1e9))
    return close, nearest[close]


def _seconds(stamps_ns: Int64) -> Float64:
    """The doubles nearest to the stamps, which numpy's division misses: integers of that size are no doubles."""
    return np.array([stamp_ns / 1_000_000_000 for stamp_ns in stamps_ns.tolist()], np.float64)


def _span(stamps_ns: Int64) -> str:
    if len(stamps_ns) == 0:
        return "has no poses"
    return f"{stamps_ns[0] * 1e-9:.3f} to {stamps_ns[-1] * 1e-9:.3f} s"
