"""A gyro's and an accelerometer's samples, which come at rates and moments of their own, joined into one stream.

Every sample of the gyro gets the acceleration at its moment, interpolated between the two neighbours in time: what the
RealSense driver for ROS calls ``unite_imu_method`` ``linear_interpolation`` (realsense-ros, pull request 558). Both
sensors must speak of the same axes, as librealsense sees to. Samples in a hole of one of the streams are left out, not
guessed, so that a SampleBuffer finds them missing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter

import numpy as np

from slam.inertial.samples import GAP_PERIODS, no_samples
from slam.types import Bool, Float64, ImuSamples, Int64

KEEP_S = 4.0  # of samples that wait for the other sensor, at most
BEFORE_ALL_NS = -(2**63)


class Waiting:
    """Samples of one sensor that are still needed, in order of time, at most ``capacity`` of them."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.stamps_ns: list[int] = []
        self._values: list[Float64] = []

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def add(self, stamp_ns: int, value: Float64) -> str:
        """Put a sample (3,) in its place. Answers what was set aside for it, "" for nothing."""
        at = bisect_left(self.stamps_ns, stamp_ns)
        if self.stamps_ns[at : at + 1] == [stamp_ns]:
            return "repeated"
        self.stamps_ns.insert(at, stamp_ns)
        self._values.insert(at, value)
        if len(self) <= self._capacity:
            return ""
        self.forget(1)
        return "waited too long"

    def first(self, count: int) -> tuple[Int64, Float64]:
        """Stamps (count,) and values (count, 3) of the oldest."""
        return np.array(self.stamps_ns[:count], np.int64), np.array(self._values[:count]).reshape(-1, 3)

    def forget(self, count: int) -> None:
        """Drop the oldest."""
        del self.stamps_ns[:count], self._values[:count]


class ImuStreams:
    """Joins two streams. Samples may arrive a little out of order or twice; none is given twice.

    A sample is late when its moment lies before the last one given: leave those that are under way some time before
    asking, as a camera does whose images take longer than its samples. After a device set its clock back, begin anew.
    """

    def __init__(self, gyro_hz: float, accel_hz: float, keep_s: float = KEEP_S) -> None:
        self._max_step_ns = int(GAP_PERIODS / gyro_hz * 1e9)  # as a SampleBuffer of this rate has it
        self._max_hole_ns = max(self._max_step_ns, int(GAP_PERIODS / accel_hz * 1e9))
        self._gyro, self._accel = (Waiting(max(2, int(keep_s * rate_hz))) for rate_hz in (gyro_hz, accel_hz))
        self._settled_ns = BEFORE_ALL_NS  # moment of the newest gyro sample that was given or given up
        self._given_ns = BEFORE_ALL_NS
        self.set_aside: Counter[str] = Counter()  # what could not be used, kind -> how many samples
        self.gaps = 0  # steps between given samples that are too long to integrate over

    def __len__(self) -> int:
        """Samples that wait."""
        return len(self._gyro) + len(self._accel)

    def add_gyro(self, stamp_ns: int, rad_s: Float64) -> None:
        """A turning rate (3,)."""
        self._add(self._gyro, stamp_ns, rad_s)

    def add_accel(self, stamp_ns: int, m_s2: Float64) -> None:
        """A specific force (3,)."""
        self._add(self._accel, stamp_ns, m_s2)

    def take_until(self, stamp_ns: int) -> ImuSamples:
        """What both sensors cover up to and with a moment, at the gyro's stamps; the rest waits."""
        if not len(self._accel):
            return no_samples()
        count = bisect_right(self._gyro.stamps_ns, min(stamp_ns, self._accel.stamps_ns[-1]))
        stamps_ns, rates = self._gyro.first(count)
        if not count:
            return no_samples()
        forces, covered = self._forces(stamps_ns)
        self._gyro.forget(count)
        self._accel.forget(max(bisect_right(self._accel.stamps_ns, int(stamps_ns[-1])) - 1, 0))
        self._settled_ns = int(stamps_ns[-1])
        self._note(stamps_ns, covered)
        return ImuSamples(stamps_ns[covered], rates[covered], forces[covered])

    def _add(self, waiting: Waiting, stamp_ns: int, value: Float64) -> None:
        value = np.array(value, np.float64)
        if value.shape != (3,) or not np.isfinite(value).all():
            flaw = "not finite"
        elif stamp_ns <= self._settled_ns:
            flaw = "late"
        else:
            flaw = waiting.add(int(stamp_ns), value)
        if flaw:
            self.set_aside[flaw] += 1

    def _forces(self, stamps_ns: Int64) -> tuple[Float64, Bool]:
        """Accelerations (K, 3) at moments not after the last one known, and which of them (K,) have near neighbours."""
        known_ns, values = self._accel.first(len(self._accel))
        after = np.searchsorted(known_ns, stamps_ns, "left")
        before = np.where(known_ns[after] == stamps_ns, after, after - 1)
        covered = (before >= 0) & (known_ns[after] - known_ns[before] <= self._max_hole_ns)
        at, known = (stamps_ns - known_ns[0]).astype(np.float64), (known_ns - known_ns[0]).astype(np.float64)
        return np.column_stack([np.interp(at, known, values[:, axis]) for axis in range(3)]), covered

    def _note(self, stamps_ns: Int64, covered: Bool) -> None:
        if not covered.all():
            self.set_aside["uncovered"] += int((~covered).sum())
        given_ns = stamps_ns[covered].tolist()
        if not given_ns:
            return
        if self._given_ns != BEFORE_ALL_NS:
            given_ns = [self._given_ns, *given_ns]
        self.gaps += int((np.diff(given_ns) > self._max_step_ns).sum())
        self._given_ns = given_ns[-1]
