"""Inertial units with known noise, holes and units."""

from dataclasses import replace

import numpy as np
import pytest
from panorama import START_NS, Stream

from slam.camera import ImuNoise
from slam.doctor.finding import Verdict
from slam.doctor.inertial import inertial_findings, rest_of, shaking
from slam.types import ImuSamples

NOISE = ImuNoise(2e-4, 2e-3, 2e-5, 3e-3, 200.0)
IMAGES = [np.zeros((24, 32), np.uint8)] * 2


def resting(seconds=10.0, rate_hz=200.0, gyro_density=2e-4, accel_density=2e-3, bias=(0.01, 0.0, -0.02), seed=0):
    rng, count = np.random.default_rng(seed), round(seconds * rate_hz)
    stamps_ns = START_NS + np.round(np.arange(count) * 1e9 / rate_hz).astype(np.int64)
    gyro = np.array(bias) + rng.normal(0, gyro_density * np.sqrt(rate_hz), (count, 3))
    accel = np.array([0.3, 9.8, 0.2]) + rng.normal(0, accel_density * np.sqrt(rate_hz), (count, 3))
    return ImuSamples(stamps_ns, gyro, accel)


def judged(imu, noise=NOISE):
    capture = Stream(seconds=0.1).capture(IMAGES, imu)
    capture = replace(capture, rig=replace(capture.rig, imu=noise))
    return {finding.subject: finding for finding in inertial_findings(capture)}


@pytest.mark.parametrize(("gyro", "accel", "rate_hz"), [(2e-4, 2e-3, 200.0), (1e-3, 1e-2, 200.0), (5e-4, 4e-3, 400.0)])
def test_densities_bias_and_gravity_are_those_that_were_put_in(gyro, accel, rate_hz):
    rest = rest_of(resting(gyro_density=gyro, accel_density=accel, rate_hz=rate_hz))
    assert rest.gyro_density == pytest.approx(gyro, rel=0.05)
    assert rest.accel_density == pytest.approx(accel, rel=0.05)
    np.testing.assert_allclose(rest.gyro_bias_rad_s, (0.01, 0.0, -0.02), atol=5e-4)
    assert rest.gravity_m_s2 == pytest.approx(np.linalg.norm([0.3, 9.8, 0.2]), abs=0.01)


def test_a_good_unit_at_rest_has_nothing_to_do():
    found = judged(resting())
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert set(found) == {"rate", "holes", "gravity", "noise at rest", "gyro bias"}


def test_a_moving_unit_is_not_at_rest():
    stream = Stream(seconds=5.0)
    assert rest_of(stream.imu()) is None
    found = judged(stream.imu())
    assert found["noise at rest"].verdict is Verdict.UNKNOWN
    assert found["gravity"].verdict is Verdict.OK


def test_rest_is_found_between_movements():
    moving, still = (
        Stream(seconds=3.0).imu(sigma_gyro=2e-4 * np.sqrt(200), sigma_accel=2e-3 * np.sqrt(200)),
        resting(4.0),
    )
    imu = ImuSamples(
        START_NS + 5_000_000 * np.arange(len(moving.stamps_ns) + 800),
        np.concatenate([moving.gyro_rad_s, still.gyro_rad_s]),
        np.concatenate([moving.accel_m_s2, still.accel_m_s2]),
    )
    rest = rest_of(imu)
    assert rest.seconds == pytest.approx(4.0, abs=0.8)
    assert rest.gyro_density == pytest.approx(2e-4, rel=0.1)


def test_a_unit_that_stands_still_on_running_rotors_is_told_from_one_that_moves():
    imu = resting()
    hum = np.sin(2 * np.pi * 87.0 * np.arange(2000) / 200)[:, None]
    shaken = ImuSamples(imu.stamps_ns, imu.gyro_rad_s + 0.1 * hum, imu.accel_m_s2 + 1.0 * hum)
    gyro, accel = shaking(shaken)
    assert (gyro, accel) == (pytest.approx(0.1 / np.sqrt(2), rel=0.05), pytest.approx(1 / np.sqrt(2), rel=0.05))
    assert judged(shaken)["noise at rest"].verdict is Verdict.HINT
    assert shaking(Stream(seconds=5.0).imu()) is None
    assert shaking(resting(0.5)) is None


@pytest.mark.parametrize(("factor", "verdict"), [(2.0, Verdict.OK), (5.0, Verdict.HINT), (13.0, Verdict.PROBLEM)])
def test_noise_is_compared_with_what_the_rig_promises(factor, verdict):
    assert (
        judged(resting(gyro_density=2e-4), replace(NOISE, gyro_density=2e-4 / factor))["noise at rest"].verdict
        is verdict
    )


def test_a_rig_without_noise_is_told_what_to_put_in():
    finding = judged(resting(), None)["noise at rest"]
    assert finding.verdict is Verdict.HINT
    assert "2.0" in finding.measured


@pytest.mark.parametrize(
    ("change", "subject", "verdict", "words"),
    [
        (lambda imu: replace(imu, accel_m_s2=imu.accel_m_s2 / 9.81), "gravity", Verdict.PROBLEM, "gives g"),
        (lambda imu: replace(imu, accel_m_s2=imu.accel_m_s2 * 1.06), "gravity", Verdict.HINT, "scale"),
        (lambda imu: replace(imu, gyro_rad_s=imu.gyro_rad_s + 0.2), "gyro bias", Verdict.HINT, "warm up"),
        (lambda imu: replace(imu, gyro_rad_s=imu.gyro_rad_s + 0.5), "gyro bias", Verdict.PROBLEM, "warm up"),
    ],
)
def test_wrong_units_and_biases_are_seen(change, subject, verdict, words):
    finding = judged(change(resting()))[subject]
    assert finding.verdict is verdict
    assert words in finding.advice


def without(imu, dropped):
    kept = np.delete(np.arange(len(imu.stamps_ns)), dropped)
    return ImuSamples(imu.stamps_ns[kept], imu.gyro_rad_s[kept], imu.accel_m_s2[kept])


def test_holes_are_counted():
    finding = judged(without(resting(), np.r_[100:110, 500:520]))["holes"]
    assert finding.verdict is Verdict.HINT
    assert finding.measured == "2 holes, the longest 105 ms"
    assert judged(without(resting(), np.r_[100:400]))["holes"].verdict is Verdict.PROBLEM


def test_repeated_stamps_are_counted():
    imu = resting()
    imu.stamps_ns[50] = imu.stamps_ns[49]
    assert "1 stamps repeat" in judged(imu)["holes"].measured


def test_bunched_stamps_and_wrong_or_low_rates_are_hints():
    bunched = resting()
    bunched.stamps_ns[:] = bunched.stamps_ns // 20_000_000 * 20_000_000 + np.arange(2000) % 4 * 100_000
    assert judged(bunched)["rate"].verdict is not Verdict.OK
    assert "rig says 400 Hz" in judged(resting(), replace(NOISE, rate_hz=400.0))["rate"].measured
    assert "200 Hz or more" in judged(resting(rate_hz=50.0), None)["rate"].advice


def test_no_unit_says_nothing_and_a_silent_one_is_a_problem():
    assert judged(None) == {}
    assert judged(resting(0.02))["rate"].verdict is Verdict.PROBLEM
