"""Rigs that are wrong by a known amount."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from panorama import CAMERA

from slam.camera import Rig
from slam.doctor.calibration import best_shift, calibration_findings, stereo_matches
from slam.doctor.capture import Capture, taken
from slam.doctor.finding import Verdict
from slam.doctor.focal import preferred_focal
from slam.doctor.tracks import chains
from slam.sources import open_source
from slam.types import Mode


@pytest.fixture(scope="module")
def demo():
    return taken(open_source("demo", None), 2.0)


@pytest.fixture(scope="module")
def pairs(demo):
    return chains(demo.images, 0.06 * demo.rig.left.width, 24)


@pytest.fixture(scope="module")
def stereo():
    capture = taken(open_source("demo", None, mode=Mode.STEREO), 0.6)
    return replace(
        capture, images=[capture.images[0], capture.images[10]], rights=dict(enumerate(capture.rights.values()))
    )


def scaled(camera, factor):
    return replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)


@pytest.mark.parametrize("wrong", [0.9, 1.0, 1.1])
def test_the_focal_length_that_the_demo_prefers_is_the_true_one(demo, pairs, wrong):
    found = preferred_focal(scaled(demo.rig.left, wrong), pairs)
    assert found.factor * wrong == pytest.approx(1.0, abs=0.03)
    assert found.sigma < 0.02


@pytest.mark.parametrize("wrong", [0.9, 1.1])
def test_a_camera_that_only_turns_shows_its_focal_length_too(good_images, wrong):
    found = preferred_focal(scaled(CAMERA, wrong), chains(good_images, 0.06 * CAMERA.width, 12))
    assert found.factor * wrong == pytest.approx(1.0, abs=0.03)


def verdicts(capture):
    return {finding.subject: finding for finding in calibration_findings(capture)}


def test_the_demo_is_well_calibrated_and_a_tenth_too_long_is_a_problem(demo):
    found = verdicts(demo)
    assert {name: finding.verdict for name, finding in found.items()} == {
        "focal length": Verdict.OK, "depth": Verdict.OK, "depth on picture": Verdict.OK,
    }  # fmt: skip
    wrong = replace(demo, rig=replace(demo.rig, left=scaled(demo.rig.left, 1.1)), depths_m={})
    finding = verdicts(wrong)["focal length"]
    assert finding.verdict is Verdict.PROBLEM
    assert float(finding.advice.split("fx = fy = ")[1].rstrip(".")) == pytest.approx(524.8, rel=0.03)


def test_a_rig_of_quite_another_camera_is_named_so(demo):
    wrong = replace(demo, rig=replace(demo.rig, left=scaled(demo.rig.left, 0.53)), depths_m={})
    assert "of another camera" in verdicts(wrong)["focal length"].advice


def test_a_camera_that_stands_still_leaves_the_focal_length_open(demo):
    finding = verdicts(replace(demo, images=demo.images[:3], depths_m={}))["focal length"]
    assert finding.verdict is Verdict.UNKNOWN
    assert "sideways" in finding.advice


def shifted(image, x, y):
    return cv2.warpAffine(image, np.float32([[1, 0, x], [0, 1, y]]), image.shape[::-1], borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(("rows_px", "verdict"), [(0.0, Verdict.OK), (1.0, Verdict.HINT), (4.0, Verdict.PROBLEM)])
def test_rows_of_a_stereo_pair_that_do_not_meet_are_measured(stereo, rows_px, verdict):
    moved = replace(stereo, rights={i: shifted(right, 0, rows_px) for i, right in stereo.rights.items()})
    finding = verdicts(moved)["stereo rows"]
    assert finding.verdict is verdict
    assert float(finding.measured.split("lie ")[1].split(" px")[0]) == pytest.approx(rows_px, abs=0.1)


def test_exchanged_cameras_are_a_problem(stereo):
    exchanged = replace(stereo, images=list(stereo.images), rights=dict(enumerate(stereo.images)))
    exchanged.images[:] = stereo.rights.values()
    assert "exchanged" in verdicts(exchanged)["stereo rows"].advice


def test_blank_pictures_have_no_rows_to_compare(stereo):
    blank = np.full_like(stereo.images[0], 90)
    assert len(stereo_matches(blank, blank)[0]) == 0
    assert verdicts(replace(stereo, rights={0: blank}))["stereo rows"].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("by_px", "verdict"), [((4, -3), Verdict.HINT), ((10, 5), Verdict.PROBLEM)])
def test_depth_that_lies_beside_the_picture_is_measured(demo, by_px, verdict):
    moved = {i: np.roll(depth_m, by_px, (1, 0)) for i, depth_m in demo.depths_m.items()}
    finding = verdicts(
        replace(demo, images=demo.images[:61:10], depths_m={i // 10: depth_m for i, depth_m in list(moved.items())[:6]})
    )["depth on picture"]
    assert finding.verdict is verdict
    x, y = (float(part) for part in finding.measured.split("(")[1].split(")")[0].split(", "))
    np.testing.assert_allclose((x, y), np.negative(by_px), atol=0.5)


def rgbd(depth_m):
    images = [np.zeros((240, 320), np.uint8)]
    stamps_ns = np.zeros(1, np.int64)
    return Capture("test", Mode.RGBD, Rig("test", CAMERA), stamps_ns, images, depths_m={0: depth_m.astype(np.float32)})


@pytest.mark.parametrize(
    ("depth_m", "verdict", "words"),
    [
        (np.full((240, 320), 2.0), Verdict.OK, ""),
        (np.full((240, 320), 0.02), Verdict.PROBLEM, "--depth-factor"),
        (np.full((240, 320), 2000.0), Verdict.PROBLEM, "--depth-factor"),
        (np.zeros((240, 320)), Verdict.PROBLEM, "projector"),
        (np.where(np.arange(320) < 60, 2.0, 0.0) * np.ones((240, 1)), Verdict.HINT, "closer"),
    ],
)
def test_depths_that_no_room_has_are_a_problem(depth_m, verdict, words):
    finding = verdicts(rgbd(depth_m))["depth"]
    assert finding.verdict is verdict
    assert words in finding.advice


def test_a_flat_wall_does_not_show_how_depth_lies():
    assert verdicts(rgbd(np.full((240, 320), 2.0)))["depth on picture"].verdict is Verdict.UNKNOWN


def test_the_best_shift_is_found_to_a_fraction():
    y, x = np.mgrid[-16:17, -16:17]
    (found_x, found_y), contrast = best_shift(10 - 0.01 * ((x - 3.3) ** 2 + (y + 2.2) ** 2))
    assert (found_x, found_y) == (pytest.approx(3.3), pytest.approx(-2.2))
    assert contrast > 0.1
