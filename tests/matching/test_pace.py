"""The deadline inside a match, by a clock that moves ten milliseconds whenever it is looked at."""

import numpy as np
import pytest
import torch
from matching_views import make_view

from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.pace import Countdown, Pace

A, B = make_view(60, 1), make_view(50, 2)
STEP_MS = 10.0


class SlowClock:
    def __init__(self):
        self.now_ms = 0.0

    def __call__(self):
        self.now_ms += STEP_MS
        return self.now_ms / 1e3


def slow_matcher(network, policy=None):
    return LightGlueMatcher(network, policy or ExitPolicy.off(4), filter_threshold=0.0, pace=Pace(SlowClock()))


def same(found, other):
    return all(np.array_equal(getattr(found, n), getattr(other, n)) for n in ("index_a", "index_b", "confidence"))


@pytest.mark.parametrize(("budget_ms", "layers"), [(0.0, 1), (25.0, 1), (35.0, 2), (45.0, 3)])
def test_the_matcher_leaves_before_the_layer_that_would_be_late(network, budget_ms, layers):
    found = slow_matcher(network).match(A, B, budget_ms=budget_ms)  # 10 ms to begin, 10 ms a layer
    assert found.exit_layer == layers and found.hurried
    assert same(found, slow_matcher(network).match(A, B, max_layers=layers))


def test_with_time_enough_the_answer_is_the_one_without_a_deadline(network):
    found = slow_matcher(network).match(A, B, budget_ms=1000.0)
    assert found.exit_layer == 4 and not found.hurried
    assert same(found, slow_matcher(network).match(A, B))


def test_the_time_that_reading_the_matches_off_takes_is_learned_too(network):
    matcher = slow_matcher(network)
    assert matcher.match(A, B, budget_ms=45.0).exit_layer == 3
    assert matcher.match(A, B, budget_ms=45.0).exit_layer == 2  # the end takes 10 ms of its own


def test_an_exit_that_is_sure_is_not_hurried(network):
    sure = ExitPolicy(0.9, -1.0, (0.0,) * 4, 4)
    found = slow_matcher(network, sure).match(A, B, budget_ms=0.0)
    assert found.exit_layer == 1 and not found.hurried


def test_where_a_layer_has_no_head_the_next_one_that_has_ends_the_matching():
    torch.manual_seed(3)
    network = LightGlue(NetworkShape(width=32, heads=2, layers=4, input_dim=128, heads_at=(1, 3))).eval()
    assert slow_matcher(network).match(A, B, budget_ms=0.0).exit_layer == 2
    assert slow_matcher(network).match(A, B, budget_ms=45.0).exit_layer == 2  # two more layers would take 20 ms
    assert slow_matcher(network).match(A, B, budget_ms=55.0).exit_layer == 4


def test_what_was_learned_stays_with_another_exit_rule(network):
    matcher = slow_matcher(network)
    matcher.match(A, B, budget_ms=1000.0)
    assert matcher.with_exits(ExitPolicy.off(4)).match(A, B, budget_ms=45.0).exit_layer == 2


def test_without_a_budget_nobody_looks_at_the_clock(network):
    clock = SlowClock()
    matcher = LightGlueMatcher(network, ExitPolicy.off(4), pace=Pace(clock))
    matcher.match(A, B)
    matcher.match_many([(A, B), (B, A)])
    assert clock.now_ms == 0.0


def test_more_points_are_expected_to_take_longer():
    pace = Pace(SlowClock())
    countdown = Countdown(pace, 100.0)
    countdown.layer_done(100)
    assert pace.expected_ms(1, 100) == pytest.approx(10.0) and pace.expected_ms(3, 200) == pytest.approx(60.0)
    assert not countdown.is_short_of(3, 299) and countdown.is_short_of(3, 301)  # 90 ms are left
