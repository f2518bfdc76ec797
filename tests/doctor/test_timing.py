"""Streams with known faults of their clocks."""

import time
from dataclasses import replace

import numpy as np
import pytest
from panorama import CAMERA, START_NS

from slam.camera import Rig
from slam.doctor.capture import Capture
from slam.doctor.finding import Verdict
from slam.doctor.timing import gaps_of, repeated_pictures, timing_findings
from slam.inertial.samples import no_samples
from slam.sources import Skip
from slam.types import ImuSamples, Mode

STEP_NS = 33_333_333


def stream(stamps_ns, images=None, **fields):
    rng = np.random.default_rng(0)
    images = images or [rng.integers(0, 256, (24, 32), np.uint8) for _ in stamps_ns]
    return Capture("test", Mode.MONO, Rig("test", CAMERA), np.asarray(stamps_ns, np.int64), images, **fields)


def regular(count=100, sigma_ms=0.0, start_ns=START_NS):
    jitter = np.random.default_rng(1).normal(0, sigma_ms * 1e6, count).astype(np.int64)
    return start_ns + STEP_NS * np.arange(count) + jitter


def found(capture, subject):
    return next(finding for finding in timing_findings(capture) if finding.subject == subject)


def verdicts(capture):
    return {finding.subject: finding.verdict for finding in timing_findings(capture)}


def test_a_good_stream_has_nothing_to_do():
    findings = timing_findings(stream(regular(sigma_ms=0.2)))
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert not any(finding.advice for finding in findings)
    assert "30.0 fps" in found(stream(regular()), "rate").measured


def test_stamps_counted_from_a_frame_number_do_not_claim_to_be_without_jitter():
    assert found(stream(regular()), "jitter").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("sigma_ms", "verdict"), [(0.5, Verdict.OK), (2.0, Verdict.HINT), (6.0, Verdict.HINT)])
def test_jitter_is_measured_as_it_is(sigma_ms, verdict):
    finding = found(stream(regular(2000, sigma_ms)), "jitter")
    p95_ms = float(finding.measured.split(" p95")[0].split(", ")[-1])
    assert finding.verdict is verdict
    if sigma_ms < 5:  # steps differ by sqrt(2) sigma, 95 % within 1.96 of that
        assert p95_ms == pytest.approx(1.96 * np.sqrt(2) * sigma_ms, rel=0.1)


def test_jitter_that_only_spoils_inertial_runs_is_a_problem_only_there():
    imu = ImuSamples(regular(700, start_ns=START_NS), np.zeros((700, 3)), np.zeros((700, 3)))
    assert found(stream(regular(400, 6.0), imu=imu), "jitter").verdict is Verdict.PROBLEM


def test_dropped_frames_are_counted():
    stamps = np.delete(regular(200, 0.3), [20, 50, 51, 120])
    assert gaps_of(np.diff(stamps) * 1e-9).lost == 4
    finding = found(stream(stamps), "dropped frames")
    assert finding.verdict is Verdict.HINT
    assert finding.measured.startswith("4 missing (2.0 %), the longest step 100 ms")


def test_many_dropped_frames_are_a_problem():
    stamps = np.delete(regular(200), np.arange(5, 195, 10))
    assert verdicts(stream(stamps))["dropped frames"] is Verdict.PROBLEM


def test_a_late_frame_is_not_counted_as_dropped():
    stamps = regular(100)
    stamps[40] += int(0.7 * STEP_NS)
    gaps = gaps_of(np.diff(stamps) * 1e-9)
    assert (gaps.lost, gaps.late) == (0, 1)
    assert verdicts(stream(stamps))["late frames"] is Verdict.HINT


def test_pictures_repeated_to_the_bit_or_by_a_codec_are_found(good_images):
    images = list(good_images)
    images[10] = images[9].copy()
    images[30] = np.clip(images[29].astype(int) + np.random.default_rng(0).integers(0, 2, images[29].shape), 0, 255)
    images[30] = images[30].astype(np.uint8)
    assert repeated_pictures(images) == [10, 30]
    assert repeated_pictures(list(good_images)) == []


