"""What laying the camera's turning over the gyro's says about clocks, units, axes and the focal length."""

from __future__ import annotations

import math

from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict, graded
from slam.doctor.offset import LEAST_TURNS, Fit, fit_gyro, overlap_s, rotation_between_deg
from slam.doctor.turning import Turns

GROUP = "camera and IMU"
LEAST_RATE = 0.05  # rad/s rms: below, the camera's own errors are as large
LEAST_AGREEMENT = 0.5
MIRRORED, CLEARLY = 0.8, 0.05  # agreement with an axis mirrored, and by how much it must be better
SIGMAS = 3.0  # that a figure must lie off before it counts
WORST_SIGMA_S = 3e-3
HINT_MS, PROBLEM_MS = 3.0, 10.0
HINT_DEG, PROBLEM_DEG = 5.0, 10.0
LEAST_SECOND_AXIS = 0.15  # of the first one's rate: turns about one axis leave the others open
DEGREES = math.degrees(1)


def together_findings(capture: Capture, turns: Turns) -> list[Finding]:
    """Nothing for a source without inertial samples."""
    if capture.imu is None:
        return []
    fit = fit_gyro(turns, capture.imu)
    if fit is None:
        said = (
            f"{len(turns)} turns of the camera, {max(overlap_s(capture.stamps_ns, capture.imu), 0):.1f} s in common "
            f"with the gyro: too few (at least {LEAST_TURNS} in the middle of the samples)"
        )
        return [Finding(GROUP, "time offset", Verdict.UNKNOWN, said)]
    if math.degrees(fit.rate_rad_s) < math.degrees(LEAST_RATE):
        said = f"the gyro's rate varies by {fit.rate_rad_s:.3f} rad/s only: too little turning to see an offset"
        return [Finding(GROUP, "time offset", Verdict.UNKNOWN, said, "Turn the camera to and fro about all axes.")]
    if fit.mirrored > MIRRORED and fit.mirrored - fit.agreement > CLEARLY:
        return [_mirrored(fit)]
    if fit.agreement < LEAST_AGREEMENT:
        return [_disagreement(fit)]
    return [_offset(fit), _axes(capture, fit), _scale(fit)]


def _mirrored(fit: Fit) -> Finding:
    said = f"{100 * fit.agreement:.0f} % of the turning agrees, {100 * fit.mirrored:.0f} % if an axis is mirrored"
    advice = "Change the sign of one axis of the inertial unit: it must be right-handed."
    return Finding(GROUP, "axes", Verdict.PROBLEM, said, advice)


def _disagreement(fit: Fit) -> Finding:
    said = f"camera and gyro do not turn together: {100 * max(fit.agreement, 0):.0f} % of the turning agrees"
    advice = "Check that both are of one recording and one clock, within half a second; then the picture's findings."
    return Finding(GROUP, "time offset", Verdict.PROBLEM, said, advice)


def _offset(fit: Fit) -> Finding:
    offset_ms, sigma_ms = 1e3 * fit.offset_s, 1e3 * fit.sigma_s
    said = f"t_imu = t_cam {offset_ms:+.1f} +- {sigma_ms:.1f} ms ({100 * fit.agreement:.1f} % of the turning agrees)"
    if fit.at_edge:
        said = f"beyond {abs(offset_ms):.0f} ms, the last one tried: {said}"
        return Finding(GROUP, "time offset", Verdict.PROBLEM, said, "Stamp camera and inertial unit by one clock.")
    if fit.sigma_s > WORST_SIGMA_S:
        return Finding(GROUP, "time offset", Verdict.UNKNOWN, said, "Turn the camera faster, about all axes.")
    if abs(offset_ms) < SIGMAS * sigma_ms:
        return Finding(GROUP, "time offset", Verdict.OK, said)
    verdict = graded(abs(offset_ms), HINT_MS, PROBLEM_MS)
    advice = f"Add {offset_ms:+.1f} ms to the camera's stamps, or find out which of the two is stamped late."
    return Finding(GROUP, "time offset", verdict, said, "" if verdict is Verdict.OK else advice)


def _axes(capture: Capture, fit: Fit) -> Finding:
    if capture.rig.T_body_cam is None:
        said = "the rig does not say how the inertial unit stands to the camera"
        return Finding(GROUP, "axes", Verdict.HINT, said, "Put T_body_cam into the rig file (calib/README.md).")
    if fit.second_axis < LEAST_SECOND_AXIS:
        said = "turned about one axis only: the others are not seen"
        return Finding(GROUP, "axes", Verdict.UNKNOWN, said, "Turn the camera about all axes.")
    off_deg = rotation_between_deg(fit.R_cam_body, capture.rig.T_body_cam[:3, :3].T)
    verdict = graded(off_deg, HINT_DEG, PROBLEM_DEG)
    said = f"as the rig has them, within {off_deg:.1f} degrees"
    if verdict is Verdict.OK:
        return Finding(GROUP, "axes", verdict, said)
    said = f"{off_deg:.0f} degrees off those of the rig"
    return Finding(GROUP, "axes", verdict, said, "Check the rotation in the rig's T_body_cam, and its direction.")


def _scale(fit: Fit) -> Finding:
    """The camera's angles are only as right as its focal length, the gyro's as its units."""
    said = f"the camera turns {fit.scale:.3f} +- {fit.scale_sigma:.3f} times as fast as the gyro says"
    if 0.5 < fit.scale * DEGREES < 2:
        advice = "The gyro gives degrees per second: convert them to rad/s."
        return Finding(GROUP, "rates", Verdict.PROBLEM, said, advice)
    off = abs(math.log(max(fit.scale, 1e-6)))
    if off < SIGMAS * fit.scale_sigma:
        return Finding(GROUP, "rates", Verdict.OK, said)
    advice = f"The focal length should be about {fit.scale:.2f} times the rig's: calibrate (slam calibrate)."
    verdict = graded(off, 0.03, 0.07)
    return Finding(GROUP, "rates", verdict, said, "" if verdict is Verdict.OK else advice)
