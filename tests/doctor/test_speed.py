"""The self-test: measured for real once, judged on times that are known."""

import pytest

from slam.doctor import speed
from slam.doctor.finding import Verdict
from slam.doctor.speed import LEAST_FRAMES, Times, judged, measured, runtimes_here, speed_findings
from slam.errors import SourceError
from slam.sources import open_source


def times(extract_ms, rest_ms, count=40):
    return Times([extract_ms] * count, [rest_ms] * count)


def rate(extract_ms, rest_ms):
    return judged({"onnx": times(extract_ms, rest_ms)})[1]


def test_every_runtime_here_answers_the_demo():
    runtimes = runtimes_here()
    assert "torch" in runtimes
    found = measured(open_source("demo", None), runtimes, 0.1)
    assert found.keys() == set(runtimes)
    assert all(len(each.frame_ms) >= LEAST_FRAMES for each in found.values())
    assert all((each.frame_ms > 1).all() for each in found.values())


@pytest.mark.parametrize(
    ("extract_ms", "rest_ms", "verdict", "words"),
    [
        (10, 12, Verdict.OK, "even on one core"),
        (18, 25, Verdict.OK, "a core for each"),
        (30, 50, Verdict.HINT, "not to be expected"),
        (90, 150, Verdict.PROBLEM, "not to be expected"),
    ],
)
def test_thirty_frames_a_second_are_promised_by_the_slower_of_both_stages(
    monkeypatch, extract_ms, rest_ms, verdict, words
):
    monkeypatch.setattr(speed, "hardware", lambda: {"cores": 2})
    finding = rate(extract_ms, rest_ms)
    assert finding.verdict is verdict
    assert words in finding.measured


def test_some_slow_frames_are_a_hint(monkeypatch):
    monkeypatch.setattr(speed, "hardware", lambda: {"cores": 2})
    mixed = Times([15.0] * 40, [25.0] * 34 + [50.0] * 6)
    finding = judged({"onnx": mixed})[1]
    assert finding.verdict is Verdict.HINT
    assert "some frames will be dropped" in finding.measured


def test_on_one_core_both_stages_add_up(monkeypatch):
    monkeypatch.setattr(speed, "hardware", lambda: {"cores": 1})
    assert rate(18, 25).verdict is Verdict.HINT


def test_a_runtime_clearly_faster_than_the_default_is_recommended():
    usual, quicker = times(10, 20), times(5, 15)
    assert "--runtime openvino" in judged({"onnx": usual, "openvino": quicker})[0].advice
    assert judged({"onnx": usual, "openvino": times(9.5, 20)})[0].verdict is Verdict.OK


def test_without_the_demo_speed_is_not_known(monkeypatch):
    def missing(*_):
        raise SourceError("the demo recording is missing")

    monkeypatch.setattr(speed, "open_source", missing)
    assert [finding.verdict for finding in speed_findings(1.0)] == [Verdict.UNKNOWN]