def test_every_second_picture_repeated_is_a_problem(good_images):
    images = [image for image in good_images[:40] for _ in range(2)]
    finding = found(stream(regular(80), images), "repeated pictures")
    assert finding.verdict is Verdict.PROBLEM
    assert finding.measured.startswith("40 of 80")


def test_a_camera_that_stands_still_repeats_nothing():
    rng = np.random.default_rng(2)
    images = [(120 + rng.normal(0, 1, (240, 320)) + 0.5).astype(np.uint8) for _ in range(60)]
    assert repeated_pictures(images) == []


def test_stamps_that_jump_back_are_counted_whoever_left_them_out():
    stamps = regular(50, 0.1)
    stamps[20] = stamps[10]
    skipped = (Skip(7, 0, "a.png: the stamp repeats (1.0 s)"), Skip(8, 0, "b.png: cannot be read"))
    assert found(stream(stamps), "order").measured == "1 stamps repeat or jump"
    finding = found(stream(regular(50), skipped=skipped), "order")
    assert finding.measured.startswith("1 stamps repeat or jump; 1 frames cannot be used, the first: a.png")


@pytest.mark.parametrize(
    ("start_ns", "words"),
    [(START_NS, "2020-09-13"), (5 * 10**9, "5.00 s before"), (3 * 10**18, "no known origin"), (-5, "no known origin")],
)
def test_the_clock_is_named_by_where_it_starts(start_ns, words):
    assert words in found(stream(regular(20, start_ns=start_ns)), "clock").measured


def test_inertial_samples_of_another_clock_are_a_problem():
    imu = ImuSamples(regular(300, start_ns=10**9), np.zeros((300, 3)), np.zeros((300, 3)))
    assert found(stream(regular(), imu=imu), "clock").verdict is Verdict.PROBLEM
    assert found(stream(regular(), imu=no_samples()), "clock").verdict is Verdict.PROBLEM
    same = replace(imu, stamps_ns=regular(300))
    assert found(stream(regular(), imu=same), "clock").verdict is Verdict.OK


def test_a_live_camera_slower_than_promised_is_a_problem():
    fast = stream(regular(), is_live=True, fps=30.0)
    assert verdicts(fast)["rate"] is Verdict.OK
    assert verdicts(replace(fast, fps=60.0))["rate"] is Verdict.PROBLEM
    slow = stream(START_NS + 10**8 * np.arange(30), is_live=True)
    assert verdicts(slow)["rate"] is Verdict.HINT


@pytest.mark.parametrize(
    ("lag_ms", "verdict"),
    [
        (lambda n: 5 + 0 * n, Verdict.OK),
        (lambda n: 5 + 50.0 * (n % 7 == 0), Verdict.HINT),
        (lambda n: 5 + 400.0 * (n % 7 == 0), Verdict.PROBLEM),
        (lambda n: 5 + 2.0 * n, Verdict.PROBLEM),
    ],
)
def test_frames_that_pile_up_or_come_in_bunches_are_seen_on_a_live_camera(lag_ms, verdict):
    stamps = time.monotonic_ns() + STEP_NS * np.arange(300)
    arrivals = stamps + (1e6 * lag_ms(np.arange(300))).astype(np.int64)
    finding = found(stream(stamps, is_live=True, fps=30.0, arrivals_ns=arrivals), "way to us")
    assert finding.verdict is verdict
    assert "frames arrive 5.0 ms after their stamp at best" in finding.measured


def test_a_camera_that_ended_is_a_problem_with_its_reason():
    assert found(stream(regular(), ended="the camera is silent"), "end").measured == "the camera is silent"


def test_two_frames_are_too_few():
    assert [finding.verdict for finding in timing_findings(stream(regular(2)))] == [Verdict.UNKNOWN]
