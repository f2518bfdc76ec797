"""What of the time between two frames is the matcher's; the clock is set by hand."""

import math

import pytest

from slam.tracking.deadline import MEMORY, Deadline


class Clock:
    ms = 0.0

    def __call__(self):
        return self.ms / 1e3


@pytest.fixture
def clock():
    return Clock()


def test_without_a_rate_there_is_no_end(clock):
    deadline = Deadline(0.0, clock)
    deadline.end({"pose": 5.0})
    assert deadline.left_ms == math.inf


def test_what_the_frame_has_used_is_taken_off(clock):
    deadline = Deadline(25.0, clock)
    clock.ms = 100.0
    deadline.begin()
    clock.ms = 107.0
    assert deadline.left_ms == pytest.approx(33.0)


def test_what_usually_follows_the_match_is_taken_off(clock):
    deadline = Deadline(25.0, clock)
    deadline.end({"local_map": 1.0, "match": 9.0, "pose": 6.0, "graph": 50.0})
    assert deadline.left_ms == pytest.approx(34.0)
    deadline.end({"pose": 6.0, "map": 10.0})
    assert deadline.left_ms == pytest.approx(34.0 - (1 - MEMORY) * 10.0)


def test_hurrying_wins_nothing_while_the_extraction_beside_is_slower(clock):
    deadline = Deadline(25.0, clock)
    deadline.extracted_beside(60.0)
    assert deadline.left_ms == pytest.approx(60.0)
    quick = Deadline(25.0, clock)
    quick.extracted_beside(12.0)
    assert quick.left_ms == pytest.approx(40.0)


def test_after_the_last_frame_nothing_is_hurried(clock):
    deadline = Deadline(25.0, clock)
    clock.ms = 1000.0
    assert deadline.left_ms < 0.0
    deadline.lift()
    assert deadline.left_ms == math.inf
