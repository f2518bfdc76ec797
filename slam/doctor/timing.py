"""When frames came: rate, jitter, gaps, late and repeated frames, and which clock stamped them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict, graded
from slam.types import Float32, Float64, Uint8

GROUP = "timing"
ROUNDING_S = 1.5e-6  # steps that differ by no more are equal: lists have microseconds
GAP = 1.5  # steps, in median ones, from which on a frame is missing or late
CAUGHT_UP = 0.6  # a step so short makes up for the long one before it
REPEATED = 0.15  # of the change to either neighbour: less is the same picture again
EVERY_PX = 4  # pixels of which one is compared
YEAR_2000_S, DAY_S = 946_684_800, 86_400


@dataclass(frozen=True, slots=True)
class Gaps:
    """Steps that are too long: frames that never came, and frames that came late."""

    lost: int
    late: int
    longest_s: float


def timing_findings(capture: Capture) -> list[Finding]:
    """Everything that stamps, arrivals and equal pictures show."""
    if len(capture.stamps_ns) < 3:
        return [Finding(GROUP, "rate", Verdict.UNKNOWN, f"{len(capture.stamps_ns)} frames are too few to time")]
    found = [_rate(capture), _jitter(capture), *_gaps(capture), _repeated(capture), _order(capture), _clock(capture)]
    if capture.arrivals_ns is not None:
        found.append(_lag(capture, capture.arrivals_ns))
    if capture.ended:
        found.append(Finding(GROUP, "end", Verdict.PROBLEM, capture.ended, "Check the cable, the port and its power."))
    return found


def gaps_of(steps_s: Float64) -> Gaps:
    """Long steps counted in median ones; a short step right after a long one: the frame came, but late."""
    usual = float(np.median(steps_s))
    lost = late = 0
    for i in np.flatnonzero(steps_s > GAP * usual).tolist():
        missing = round(float(steps_s[i]) / usual) - 1
        caught = int(i + 1 < len(steps_s) and steps_s[i + 1] < CAUGHT_UP * usual)
        late += caught
        lost += max(missing - caught, 0)
    return Gaps(lost, late, float(steps_s.max()))


def repeated_pictures(images: list[Uint8]) -> list[int]:
    """Frames that show the one before again, to the bit or as a video codec repeats it.

    A moving camera cannot stop within one frame and go on in the next: a change far smaller than both its neighbours
    is no new picture.
    """
    small = [np.asarray(image[::EVERY_PX, ::EVERY_PX], np.float32) for image in images]
    change: Float32 = np.array([np.abs(b - a).mean() for a, b in pairwise(small)], np.float32)
    around = np.minimum(np.r_[np.inf, change[:-1]], np.r_[change[1:], np.inf])
    found = [i + 1 for i in range(len(change)) if np.isfinite(around[i]) and change[i] < REPEATED * around[i]]
    equal = [i + 1 for i, value in enumerate(change) if value == 0 and np.array_equal(images[i], images[i + 1])]
    return sorted({*found, *equal})


def _rate(capture: Capture) -> Finding:
    steps_s = capture.steps_s
    fps = 1 / float(np.median(steps_s))
    said = f"{len(capture.stamps_ns)} frames in {steps_s.sum():.2f} s: {fps:.1f} fps (median step {1e3 / fps:.2f} ms)"
    slow = "Give it more light or a shorter exposure, a lower resolution, or a USB 3 port of its own."
    if capture.fps and fps < 0.9 * capture.fps:
        return Finding(GROUP, "rate", Verdict.PROBLEM, f"{said}; {capture.fps:.0f} fps were promised", slow)
    if capture.is_live and fps < 15:
        return Finding(GROUP, "rate", Verdict.HINT, f"{said}: quick turns will be lost", slow)
    return Finding(GROUP, "rate", Verdict.OK, said)


def _jitter(capture: Capture) -> Finding:
    steps_s = capture.steps_s
    usual = float(np.median(steps_s))
    off_s = np.abs(steps_s - usual)
    if off_s.max() <= ROUNDING_S:
        said = "all steps are equal: stamped by the trigger itself or counted from a frame number; jitter does not show"
        return Finding(GROUP, "jitter", Verdict.UNKNOWN, said)
    p50, p95, p99 = 1e3 * np.percentile(off_s[steps_s < GAP * usual], [50, 95, 99])
    verdict = graded(p95 / (1e3 * usual), 0.1, 0.25)
    if verdict is Verdict.PROBLEM and capture.imu is None:
        verdict = Verdict.HINT
    said = f"steps differ from {1e3 * usual:.1f} ms by {p50:.2f} ms p50, {p95:.2f} p95, {p99:.2f} p99"
    advice = "Use the device's own stamps (global time on a RealSense), and close what else uses this machine or bus."
    return Finding(GROUP, "jitter", verdict, said, "" if verdict is Verdict.OK else advice)


def _gaps(capture: Capture) -> list[Finding]:
    steps_s = capture.steps_s
    gaps = gaps_of(steps_s)
    share = gaps.lost / (len(capture.stamps_ns) + gaps.lost)
    advice = "Lower the resolution or the rate, use another port or disk, or close what else uses this machine."
    lost = f"{gaps.lost} missing ({100 * share:.1f} %), the longest step {1e3 * gaps.longest_s:.0f} ms"
    lost_verdict = graded(share, 0.0, 0.05)
    late_verdict = graded(gaps.late / len(steps_s), 0.0, 0.1)
    return [
        Finding(GROUP, "dropped frames", lost_verdict, lost if gaps.lost else "none", advice if gaps.lost else ""),
        Finding(
            GROUP, "late frames", late_verdict,
            f"{gaps.late} came more than half a step late, with the next in time" if gaps.late else "none",
            "Stamps seem to be of the arrival: use the device's own, or a camera with a clock." if gaps.late else "",
        ),
    ]  # fmt: skip


def _repeated(capture: Capture) -> Finding:
    repeated = repeated_pictures(capture.images)
    share = len(repeated) / max(len(capture.images) - 1, 1)
    if not repeated:
        return Finding(GROUP, "repeated pictures", Verdict.OK, f"none in {len(capture.images)}")
    said = f"{len(repeated)} of {len(capture.images)} show the picture before again ({100 * share:.1f} %)"
    advice = (
        "Ask for the camera's true rate (--camera-fps), or turn off automatic exposure: in the dark it halves the rate."
    )
    return Finding(GROUP, "repeated pictures", graded(share, 0.0, 0.05), said, advice)


def _order(capture: Capture) -> Finding:
    back = int((np.diff(capture.stamps_ns) <= 0).sum())
    flawed = [skip for skip in capture.skipped if "stamp" in skip.reason]
    others = len(capture.skipped) - len(flawed)
    if not (back or capture.skipped):
        return Finding(GROUP, "order", Verdict.OK, "every stamp is later than the one before")
    said = f"{back + len(flawed)} stamps repeat or jump"
    if others:
        said += f"; {others} frames cannot be used, the first: {capture.skipped[0].reason}"
    share = (back + len(capture.skipped)) / (len(capture.stamps_ns) + len(capture.skipped))
    return Finding(GROUP, "order", graded(share, 0.0, 0.05), said, "Record again, or sort the list by time.")


def _clock(capture: Capture) -> Finding:
    first_s = int(capture.stamps_ns[0]) * 1e-9
    if YEAR_2000_S < first_s < time.time() + DAY_S:
        said = f"of the calendar: {time.strftime('%Y-%m-%d %H:%M', time.gmtime(first_s))} UTC"
    elif 0 <= first_s < 1e7:
        said = f"since a start {first_s:.2f} s before the first frame"
    else:
        said = f"{first_s:.3f} s at the first frame: no known origin"
    if capture.imu is None:
        return Finding(GROUP, "clock", Verdict.OK, said)
    imu_ns = capture.imu.stamps_ns
    if len(imu_ns) and imu_ns[-1] > capture.stamps_ns[0] and imu_ns[0] < capture.stamps_ns[-1]:
        return Finding(GROUP, "clock", Verdict.OK, f"{said}; the inertial samples lie in the same time")
    advice = "Stamp camera and inertial unit by one clock; with two, no run can use the inertial samples."
    return Finding(GROUP, "clock", Verdict.PROBLEM, f"{said}; the inertial samples are of another time", advice)


def _lag(capture: Capture, arrivals_ns: np.ndarray) -> Finding:
    """How long frames are under way, and whether the device's clock runs as ours does."""
    lag_ms = (arrivals_ns - capture.stamps_ns) * 1e-6
    p50, p95, p99 = np.percentile(lag_ms - lag_ms.min(), [50, 95, 99])
    at_s = (arrivals_ns - arrivals_ns[0]) * 1e-9
    growth_ms_s = float(np.polyfit(at_s, lag_ms, 1)[0])
    said = f"beyond the quickest frame: {p50:.1f} ms p50, {p95:.1f} p95, {p99:.1f} p99"
    if abs(lag_ms.min()) < 5e3:
        said = f"frames arrive {lag_ms.min():.1f} ms after their stamp at best; {said}"
    if growth_ms_s > 2 and growth_ms_s * at_s[-1] > 3e3 / max(capture.fps, 10.0):
        advice = "Frames pile up before they are read: lower the rate or resolution, or use a wired connection."
        said = f"{said}; it grows by {growth_ms_s:.1f} ms a second"
        return Finding(GROUP, "way to us", Verdict.PROBLEM, said, advice)
    usual_ms = 1e3 * float(np.median(capture.steps_s))
    advice = "The bus or network delays frames: a port of its own or a wired connection helps."
    verdict = graded(p95, usual_ms, 4 * usual_ms)
    return Finding(GROUP, "way to us", verdict, said, "" if verdict is Verdict.OK else advice)
