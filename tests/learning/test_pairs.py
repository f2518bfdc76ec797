"""Pairs and their truth: from planes, as a map would predict them, and without anything in common."""

import numpy as np
import pytest
import torch
from learning_pictures import FEATURES

from slam.learning.losses import LayerAnswer, agreement_loss, answers, assignment_loss, ground_truth
from slam.learning.mixture import Mixture, to_tensors
from slam.learning.pairs import FAR_AWAY_PX, Pair, SceneShards, stacked
from slam.learning.virtual import virtual
from slam.matching.lightglue import Assignment


def made_pair(a_in_b, b_in_a, xy_a, xy_b):
    arrays = [np.array(v, np.float32) for v in (a_in_b, b_in_a, xy_a, xy_b)]
    return {"a_in_b": arrays[0][None], "b_in_a": arrays[1][None], "truth_a": arrays[2][None], "xy_b": arrays[3][None]}


def truth_of(*points):
    return ground_truth({name: torch.from_numpy(v) for name, v in made_pair(*points).items()})


def test_points_within_three_pixels_both_ways_match_and_far_ones_are_lonely():
    nan = float("nan")
    a_in_b = [[10, 10], [50, 50], [90, 90], [nan, nan]]
    b_in_a = [[11, 10], [54, 50], [200, 200]]
    truth = truth_of(a_in_b, b_in_a, [[10, 10], [50, 50], [90, 90], [130, 30]], [[11, 10], [54, 50], [160, 20]])
    assert (truth.index_a.tolist(), truth.index_b.tolist()) == ([0], [0])
    assert truth.lonely[0].tolist() == [False, False, True, False, False, False, True]


def test_a_point_hidden_behind_another_is_no_match():
    truth = truth_of([[10, 10]], [[40, 10]], [[10, 10]], [[11, 10]])
    assert len(truth.pair) == 0 and truth.lonely.tolist() == [[True, True]]


def test_cached_views_of_a_scene_have_many_true_matches(shards):
    rng = np.random.default_rng(0)
    data, matches = SceneShards(shards), []
    for _ in range(8):
        batch, _ = to_tensors(stacked([data.pair(rng)], rng, 160, 160))
        matches.append(len(ground_truth(batch).pair))
    assert np.median(matches) > 20


def test_true_matches_have_similar_descriptors(shards):
    rng = np.random.default_rng(1)
    data, similarity = SceneShards(shards), []
    for _ in range(8):
        batch, _ = to_tensors(stacked([data.pair(rng)], rng, 160, 160))
        truth = ground_truth(batch)
        a, b = batch["descriptors_a"][0, truth.index_a], batch["descriptors_b"][0, truth.index_b]
        similarity += (a * b).sum(-1).tolist()
    assert np.median(similarity) > 0.8


def test_two_scenes_have_nothing_in_common(shards):
    rng = np.random.default_rng(2)
    batch, _ = to_tensors(stacked([SceneShards(shards).pair(rng, overlapping=False)], rng, 99, 99))
    truth = ground_truth(batch)
    assert len(truth.pair) == 0 and truth.lonely.all()


def test_a_predicted_view_is_near_the_truth_and_keeps_the_true_matches(shards):
    rng = np.random.default_rng(3)
    pair = SceneShards(shards).pair(rng)
    seen = virtual(pair, rng, drop_unseen=True)
    error = np.linalg.norm(seen.xy_a - seen.a_in_b, axis=1)
    assert 0 < np.median(error) < 40
    assert len(seen.xy_a) <= len(pair.xy_a) and seen.size_a == pair.size_b
    before, after = (len(ground_truth(to_tensors(stacked([p], rng, 999, 999))[0]).pair) for p in (pair, seen))
    assert after == before


def test_a_batch_is_as_small_as_its_poorest_pair(shards):
    rng = np.random.default_rng(4)
    data = SceneShards(shards)
    rich, poor = data.pair(rng), data.pair(rng)
    poor = Pair(
        **{
            n: getattr(poor, n)[:30]
            if n in {"xy_a", "descriptors_a", "a_in_b", "truth_a", "sigma_a"}
            else getattr(poor, n)
            for n in Pair.__dataclass_fields__
        }
    )
    batch, split = to_tensors(stacked([rich, poor], rng, 64, 50))
    assert split == 30 and batch["xy"].shape == (2, 80, 2) and batch["descriptors"].shape == (2, 80, 128)
    assert float(batch["xy"].abs().max()) <= 1.0


def test_the_mixture_draws_the_same_batch_from_the_same_seed(shards):
    first, again = (Mixture(shards, (), FEATURES, 4).batch(np.random.default_rng(5))[0] for _ in range(2))
    assert torch.equal(first["xy"], again["xy"]) and torch.equal(first["descriptors"], again["descriptors"])


def test_the_loss_is_the_mean_log_likelihood_of_the_network_s_own_assignment():
    torch.manual_seed(0)
    head, x = Assignment(8), torch.randn(1, 4, 8)
    truth = truth_of(
        [[10, 10], [FAR_AWAY_PX] * 2], [[10, 10], [FAR_AWAY_PX] * 2], [[10, 10], [60, 60]], [[10, 10], [90, 20]]
    )
    log_p, logits = head(x, 2)
    positive, negative = assignment_loss(LayerAnswer.of(head, x, 2), truth)
    assert float(positive.detach()) == pytest.approx(-float(log_p[0, 0, 0].detach()), abs=1e-5)
    expected = -torch.log(1 - logits.sigmoid())[0, [1, 3]].mean()
    assert float(negative.detach()) == pytest.approx(float(expected.detach()), abs=1e-5)


def test_an_answer_is_nobody_when_the_dustbin_is_likelier():
    head, x = Assignment(8), torch.eye(8)[None, [0, 1, 0, 1]] * 6
    with torch.no_grad():
        torch.nn.init.eye_(head.final_proj.weight)
        head.matchability.weight.zero_()
        head.matchability.bias.fill_(8.0)
        assert answers(head, x, 2).tolist() == [[0, 1, 0, 1]]
        head.matchability.bias.fill_(-8.0)
        assert answers(head, x, 2).tolist() == [[-1, -1, -1, -1]]


def test_saying_what_the_last_layer_says_costs_least():
    torch.manual_seed(0)
    last = LayerAnswer(3 * torch.randn(2, 5, 6), torch.randn(2, 11))
    other = LayerAnswer(3 * torch.randn(2, 5, 6), torch.randn(2, 11))
    said = [agreement_loss(answer, last).item() for answer in (last, other)]
    similarity = last.similarity.clone().requires_grad_()
    agreement_loss(LayerAnswer(similarity, last.logits), last).backward()
    assert said[0] < said[1]
    assert similarity.grad.abs().max() < 1e-6
