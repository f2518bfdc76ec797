"""Projected dots, laid over pictures of the world."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from slam.doctor.capture import taken
from slam.doctor.emitter import dots, emitter_findings
from slam.doctor.finding import Verdict
from slam.sources import open_source
from slam.types import Mode


def projected(image, amplitude=40.0, count=3500, seed=0):
    """Round dots of sigma 1 px at random places, brighter than what they fall on by so many grey levels."""
    rng, dotted = np.random.default_rng(seed), np.zeros(image.shape, np.float32)
    dotted[rng.integers(0, image.shape[0], count), rng.integers(0, image.shape[1], count)] = 2 * np.pi * amplitude
    return np.clip(image + cv2.GaussianBlur(dotted, (0, 0), 1.0), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def stereo():
    return taken(open_source("demo", None, mode=Mode.STEREO), 0.5)


@pytest.mark.parametrize("amplitude", [40.0, 80.0])
def test_a_projector_left_on_is_seen(stereo, amplitude):
    capture = replace(stereo, images=[projected(image, amplitude) for image in stereo.images])
    (finding,) = emitter_findings(capture)
    assert finding.verdict is Verdict.HINT
    assert "projector" in finding.advice


def test_pictures_of_the_world_have_no_dots(stereo, good_images):
    (finding,) = emitter_findings(stereo)
    assert (finding.verdict, finding.advice) == (Verdict.OK, "")
    assert emitter_findings(replace(stereo, images=list(good_images)))[0].verdict is Verdict.OK


def test_only_stereo_minds(stereo):
    assert emitter_findings(replace(stereo, mode=Mode.RGBD)) == []


def test_dark_dots_and_dots_in_one_corner_are_no_projector(stereo):
    dark, bright_share = dots(255 - projected(255 - stereo.images[0]))
    assert dark < 1
    assert bright_share < 0.2
    corner = stereo.images[0].copy()
    corner[:240, :320] = projected(corner[:240, :320], count=900)
    assert dots(corner)[1] < 0.4


def test_recorded_pictures_have_no_dots(recorded):
    for name, layout in (("kitti_stereo_30", "kitti"), ("euroc_v101_static_stereo_12", "euroc")):
        (finding,) = emitter_findings(taken(open_source(layout, recorded / "sequences" / name), 3.0))
        assert finding.verdict is Verdict.OK
