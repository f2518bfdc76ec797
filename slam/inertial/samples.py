"""Inertial samples kept in order of time, and cut to the interval between two moments."""

from __future__ import annotations

import numpy as np

from slam.types import ImuSamples, Int64

GAP_PERIODS = 5.0  # samples further apart than so many of their periods: some are missing


def no_samples() -> ImuSamples:
    return ImuSamples(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)))


class SampleBuffer:
    """The samples of the last ``keep_s`` seconds. They may arrive late or twice, and some may be missing."""

    def __init__(self, rate_hz: float, keep_s: float) -> None:
        self._max_gap_ns = int(GAP_PERIODS / rate_hz * 1e9)
        self._keep_ns = int(keep_s * 1e9)
        self._samples = no_samples()

    def __len__(self) -> int:
        return len(self._samples.stamps_ns)

    def add(self, samples: ImuSamples | None) -> None:
        """Take samples in any order; ones that are not finite or that are there already are left out."""
        if samples is None or len(samples.stamps_ns) == 0:
            return
        stamps_ns = np.concatenate([self._samples.stamps_ns, samples.stamps_ns])
        gyro = np.concatenate([self._samples.gyro_rad_s, samples.gyro_rad_s])
        accel = np.concatenate([self._samples.accel_m_s2, samples.accel_m_s2])
        _, index = np.unique(stamps_ns, return_index=True)  # in order of time, the first of equal ones
        index = index[np.isfinite(gyro[index]).all(1) & np.isfinite(accel[index]).all(1)]
        index = index[stamps_ns[index] >= stamps_ns.max() - self._keep_ns]
        self._samples = ImuSamples(stamps_ns[index], gyro[index], accel[index])

    def between(self, start_ns: int, stop_ns: int) -> ImuSamples | None:
        """Samples at and between two moments, see ``cut``."""
        return cut(self._samples, start_ns, stop_ns, self._max_gap_ns)


def cut(samples: ImuSamples, start_ns: int, stop_ns: int, max_gap_ns: int) -> ImuSamples | None:
    """Samples with the first stamp at ``start_ns`` and the last at ``stop_ns``; None where some are missing.

    At the two ends they are interpolated, or the nearest one is held where there is nothing beyond the end.
    """
    stamps_ns = samples.stamps_ns
    first = max(int(np.searchsorted(stamps_ns, start_ns, "right")) - 1, 0)
    last = int(np.searchsorted(stamps_ns, stop_ns, "left"))
    used_ns = stamps_ns[first : last + 1]
    if start_ns >= stop_ns or _has_gap(used_ns, start_ns, stop_ns, max_gap_ns):
        return None
    inner = used_ns[(used_ns > start_ns) & (used_ns < stop_ns)]
    knots_ns = np.concatenate([[start_ns], inner, [stop_ns]]).astype(np.int64)
    at, known = (knots_ns - start_ns).astype(np.float64), (used_ns - start_ns).astype(np.float64)
    gyro, accel = (
        np.column_stack([np.interp(at, known, values[first : last + 1, axis]) for axis in range(3)])
        for values in (samples.gyro_rad_s, samples.accel_m_s2)
    )
    return ImuSamples(knots_ns, gyro, accel)


def _has_gap(used_ns: Int64, start_ns: int, stop_ns: int, max_gap_ns: int) -> bool:
    if len(used_ns) == 0:
        return True
    is_covered = used_ns[0] - start_ns <= max_gap_ns and stop_ns - used_ns[-1] <= max_gap_ns
    return not is_covered or bool(np.any(np.diff(used_ns) > max_gap_ns))
