"""The contract of the early exit: cheap where it may be, silent where it must be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matching_views import make_view

from slam.matching.adaptive import LightGlueMatcher, tokens
from slam.matching.early_exit import ExitPolicy, is_sure, published_threshold, staying

NEVER = ExitPolicy.published(-1.0, -1.0, 4)


def sure_of_half(network, layer, a, b):
    """At one layer half of the points are sure: those whose first channel is above the median. Returns the rest."""
    xy, descriptors = tokens(a, b)
    with torch.no_grad():
        channel = network.states(xy, descriptors, len(a.xy))[layer][0, :, 0]
        token = network.token_confidence[str(layer)].token[0]
        token.weight.zero_()
        token.weight[0, 0] = 1e4
        token.bias.fill_(-1e4 * float(channel.median()))
    return (channel <= channel.median()).nonzero()[:, 0]


def always(network, layer, sure):
    token = network.token_confidence[str(layer)].token[0]
    with torch.no_grad():
        token.weight.zero_()
        token.bias.fill_(20.0 if sure else -20.0)


def unmatchable(network, layer):
    head = network.log_assignment[str(layer)].matchability
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-20.0)


def test_thresholds_are_the_published_ones():
    nine = [published_threshold(layer, 9) for layer in range(8)]
    assert nine == pytest.approx([0.9, 0.8641, 0.8411, 0.8264, 0.8169, 0.8108, 0.8069, 0.8045], abs=5e-5)


def test_points_that_left_count_as_confident():
    policy = ExitPolicy.published(0.9, 0.99, 4)
    confidence = torch.tensor([0.99] * 8 + [0.1])
    assert not is_sure(confidence, 0, 9, policy)
    assert is_sure(confidence, 0, 20, policy)


def test_an_unsure_point_never_leaves():
    policy = ExitPolicy.published(0.95, 0.99, 4)
    matchable, confidence = torch.tensor([0.001, 0.001, 0.5]), torch.tensor([0.99, 0.2, 0.99])
    assert staying(matchable, confidence, 0, policy).tolist() == [False, True, True]
    assert staying(matchable, None, 0, policy).tolist() == [False, False, True]


@pytest.mark.parametrize("ends", [(-1.0, -1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)])
def test_thresholds_at_the_ends_reproduce_the_full_network_bit_for_bit(network, ends):
    a, b = make_view(90, 1), make_view(80, 2)
    full = LightGlueMatcher(network, NEVER, filter_threshold=0.0).match(a, b)
    same = LightGlueMatcher(network, ExitPolicy.published(*ends, 4), filter_threshold=0.0).match(a, b)
    assert same.exit_layer == full.exit_layer == 4
    assert np.array_equal(same.index_a, full.index_a) and np.array_equal(same.index_b, full.index_b)
    assert np.array_equal(same.confidence, full.confidence)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_an_exit_gives_what_the_network_cut_there_gives(network, layer):
    a, b = make_view(90, 3), make_view(80, 4)
    for i in range(3):
        always(network, i, sure=i == layer - 1)
    left = LightGlueMatcher(network, ExitPolicy.published(0.95, -1, 4), filter_threshold=0.0).match(a, b)
    cut = LightGlueMatcher(network, NEVER, filter_threshold=0.0).match(a, b, max_layers=layer)
    assert left.exit_layer == cut.exit_layer == layer
    assert np.array_equal(left.index_b, cut.index_b) and np.array_equal(left.confidence, cut.confidence)


@pytest.mark.parametrize("policy", [ExitPolicy.published(0.9, 0.99, 4), ExitPolicy.published(-1, 0.99, 4)])
def test_exit_and_pruning_invent_no_matches(network, policy):
    a, b = make_view(120, 5), make_view(100, 6)
    for layer in range(2):
        sure_of_half(network, layer, a, b)
        unmatchable(network, layer)
    found = LightGlueMatcher(network, policy, filter_threshold=0.0).match(a, b)
    assert 0 < found.pruned < 1 and len(found)
    assert np.all(np.diff(found.index_a) > 0) and len(np.unique(found.index_b)) == len(found)
    assert found.index_a.max() < 120 and found.index_b.min() >= 0 and found.index_b.max() < 100


def test_points_that_stay_are_matched_as_if_the_others_had_never_been(network):
    a, b = make_view(60, 7), make_view(50, 8)
    stays = sure_of_half(network, 0, a, b)
    unmatchable(network, 0)
    policy = ExitPolicy.published(-1, 0.99, 4, max_layers=2)
    found = LightGlueMatcher(network, policy, filter_threshold=0.0).match(a, b)

    xy, descriptors = tokens(a, b)
    split = int((stays < 60).sum())
    with torch.inference_mode():
        x, encoding = network.begin(xy, descriptors)
        x = network.transformers[0](x, encoding, 60)
        x = network.transformers[1](x[:, stays], encoding[:, :, :, stays], split)
        best = network.log_assignment["1"](x, split)[0][0].max(1).indices
    partner = dict(zip(stays[:split].tolist(), (stays[split + best] - 60).tolist()))
    assert found.pruned == pytest.approx(1 - len(stays) / 110)
    assert len(found)
    assert found.index_b.tolist() == [partner[i] for i in found.index_a]


def test_no_matches_and_no_crash_when_every_point_of_a_side_leaves(network):
    a, b = make_view(40, 9), make_view(30, 10)
    always(network, 0, sure=True)
    unmatchable(network, 0)
    found = LightGlueMatcher(network, ExitPolicy.published(-1, 0.99, 4)).match(a, b)
    assert len(found) == 0 and found.exit_layer == 1 and found.pruned == pytest.approx(1.0) and found.emptied


def test_a_cap_on_the_layers_holds_and_the_smaller_one_wins(network):
    a, b = make_view(20, 11), make_view(20, 12)
    capped = LightGlueMatcher(network, ExitPolicy.published(-1, -1, 4, max_layers=3))
    assert capped.match(a, b).exit_layer == 3
    assert capped.match(a, b, max_layers=1).exit_layer == 1
    assert capped.match(a, b, max_layers=9).exit_layer == 3


def test_an_exit_with_nothing_to_show_is_no_exit(network):
    a, b = make_view(90, 3), make_view(80, 4)
    for i in range(3):
        always(network, i, sure=True)
    policy = replace(ExitPolicy.published(0.95, -1, 4), least_share=0.01)
    assert LightGlueMatcher(network, policy, filter_threshold=0.0).match(a, b).exit_layer == 1
    assert LightGlueMatcher(network, policy, filter_threshold=1.0).match(a, b).exit_layer == 4
