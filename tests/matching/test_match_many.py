"""Many pairs at once give what they give one by one, bit for bit, whatever company they are in."""

import numpy as np
import pytest
from matching_views import make_view, moved, predicted
from uncertain_networks import uncertain_network

from slam.errors import WeightsError
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitChoice, ExitPolicy
from slam.matching.lightglue import NetworkShape
from slam.matching.runtime import make_runtime
from slam.types import MatchView

POLICIES = [ExitPolicy.off(4), ExitPolicy.published(0.5, 0.6, 4), ExitPolicy.published(0.5, -1, 4)]


@pytest.fixture(scope="module", params=["lean", "lightglue"])
def network(request):
    """Sure and unsure of points, so that pairs end after different layers and lose different points."""
    return uncertain_network(NetworkShape(32, 1, 4, 64, kind=request.param, prior=True), seed=4)


@pytest.fixture(scope="module", params=["torch", "onnx"])
def runtime(request, network):
    if request.param == "onnx":
        pytest.importorskip("onnxruntime")
    return make_runtime(request.param, network)


def pairs_of_all_kinds():
    """Sizes 1 to 300, easy and hard, with and without prediction, with nothing on a side, with a view in common."""
    rng, shared = np.random.default_rng(0), make_view(130, 99, 64)
    pairs = [(make_view(1, 1, 64), make_view(2, 2, 64)), (make_view(0, 3, 64), shared), (shared, make_view(0, 4, 64))]
    for seed in range(7):
        a = make_view(int(rng.integers(3, 300)), seed, 64)
        b, _ = moved(a, float(rng.uniform(0, 0.8)), seed)
        pairs.append((predicted(a, [None, 15.0][seed % 2]), b))
        pairs.append((moved(shared, 0.1 * seed, seed)[0], shared))
    pairs.append((make_view(200, 50, 64), make_view(70, 51, 64)))
    return pairs


def test_every_pair_of_a_batch_is_matched_by_the_rule_of_its_group(network, runtime):
    rows = (("predicted", 0, ExitPolicy(0.0001, -1.0, (0.0,) * 4, 4)), ("plain", 0, ExitPolicy.off(4)))
    matcher, pairs = LightGlueMatcher(network, ExitChoice(rows, ""), 0.0, runtime), pairs_of_all_kinds()[3:]
    layers = [found.exit_layer for found in matcher.match_many(pairs)]
    assert layers == [4 if a.sigma_px is None else 1 for a, _ in pairs] and len(set(layers)) == 2
    assert layers == [matcher.match(a, b).exit_layer for a, b in pairs]


def assert_equal_bits(first, second):
    assert first.index_a.tolist() == second.index_a.tolist()
    assert first.index_b.tolist() == second.index_b.tolist()
    assert first.confidence.tobytes() == second.confidence.tobytes()
    assert (first.exit_layer, first.pruned) == (second.exit_layer, second.pruned)


@pytest.mark.parametrize("policy", POLICIES, ids=["full", "adaptive", "exit only"])
def test_many_at_once_are_bit_for_bit_those_one_by_one(network, runtime, policy):
    matcher, pairs = LightGlueMatcher(network, policy, 0.0, runtime), pairs_of_all_kinds()
    alone = [matcher.match(a, b) for a, b in pairs]
    for found, expected in zip(matcher.match_many(pairs), alone, strict=True):
        assert_equal_bits(found, expected)
    if policy.may_exit:
        assert len({m.exit_layer for m in alone if m.exit_layer}) > 1
    if policy.may_prune:
        assert len({m.pruned for m in alone}) > 3


def test_order_and_company_change_nothing(network, runtime):
    matcher, pairs = LightGlueMatcher(network, POLICIES[1], 0.0, runtime), pairs_of_all_kinds()
    forth, back = matcher.match_many(pairs), matcher.match_many(pairs[::-1])[::-1]
    few = matcher.match_many(pairs[:5])
    for i, expected in enumerate(forth):
        assert_equal_bits(back[i], expected)
        if i < 5:
            assert_equal_bits(few[i], expected)


def test_a_cap_on_the_layers_holds_for_every_pair(network, runtime):
    matcher = LightGlueMatcher(network, POLICIES[0], 0.0, runtime)
    found = matcher.match_many([(make_view(20, 1, 64), make_view(30, 2, 64))] * 2, max_layers=2)
    assert [m.exit_layer for m in found] == [2, 2]


def test_no_pairs_give_no_answers(network, runtime):
    assert LightGlueMatcher(network, POLICIES[0], 0.0, runtime).match_many([]) == []


def test_one_pair_of_other_descriptors_is_one_clear_error(network, runtime):
    good = (make_view(20, 1, 64), make_view(30, 2, 64))
    with pytest.raises(WeightsError, match="descriptors of length 64, got 128"):
        LightGlueMatcher(network, POLICIES[0], 0.0, runtime).match_many([good, (good[0], make_view(5, 3))])


def test_of_equal_candidates_the_first_wins_and_nobody_matches_twice(network, runtime):
    a = make_view(12, 8, 64)
    doubled = MatchView(np.repeat(a.xy, 2, 0), np.repeat(a.descriptors, 2, 0), a.image_size)
    found = LightGlueMatcher(network, POLICIES[0], 0.0, runtime).match(doubled, a)
    assert len(found) and len(np.unique(found.index_b)) == len(found)
    assert np.all(np.diff(found.index_a) > 0)
