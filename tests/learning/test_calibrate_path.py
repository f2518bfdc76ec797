"""Exit rules on made-up traces whose losses are known: the induction finds the best, and promises hold."""

import itertools

import numpy as np
import pytest
import torch

from slam.learning.calibrate_path import GRID, Outcome, bounds, candidates, designed, fastest, induced, outcome
from slam.learning.calibrate_trace import SHARES, WIDTHS, Traces, exits_of, means_per_sequence, sureness
from slam.matching.calibration_risk import TESTS, hoeffding_bentkus
from slam.matching.early_exit import ExitPolicy, is_sure

LAYERS = 3


def made_up(sequences, seed, each=3, honest=True):
    """Pairs whose loss after a layer is a noisy 0.4 * (1 - sureness), and 0 after the last; pruning does nothing."""
    rng, count = np.random.default_rng(seed), sequences * each
    sure = np.sort(rng.uniform(0, 1, (count, LAYERS - 1)), axis=1)
    noise = rng.uniform(0, 2, sure.shape)
    loss = 0.4 * (1 - sure if honest else np.ones_like(sure)) ** 2 * noise
    losses = np.concatenate([loss, np.zeros((count, 1))], axis=1)
    depth = np.broadcast_to(np.arange(1, LAYERS + 1), (count, len(WIDTHS), LAYERS))
    return Traces(
        np.repeat(np.arange(sequences), each),
        ["scene frames"] * count,
        np.broadcast_to(sure[:, None, :, None], (count, len(WIDTHS), LAYERS - 1, len(SHARES))).astype(np.float32),
        np.broadcast_to(np.stack([losses, losses / 2], -1)[:, None], (count, len(WIDTHS), LAYERS, 2)),
        depth,
        depth.astype(float),
        [np.zeros(0, np.int64)] * count,
        [np.zeros(0, np.int64)] * count,
    )


def brute_force(sure, cost):
    """The best of all pairs of thresholds on a coarse grid."""
    levels = [*np.arange(0, 65) / 64, 2.0]
    rules = [(one, two) for one in levels for two in levels]
    return min(cost[np.arange(len(cost)), exits_of(sure, rule)].mean() for rule in rules)


def test_backward_induction_is_no_worse_than_trying_all_thresholds_where_layers_agree():
    rng = np.random.default_rng(1)
    sure = np.round(np.repeat(rng.uniform(0, 1, (60, 1)), 2, axis=1) * 64).astype(np.float32) / 64
    cost = np.column_stack([1.2 - sure[:, 0], 0.9 - 0.5 * sure[:, 1], np.full(60, 0.6)])
    value, thresholds = induced(sure, cost)
    assert value <= brute_force(sure, cost) + 1e-9
    assert value == pytest.approx(cost[np.arange(60), exits_of(sure, thresholds)].mean())


def test_an_exit_that_only_costs_is_never_taken():
    sure = np.ones((20, 2), np.float32)
    value, thresholds = induced(sure, np.column_stack([np.full(20, 2.0), np.full(20, 2.0), np.ones(20)]))
    assert value == 1.0 and all(threshold > 1.0 for threshold in thresholds)
    assert (exits_of(sure, thresholds) == 2).all()


def test_thresholds_are_multiples_that_float32_holds():
    thresholds = {threshold for rule in candidates(made_up(50, 2)) for threshold in rule.thresholds}
    assert len(thresholds) > 20
    assert all(threshold * GRID == round(threshold * GRID) for threshold in thresholds)
    assert all(float(np.float32(threshold)) == threshold for threshold in thresholds)


def test_a_path_begins_at_full_depth_and_gets_faster_with_the_price():
    traces = made_up(100, 3)
    results = [outcome(traces, rule) for rule in designed(traces)]
    assert results[0].losses.max() == 0.0 and (results[0].depth == LAYERS).all()
    work = [result.work.mean() for result in results]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(work)) and work[-1] < 2.0


def test_sureness_says_exactly_when_the_matcher_would_end():
    confidence = torch.tensor(np.random.default_rng(4).uniform(0.5, 1.0, 37).astype(np.float32))
    for points in (37, 40, 90):
        limit = sureness(confidence, points)
        for share, most in zip(SHARES, limit):
            for threshold in (0.5, 0.75, 0.875, 1.0, float(min(most, 1.0))):
                policy = ExitPolicy(share, -1.0, (threshold,), 2)
                assert is_sure(confidence, 0, points, policy) == bool(most >= np.float32(threshold))


def test_a_safe_rule_behind_an_unsafe_one_is_not_certified():
    zero, bad = (Outcome(np.full((200, 2), loss), np.zeros((1, 2)), np.ones(1), np.ones(1)) for loss in (0.0, 0.5))
    limits = bounds([zero, zero, bad, zero], 0.05, hoeffding_bentkus)
    assert limits[0] == 0.0 and limits[1] == pytest.approx(1 - 0.05 ** (1 / 200), abs=2e-6)
    assert limits[2] > 0.5 and limits[3] == limits[2]


def test_the_worse_of_both_losses_decides():
    one = Outcome(np.column_stack([np.zeros(200), np.full(200, 0.3)]), np.zeros((1, 2)), np.ones(1), np.ones(1))
    assert bounds([one, one], 0.05, hoeffding_bentkus)[1] > 0.3


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())
def test_promises_hold_on_new_sequences_of_the_same_kind(test):
    eps, delta, kept = 0.05, 0.1, []
    rules, truth = designed(made_up(60, 5)), made_up(2000, 6)
    risks = [outcome(truth, rule).losses.mean(0).max() for rule in rules]
    for seed in range(20):
        limits = bounds([outcome(made_up(120, 100 + seed), rule) for rule in rules], delta, test)
        chosen = max(i for i, limit in enumerate(limits) if limit <= eps)
        kept.append(risks[chosen] <= eps)
    assert np.mean(kept) >= 1 - delta
    assert max(i for i, limit in enumerate(limits) if limit <= eps) > 0


def test_the_fastest_certified_rule_is_the_last_whose_bound_is_within_eps():
    outcomes = [outcome(made_up(120, 7), rule) for rule in designed(made_up(60, 5))]
    limits = bounds(outcomes, 0.1, hoeffding_bentkus)
    for eps in (0.001, 0.05, 0.1, 0.9):
        found = fastest([each.losses for each in outcomes], eps, 0.1, hoeffding_bentkus)
        assert found == max(i for i, limit in enumerate(limits) if limit <= eps)


def test_every_sequence_counts_once_however_many_pairs_it_has():
    means = means_per_sequence(np.array([1.0, 0.0, 0.0, 1.0]), np.array([7, 7, 7, 9]))
    assert means.tolist() == [pytest.approx(1 / 3), 1.0]
