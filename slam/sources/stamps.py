"""Order in time: which stamps rise, which belong together, which samples lie between two."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from slam.types import ImuSamples


def rising(stamps_ns: Sequence[int]) -> list[bool]:
    """Which stamps to keep so that the rest rises strictly and as few as possible are dropped.

    The longest increasing subsequence (Schensted 1961), sought from the end, so that of two stamps in conflict the
    earlier in the list stays: one stamp far ahead costs itself and not everything after it.
    """
    tails: list[int] = []  # negated stamps: the least that ends a run of each length
    lengths = []
    for stamp_ns in reversed(stamps_ns):
        length = bisect_left(tails, -stamp_ns)
        tails[length : length + 1] = [-stamp_ns]
        lengths.append(length)
    kept, wanted, latest_ns = [], len(tails) - 1, None
    for stamp_ns, length in zip(stamps_ns, reversed(lengths)):
        keep = length == wanted and (latest_ns is None or stamp_ns > latest_ns)
        if keep:
            wanted, latest_ns = wanted - 1, stamp_ns
        kept.append(keep)
    return kept


def associate(stamps_a_ns: Sequence[int], stamps_b_ns: Sequence[int], max_ns: int) -> dict[int, int]:
    """Index in a -> index in b, each used once, the nearest stamps first, none further apart than ``max_ns``.

    Stamps of a that do not rise with the others find no partner, and take none away.
    """
    a, b = np.asarray(stamps_a_ns, np.int64), np.asarray(stamps_b_ns, np.int64)
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a - max_ns, "left")
    last = np.searchsorted(b[order], a + max_ns, "right")
    usable = np.flatnonzero(rising(stamps_a_ns))
    pairs = [(abs(int(a[i] - b[j])), int(i), int(j)) for i in usable for j in order[first[i] : last[i]]]
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(pairs):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return partner


def samples_between(imu: ImuSamples, previous_ns: int, stamp_ns: int) -> ImuSamples:
    """Samples after ``previous_ns``, up to and with ``stamp_ns``."""
    start, stop = np.searchsorted(imu.stamps_ns, [previous_ns, stamp_ns], "right")
    return ImuSamples(imu.stamps_ns[start:stop], imu.gyro_rad_s[start:stop], imu.accel_m_s2[start:stop])
