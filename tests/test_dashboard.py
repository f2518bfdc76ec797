"""The terminal's picture of a run: figures of known records."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from slam.dashboard import Dashboard, latency, rate_hz
from slam.evaluation.frame_records import FrameRecord
from slam.running.loop import Progress

RECORD = FrameRecord(
    0, 0, "tracking", "", 512, 400, 300, 1, 0.25, -1, {}, 20.0, 0, True, False, 30.0, memory_mb=500.0,
    keyframes=7, landmarks=900, queue=1,
)  # fmt: skip


def records(count=100, **changes):
    return [replace(RECORD, index=i, stamp_ns=i * 33_333_333, **changes) for i in range(count)]


def shown(given, total=0):
    dashboard = Dashboard(Console(), "slam run webcam")
    for i, record in enumerate(given):
        dashboard.update(Progress(i + 1, total, 29.5, record))
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(dashboard)
    return console.export_text()


def test_rate_and_latency_are_of_the_last_frames():
    assert rate_hz(records()) == pytest.approx(30.0, abs=0.01)
    assert latency(records()) == "p50 30, p95 30 ms from the camera to the pose"
    assert latency(records(latency_ms=None)) == "p50 20, p95 20 ms a frame"


def test_it_shows_what_a_run_does():
    text = shown(records(), total=200)
    for words in ("tracking", "100 of 200", "30.0 fps now, 29.5 over the run; 0 dropped (0.0%)", "300 by 400 matches",
                  "7 keyframes, 900 landmarks, queue 1", "25% of the points", "500 MB"):  # fmt: skip
        assert words in text


def test_exit_layers_are_a_histogram_of_shares():
    given = [replace(record, exit_layer=1 if i % 4 else 3) for i, record in enumerate(records())]
    lines = [line for line in shown(given).splitlines() if "%" in line and "█" in line]
    assert lines[0].count("█") == 18 and "75%" in lines[0]
    assert lines[-1].count("█") == 6 and "25%" in lines[-1]


def test_a_reason_is_shown_and_drops_are_counted():
    given = [replace(record, dropped=1) for record in records(50, status="lost", reason="too few matches: 3")]
    text = shown(given)
    assert "lost: too few matches: 3" in text and "50 dropped (100.0%)" in text


def test_before_the_first_frame_it_says_what_is_done():
    assert "loading networks" in shown([])


def test_frames_that_were_not_matched_have_no_layer():
    assert "nothing matched yet" in shown(records(3, exit_layer=0))
