"""Pictures with known faults."""

import cv2
import numpy as np
import pytest
from panorama import Stream

from slam.doctor.edges import edges_of
from slam.doctor.finding import Verdict
from slam.doctor.picture import exposure_share, picture_findings, swing
from slam.doctor.tracks import neighbours


def found(capture, pairs, subject):
    return next(finding for finding in picture_findings(capture, pairs) if finding.subject == subject)


def changed(images, change):
    return [np.clip(change(image.astype(np.float64)) + 0.5, 0, 255).astype(np.uint8) for image in images]


def test_a_good_camera_has_no_problem_and_no_hint(good, good_images, good_pairs):
    findings = picture_findings(good.capture(good_images), good_pairs)
    assert {finding.verdict for finding in findings} <= {Verdict.OK, Verdict.UNKNOWN}
    assert len(findings) == 5


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda image: image * 2.2, Verdict.PROBLEM),
        (lambda image: image * 1.3, Verdict.HINT),
        (lambda image: image * 0.3, Verdict.HINT),
        (lambda image: image * 0.15, Verdict.PROBLEM),
        (lambda image: 100 + 0.02 * image, Verdict.PROBLEM),
    ],
)
def test_exposure_is_judged_by_white_black_and_contrast(good, good_images, change, verdict):
    images = changed(good_images[:10], change)
    finding = found(good.capture(images), [], "exposure")
    assert finding.verdict is verdict
    assert finding.advice


def test_a_frozen_picture_is_a_problem(good, good_images):
    findings = picture_findings(good.capture([good_images[0]] * 10), [])
    assert [(finding.subject, finding.verdict) for finding in findings] == [("frozen", Verdict.PROBLEM)]


@pytest.mark.parametrize("sigma_px", [1.5, 2.0, 3.0])
def test_the_width_of_blurred_edges_is_known(sigma_px):
    step = np.tile(np.where(np.arange(200) < 100, 60, 180).astype(np.float32), (150, 1))
    step = step + np.where(np.arange(150) < 75, 0, 50)[:, None]
    image = cv2.GaussianBlur(step, (0, 0), sigma_px) + np.random.default_rng(0).normal(0, 1, step.shape)
    edges = edges_of(np.clip(image, 0, 255).astype(np.uint8))
    assert np.sqrt(edges.variance()) == pytest.approx(sigma_px, rel=0.12)


@pytest.mark.parametrize(("defocus_px", "verdict"), [(1.0, Verdict.OK), (1.9, Verdict.HINT), (3.5, Verdict.PROBLEM)])
def test_a_lens_out_of_focus_is_seen_while_the_camera_moves(good, good_images, good_pairs, defocus_px, verdict):
    images = [cv2.GaussianBlur(image, (0, 0), defocus_px) for image in good_images[:40]]
    assert found(good.capture(images), good_pairs[:39], "focus").verdict is verdict


@pytest.mark.parametrize("exposure", [0.5, 0.9])
def test_motion_blur_is_told_from_defocus_and_gives_the_exposure(exposure):
    stream = Stream(seconds=1.5, exposure=exposure)
    images = stream.images()
    findings = picture_findings(stream.capture(images), neighbours(images))
    focus, blur = (next(each for each in findings if each.subject == name) for name in ("focus", "motion blur"))
    assert focus.verdict is Verdict.OK
    assert blur.verdict is not Verdict.OK
    share = float(blur.measured.split("exposed for ")[1].split(" ")[0]) / 100
    assert share == pytest.approx(exposure, rel=0.2)


def test_a_camera_that_stands_still_shows_no_motion_blur(good, good_images):
    assert found(good.capture(good_images[:1] * 3 + good_images[1:2]), [], "motion blur").verdict is Verdict.UNKNOWN


def test_exposure_share_is_that_of_a_box():
    flow_px = np.linspace(5, 20, 30)
    share, sigma = exposure_share(flow_px, 0.3 + (0.4 * flow_px) ** 2 / 12, np.full(30, 0.3))
    assert share == pytest.approx(0.4, abs=1e-9)
    assert sigma == pytest.approx(0.2 * share)  # nothing but what the model leaves out


def test_pictures_without_edges_leave_focus_open(good):
    rng = np.random.default_rng(0)
    images = [(100 + np.linspace(0, 60, 320) + rng.normal(0, 1, (240, 320))).astype(np.uint8) for _ in range(10)]
    assert found(good.capture(images), [], "focus").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("mains_hz", "words"), [(100.0, "exposure of 10.0 ms"), (87.0, "Fix exposure")])
def test_light_of_the_mains_flickers_at_its_alias(good, good_images, good_pairs, mains_hz, words):
    times_s = good.times_s()
    gains = 1 + 0.04 * np.sin(2 * np.pi * mains_hz * times_s + 0.3)
    images = [np.clip(image * gain, 0, 255).astype(np.uint8) for image, gain in zip(good_images, gains)]
    finding = found(good.capture(images), good_pairs, "flicker")
    assert finding.verdict is Verdict.HINT
    assert words in finding.advice


def test_brightness_that_wanders_is_no_flicker():
    false_alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        brightness = 100 + np.cumsum(rng.normal(0, 0.5, 300)) + rng.normal(0, 0.05, 300)
        false_alarms += swing(brightness, 30.0)[1] > 0.005
    assert false_alarms <= 1


def test_dark_corners_are_a_hint(good, good_images, good_pairs):
    y, x = np.mgrid[-1:1:240j, -1:1:320j]
    images = changed(good_images, lambda image: image * np.clip(1.2 - 0.55 * (x**2 + y**2), 0, 1))
    assert found(good.capture(images), good_pairs, "shading").verdict is Verdict.HINT
