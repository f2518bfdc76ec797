"""Camera against gyro, with offsets, axes and units that are known."""

from dataclasses import replace

import numpy as np
import pytest
from panorama import R_BODY_CAM

from slam.doctor.capture import taken
from slam.doctor.finding import Verdict
from slam.doctor.offset import fit_gyro, rotation_between_deg
from slam.doctor.together import together_findings
from slam.doctor.tracks import neighbours
from slam.doctor.turning import Turns, turns_of
from slam.sources import open_source
from slam.types import ImuSamples, Mode


def judged(good, good_images, turns, imu, **changes):
    capture = replace(good.capture(good_images, imu), **changes)
    return {finding.subject: finding for finding in together_findings(capture, turns)}


@pytest.mark.parametrize("offset_ms", [-20.0, -7.5, 0.0, 3.3, 20.0])
def test_the_offset_is_found_within_a_millisecond(good, good_turns, offset_ms):
    fit = fit_gyro(good_turns, good.imu(1e-3 * offset_ms))
    assert 1e3 * fit.offset_s == pytest.approx(offset_ms, abs=1.0)
    assert fit.sigma_s < 5e-4
    assert rotation_between_deg(fit.R_cam_body, R_BODY_CAM.T) < 1.0
    assert fit.scale == pytest.approx(1.0, abs=0.01)


def test_the_uncertainty_is_that_of_repeated_trials(good_turns, good):
    rng = np.random.default_rng(0)
    imu, fits = good.imu(0.005), []
    for _ in range(24):
        noisy = replace(good_turns, turn_rad=good_turns.turn_rad + rng.normal(0, 2e-3, good_turns.turn_rad.shape))
        fits.append(fit_gyro(noisy, imu))
    spread = np.std([fit.offset_s for fit in fits])
    assert 0.5 < np.mean([fit.sigma_s for fit in fits]) / spread < 2.0
    assert abs(np.mean([fit.offset_s for fit in fits]) - 0.005) < 4 * spread / np.sqrt(24) + 2e-4


@pytest.mark.parametrize(
    ("offset_ms", "verdict"),
    [(1.0, Verdict.OK), (6.0, Verdict.HINT), (-20.0, Verdict.PROBLEM), (400.0, Verdict.PROBLEM)],
)
def test_offsets_are_judged_by_their_size(good, good_images, good_turns, offset_ms, verdict):
    finding = judged(good, good_images, good_turns, good.imu(1e-3 * offset_ms))["time offset"]
    assert finding.verdict is verdict
    assert (finding.advice != "") == (verdict is not Verdict.OK)


def test_an_offset_of_the_demo_is_found_within_two_milliseconds():
    capture = taken(open_source("demo", None, mode=Mode.STEREO), 10.0)
    turns = turns_of(capture.rig.left, neighbours(capture.images), capture.stamps_ns)
    imu = capture.imu
    found = []
    for shift_ms in (-20, 0, 20):
        shifted = ImuSamples(imu.stamps_ns + shift_ms * 10**6, imu.gyro_rad_s, imu.accel_m_s2)
        found.append(1e3 * fit_gyro(turns, shifted).offset_s - shift_ms)
    np.testing.assert_allclose(found, 0, atol=2.0)


