"""The focal length of a camera that nobody calibrated, found on the demo, whose camera is known."""

from dataclasses import replace

import pytest

from slam.config import SlamConfig
from slam.running.self_calibration import find_camera
from slam.sources import open_source
from slam.sources.webcam import guessed_rig
from slam.types import Mode

TRUE_PX = 524.8  # of the demo, without distortion


class Continued:
    """A recording that goes on where it was left, like a camera."""

    is_live = False

    def __init__(self, frames, rig):
        self.rig, self._frames = rig, iter(frames)

    def __iter__(self):
        return self._frames


@pytest.fixture(scope="module")
def demo():
    return list(open_source("demo", None, mode=Mode.MONO))


@pytest.mark.parametrize("guess_px", [None, pytest.param(400.0, marks=pytest.mark.slow)])
def test_the_demos_focal_length_is_found_within_two_percent(demo, guess_px):
    rig = guessed_rig(640, 480)
    if guess_px:
        rig = replace(rig, left=replace(rig.left, fx=guess_px, fy=guess_px))
    told = []
    found = find_camera(Continued(demo, rig), SlamConfig(), lambda track, doing: told.append(doing))
    assert found.is_sure and found.rig.left.fx == found.rig.left.fy == pytest.approx(TRUE_PX, rel=0.02)
    assert abs(found.rig.left.distortion[0]) < 0.02
    assert "found by bundle adjustment, guessed" in found.note and "move sideways" in told[0]


def test_a_camera_that_stands_still_keeps_the_guess_and_says_so(demo):
    frames = [replace(demo[0], index=i, stamp_ns=i * 33_333_333) for i in range(20)]
    rig = guessed_rig(640, 480)
    found = find_camera(Continued(frames, rig), SlamConfig())
    assert found.rig is rig and not found.is_sure
    assert "is a guess, the motion did not show it" in found.note
