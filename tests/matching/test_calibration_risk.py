"""The tests that promises rest on: known values, and how often they err."""

import math

import numpy as np
import pytest

from slam.matching.calibration_risk import (
    TESTS,
    betting,
    hoeffding_bentkus,
    sequences_needed,
    upper_bound,
)


def test_without_any_loss_the_p_value_is_the_chance_of_never_hitting():
    assert hoeffding_bentkus(np.zeros(45), 0.05) == pytest.approx(0.95**45, rel=1e-12)
    assert sequences_needed(0.05, 0.1) == 45 and sequences_needed(0.01, 0.05) == 299


def test_the_hoeffding_part_is_the_formula():
    divergence = 0.11 * math.log(0.11 / 0.3) + 0.89 * math.log(0.89 / 0.7)
    assert hoeffding_bentkus(np.full(10, 0.11), 0.3) == pytest.approx(math.exp(-10 * divergence), rel=1e-12)


def test_the_bentkus_part_is_used_where_it_is_smaller():
    losses = np.array([1.0] * 5 + [0.0] * 9_995)
    n, eps = len(losses), 0.002
    binomial = sum(math.comb(n, k) * eps**k * (1 - eps) ** (n - k) for k in range(6))
    assert hoeffding_bentkus(losses, eps) == pytest.approx(math.e * binomial, rel=1e-9)


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())
def test_nothing_is_rejected_without_data_or_above_the_risk(test):
    assert test(np.zeros(0), 0.05) == 1.0
    assert test(np.full(500, 0.2), 0.1) > 0.9


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())
@pytest.mark.parametrize("kind", ["binary", "beta"])
def test_a_risk_just_at_eps_is_called_smaller_in_at_most_delta_of_the_cases(test, kind):
    rng, eps, delta = np.random.default_rng(1), 0.05, 0.1
    draws = rng.random((1500, 150)) < eps if kind == "binary" else rng.beta(0.5, 9.5, (1500, 150))
    wrong = np.mean([test(losses, eps) <= delta for losses in draws.astype(float)])
    assert wrong <= delta + 0.01


def test_betting_is_tighter_when_losses_vary_little():
    losses = np.random.default_rng(2).uniform(0.0, 0.02, 500)
    assert upper_bound(losses, 0.05, betting) < 0.7 * upper_bound(losses, 0.05, hoeffding_bentkus)


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())
def test_the_upper_bound_is_where_the_test_begins_to_reject(test):
    losses = np.random.default_rng(3).beta(0.5, 20.0, 300)
    bound = upper_bound(losses, 0.05, test)
    assert test(losses, bound) <= 0.05 < test(losses, bound - 2e-6)
    assert bound > losses.mean()