def test_wrong_turns_of_the_camera_are_put_aside(good, good_turns):
    rng = np.random.default_rng(0)
    turn = good_turns.turn_rad.copy()
    wrong = rng.choice(len(turn), len(turn) // 10, replace=False)
    turn[wrong] += rng.normal(0, 0.1, (len(wrong), 3))
    fit = fit_gyro(replace(good_turns, turn_rad=turn), good.imu(0.01))
    assert 1e3 * fit.offset_s == pytest.approx(10.0, abs=2.0)


def test_samples_missing_in_the_middle_leave_out_their_frames(good, good_turns):
    imu = good.imu(0.01)
    kept = (np.arange(len(imu.stamps_ns)) < 200) | (np.arange(len(imu.stamps_ns)) > 300)
    holed = ImuSamples(imu.stamps_ns[kept], imu.gyro_rad_s[kept], imu.accel_m_s2[kept])
    assert 1e3 * fit_gyro(good_turns, holed).offset_s == pytest.approx(10.0, abs=1.5)


def test_good_ones_have_nothing_to_do(good, good_images, good_turns):
    found = judged(good, good_images, good_turns, good.imu())
    assert {name: finding.verdict for name, finding in found.items()} == {
        "time offset": Verdict.OK, "axes": Verdict.OK, "rates": Verdict.OK,
    }  # fmt: skip
    assert together_findings(good.capture(good_images), good_turns) == []


def test_degrees_wrong_axes_a_mirror_and_a_wrong_focal_length_are_told_apart(good, good_images, good_turns):
    imu = good.imu()
    degrees = replace(imu, gyro_rad_s=np.degrees(imu.gyro_rad_s))
    assert "degrees per second" in judged(good, good_images, good_turns, degrees)["rates"].advice
    turned = replace(imu, gyro_rad_s=imu.gyro_rad_s[:, [1, 2, 0]])
    assert judged(good, good_images, good_turns, turned)["axes"].verdict is Verdict.PROBLEM
    mirrored = replace(imu, gyro_rad_s=imu.gyro_rad_s * (1, 1, -1))
    assert "right-handed" in judged(good, good_images, good_turns, mirrored)["axes"].advice
    wide = replace(good_turns, turn_rad=0.9 * good_turns.turn_rad)
    assert "0.90 times the rig's" in judged(good, good_images, wide, imu)["rates"].advice


def test_a_rig_without_axes_is_asked_for_them(good, good_images, good_turns):
    rig = replace(good.capture(good_images).rig, T_body_cam=None)
    assert judged(good, good_images, good_turns, good.imu(), rig=rig)["axes"].verdict is Verdict.HINT


def test_turns_about_one_axis_leave_the_axes_open(good, good_images, good_turns):
    one = replace(good_turns, turn_rad=good_turns.turn_rad * (0, 1, 0))
    times_s = (good.imu().stamps_ns - good_turns.start_ns[0]) * 1e-9
    rates_cam = good.shake.rates_cam(times_s) * (0, 1, 0)
    imu = replace(good.imu(), gyro_rad_s=rates_cam @ R_BODY_CAM.T)
    found = judged(good, good_images, one, imu)
    assert found["axes"].verdict is Verdict.UNKNOWN
    assert found["time offset"].verdict is Verdict.OK


def test_what_does_not_show_an_offset_is_not_known(good, good_images, good_turns):
    imu = good.imu()
    still = replace(imu, gyro_rad_s=0.001 * imu.gyro_rad_s)
    few = Turns(good_turns.start_ns[:5], good_turns.stop_ns[:5], good_turns.turn_rad[:5])
    other_time = replace(imu, stamps_ns=imu.stamps_ns - 10**11)
    empty = ImuSamples(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)))
    for turns, samples in ((good_turns, still), (few, imu), (good_turns, other_time), (good_turns, empty)):
        assert judged(good, good_images, turns, samples)["time offset"].verdict is Verdict.UNKNOWN


def test_a_gyro_of_another_motion_is_a_problem(good, good_images, good_turns):
    other = replace(good.imu(), gyro_rad_s=np.random.default_rng(0).normal(0, 1, good.imu().gyro_rad_s.shape).cumsum(0))
    finding = judged(good, good_images, good_turns, other)["time offset"]
    assert finding.verdict is Verdict.PROBLEM
    assert "do not turn together" in finding.measured


def test_euroc_has_no_offset_but_for_less_than_two_milliseconds(recorded):
    capture = taken(open_source("euroc", recorded / "sequences/euroc_v101_moving_90"), 10.0)
    turns = turns_of(capture.rig.left, neighbours(capture.images), capture.stamps_ns)
    found = {finding.subject: finding.verdict for finding in together_findings(capture, turns)}
    assert set(found.values()) == {Verdict.OK}
    assert abs(fit_gyro(turns, capture.imu).offset_s) < 2e-3
