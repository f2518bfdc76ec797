"""The inertial unit by itself: rate, jitter, holes, and noise, bias and gravity while it rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import ImuNoise
from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict, graded
from slam.types import Float64, ImuSamples

GROUP = "inertial"
GRAVITY_M_S2 = 9.81
WINDOW_S = 0.25  # in which rest is looked for
REST_GYRO, REST_ACCEL = 0.02, 0.25  # rad/s and m/s^2: standard deviation per axis at rest, and change of the mean
STEADY_GYRO, STEADY_ACCEL = 0.04, 0.4  # rad/s and m/s^2 within which means over windows stay: it goes nowhere
LEAST_REST_S = 1.0
GAP_PERIODS = 5.0  # as slam.inertial.samples has it
TOO_NOISY, FAR_TOO_NOISY = 3.0, 10.0  # times the rig's density


@dataclass(frozen=True, slots=True)
class Rest:
    """What the unit gives while nothing moves."""

    seconds: float
    gyro_density: float  # rad / s / sqrt(Hz)
    accel_density: float  # m / s^2 / sqrt(Hz)
    gyro_bias_rad_s: Float64  # (3,)
    gravity_m_s2: float


def inertial_findings(capture: Capture) -> list[Finding]:
    """Nothing for a source without an inertial unit."""
    imu = capture.imu
    if imu is None:
        return []
    if len(imu.stamps_ns) < 10:
        said, advice = (
            f"{len(imu.stamps_ns)} samples: too few",
            "Switch the inertial unit on, or record its samples too.",
        )
        return [Finding(GROUP, "rate", Verdict.PROBLEM, said, advice)]
    rest = rest_of(imu)
    return [*_times(imu, capture.rig.imu), _gravity(imu, rest), *_noise(imu, rest, capture.rig.imu)]


def rest_of(imu: ImuSamples) -> Rest | None:
    """Noise, bias and gravity from all windows at rest; None for less than LEAST_REST_S of them.

    White noise by the Allan variance at the sampling interval (IEEE Std 952): half the mean square of the difference
    of successive samples, times the interval, is the density squared. A slow drift does not enter it.
    """
    period_s = float(np.median(np.diff(imu.stamps_ns))) * 1e-9
    count = max(round(WINDOW_S / period_s), 4)
    starts = [i for i in range(0, len(imu.stamps_ns) - count + 1, count) if _is_still(imu, slice(i, i + count))]
    if len(starts) * count * period_s < LEAST_REST_S:
        return None
    gyro = np.stack([imu.gyro_rad_s[i : i + count] for i in starts])
    accel = np.stack([imu.accel_m_s2[i : i + count] for i in starts])
    gravity = float(np.linalg.norm(np.median(accel.mean(1), axis=0)))
    bias = np.median(gyro.mean(1), axis=0)
    return Rest(len(starts) * count * period_s, _density(gyro, period_s), _density(accel, period_s), bias, gravity)


def _density(windows: Float64, period_s: float) -> float:
    """Of windows (W, M, 3) at rest; the median over them, for a knock on the table is no noise."""
    return float(np.sqrt(0.5 * np.median(np.mean(np.diff(windows, axis=1) ** 2, axis=(1, 2))) * period_s))


def _is_still(imu: ImuSamples, part: slice) -> bool:
    """Neither spread out nor under way from the first half to the second."""
    for values, most in ((imu.gyro_rad_s[part], REST_GYRO), (imu.accel_m_s2[part], REST_ACCEL)):
        first, second = np.array_split(values, 2)
        noise = np.sqrt(0.5 * np.mean(np.diff(values, axis=0) ** 2, axis=0))  # without what is slow
        if (values.std(0) > most).any() or (np.abs(second.mean(0) - first.mean(0)) > most / 4 + noise).any():
            return False
        if (values.std(0) > 2 * noise + most / 10).any():
            return False
    return True


def _times(imu: ImuSamples, noise: ImuNoise | None) -> list[Finding]:
    steps_s = np.diff(imu.stamps_ns) * 1e-9
    usual_s = float(np.median(steps_s))
    rate_hz, jitter_ms = 1 / usual_s, 1e3 * float(np.percentile(np.abs(steps_s - usual_s), 95))
    said = f"{len(imu.stamps_ns)} samples at {rate_hz:.1f} Hz, steps off by {jitter_ms:.2f} ms p95"
    advice = ""
    verdict = graded(jitter_ms * 1e-3 / usual_s, 0.5, 2.0)
    if verdict is not Verdict.OK:
        advice = "Use the unit's own stamps: those of the arrival come in bunches."
    if noise is not None and abs(rate_hz / noise.rate_hz - 1) > 0.1:
        verdict = Verdict.HINT
        said, advice = f"{said}; the rig says {noise.rate_hz:.0f} Hz", "Put the true rate_hz into the rig file."
    if rate_hz < 90:
        verdict, advice = Verdict.HINT, "Ask the unit for 200 Hz or more."
    holes = steps_s[steps_s > GAP_PERIODS * usual_s]
    repeated = int((steps_s <= 0).sum())
    lost = float(holes.sum() - len(holes) * usual_s) * rate_hz
    share = lost / (len(steps_s) + lost)
    hole = f"{len(holes)} holes, the longest {1e3 * holes.max():.0f} ms" if len(holes) else "no holes"
    if repeated:
        hole = f"{hole}; {repeated} stamps repeat or jump back"
    mend = "Frames around a hole have no inertial measurement: a USB port of its own, or a lower rate, helps."
    hole_verdict = graded(share + repeated / len(steps_s), 0.0, 0.02)
    return [
        Finding(GROUP, "rate", verdict, said, advice),
        Finding(GROUP, "holes", hole_verdict, hole, "" if hole_verdict is Verdict.OK else mend),
    ]


def _gravity(imu: ImuSamples, rest: Rest | None) -> Finding:
    """At rest exactly; in motion about the usual length of the specific force, for accelerations go either way."""
    value = rest.gravity_m_s2 if rest else float(np.median(np.linalg.norm(imu.accel_m_s2, axis=1)))
    said = f"{value:.2f} m/s^2 {'at rest' if rest else 'in the median while moving'}"
    if 0.7 < value < 1.3:
        return Finding(GROUP, "gravity", Verdict.PROBLEM, said, "The accelerometer gives g: multiply by 9.80665 m/s^2.")
    off = abs(value - GRAVITY_M_S2)
    verdict = graded(off, 0.3, 1.0) if rest else graded(off, 1.5, 4.0)
    advice = "Calibrate the accelerometer's scale and bias; check its units (m/s^2, specific force)."
    return Finding(GROUP, "gravity", verdict, said, "" if verdict is Verdict.OK else advice)


def shaking(imu: ImuSamples) -> tuple[float, float] | None:
    """Deviation of gyro (rad/s) and accelerometer (m/s^2) where the unit goes nowhere but does not rest, else None.

    Rotors and engines shake it: means over WINDOW_S stay where they are while samples do not.
    """
    period_s = float(np.median(np.diff(imu.stamps_ns))) * 1e-9
    count = max(round(WINDOW_S / period_s), 4)
    whole = len(imu.stamps_ns) // count * count
    if whole < 4 * count:
        return None
    gyro, accel = (values[:whole].reshape(-1, count, 3) for values in (imu.gyro_rad_s, imu.accel_m_s2))
    if (np.ptp(gyro.mean(1), axis=0) > STEADY_GYRO).any() or (np.ptp(accel.mean(1), axis=0) > STEADY_ACCEL).any():
        return None
    return float(gyro.std(1).max(1).mean()), float(accel.std(1).max(1).mean())


def _noise(imu: ImuSamples, rest: Rest | None, noise: ImuNoise | None) -> list[Finding]:
    if rest is None and (shakes := shaking(imu)) is not None:
        said = f"stands still and shakes: {shakes[0]:.3f} rad/s and {shakes[1]:.2f} m/s^2 (deviation)"
        advice = "Damp the mount, or raise the densities in the rig file: samples are noisier than the unit itself."
        return [Finding(GROUP, "noise at rest", Verdict.HINT, said, advice)]
    if rest is None:
        said = f"it never rests for {LEAST_REST_S:.0f} s"
        return [Finding(GROUP, "noise at rest", Verdict.UNKNOWN, said, "Let it lie still for some seconds.")]
    bias = float(np.linalg.norm(rest.gyro_bias_rad_s))
    bias_verdict = graded(bias, 0.1, 0.5)
    return [
        _densities(rest, noise),
        Finding(
            GROUP, "gyro bias", bias_verdict, f"{bias:.4f} rad/s at rest ({np.degrees(bias):.2f} degrees a second)",
            "" if bias_verdict is Verdict.OK else "Calibrate the gyro, or let it warm up; is it really at rest?",
        ),
    ]  # fmt: skip


def _densities(rest: Rest, noise: ImuNoise | None) -> Finding:
    said = (
        f"gyro {rest.gyro_density:.2e} rad/s/sqrt(Hz), accelerometer {rest.accel_density:.2e} m/s^2/sqrt(Hz), "
        f"from {rest.seconds:.1f} s of rest"
    )
    if noise is None:
        advice = "Put these figures, a few times larger, into the rig file's [imu]."
        return Finding(GROUP, "noise at rest", Verdict.HINT, f"{said}; the rig has none", advice)
    ratios = rest.gyro_density / noise.gyro_density, rest.accel_density / noise.accel_density
    verdict = graded(max(ratios), TOO_NOISY, FAR_TOO_NOISY)
    said = f"{said}: {ratios[0]:.2g} and {ratios[1]:.2g} times the rig's"
    advice = "The rig promises too much: raise its densities, or find what shakes the unit."
    return Finding(GROUP, "noise at rest", verdict, said, "" if verdict is Verdict.OK else advice)
