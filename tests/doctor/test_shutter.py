"""Readout times that are known, row by row."""

from dataclasses import replace

import numpy as np
import pytest
from panorama import CAMERA, Shake, Stream

from slam.doctor.finding import Verdict
from slam.doctor.shutter import readout, shutter_findings
from slam.doctor.tracks import neighbours
from slam.doctor.turning import turns_of


def seen(stream):
    capture = stream.capture()
    pairs = neighbours(capture.images)
    return capture, pairs, turns_of(CAMERA, pairs, capture.stamps_ns)


def finding_of(stream):
    capture, pairs, turns = seen(stream)
    (finding,) = shutter_findings(capture, pairs, turns)
    return finding


def test_a_global_shutter_is_called_none(good, good_images, good_pairs, good_turns):
    capture = good.capture(good_images)
    found = readout(CAMERA, good_pairs, good_turns, capture)
    assert abs(found.share) < 0.02
    assert shutter_findings(capture, good_pairs, good_turns)[0].verdict is Verdict.OK


@pytest.mark.parametrize("share", [0.3, 0.8, -0.5])
def test_the_readout_time_is_found_within_five_percent_of_the_frame(share):
    capture, pairs, turns = seen(Stream(seconds=1.5, readout=share))
    found = readout(CAMERA, pairs, turns, capture)
    assert found.share == pytest.approx(share, abs=0.05)
    assert found.sigma < 0.05
    (finding,) = shutter_findings(capture, pairs, turns)
    assert finding.verdict is Verdict.HINT
    assert ("from the bottom up" in finding.measured) == (share < 0)


def test_a_steady_turn_does_not_show_it():
    slow = Shake(amplitude=(0.8, 0.0, 0.0), hz=(0.05, 1, 1), second_hz=(0.02, 1, 1))
    finding = finding_of(Stream(seconds=1.5, readout=0.8, shake=slow))
    assert finding.verdict is Verdict.UNKNOWN
    assert "Shake the camera" in finding.advice


def test_too_few_frames_or_frames_far_apart_say_nothing(good, good_images, good_pairs, good_turns):
    capture = good.capture(good_images)
    assert readout(CAMERA, good_pairs[:10], good_turns, capture) is None
    stamps = capture.stamps_ns + 10**9 * (np.arange(len(capture.stamps_ns)) // 2)
    apart = replace(capture, stamps_ns=stamps)
    turns = replace(good_turns, start_ns=stamps[:-1], stop_ns=stamps[1:])
    assert shutter_findings(apart, good_pairs, turns)[0].verdict is Verdict.UNKNOWN
