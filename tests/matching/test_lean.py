"""Lean layers and the motion prior against plain restatements of their formulas."""

import math

import numpy as np
import pytest
import torch
from matching_views import make_view, moved, predicted

from slam.errors import WeightsError
from slam.matching.adaptive import LightGlueMatcher, sigma, tokens
from slam.matching.attention import FourierEncoding, attended, attended_both_ways, rotated
from slam.matching.early_exit import ExitPolicy
from slam.matching.lean import LeanCrossBlock, LeanSelfBlock
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.prior import MotionPrior, normalized_sigma
from slam.matching.weights import load_network, save_weights
from slam.types import MatchView

SHAPE = NetworkShape(width=32, layers=4, input_dim=64, kind="lean", prior=True)
NEVER = ExitPolicy.published(-1.0, -1.0, 4)


@pytest.fixture
def lean():
    torch.manual_seed(5)
    return LightGlue(SHAPE).eval()


def test_lean_self_attention_is_its_formula():
    torch.manual_seed(1)
    block, x, encoding = LeanSelfBlock(16).eval(), torch.randn(1, 5, 16), FourierEncoding(8)(torch.randn(1, 5, 2))
    with torch.inference_mode():
        q, k, v = block.qkv(x)[0].split([8, 8, 16], dim=-1)
        q, k = (rotated(part[None, None], encoding)[0, 0] for part in (q, k))
        message = (q @ k.T / math.sqrt(8)).softmax(-1) @ v
        expected = x[0] + block.ffn(torch.cat([x[0], message], -1))
        assert torch.allclose(block(x, encoding, 5)[0], expected, atol=1e-6)


def test_lean_cross_attention_adds_the_weighted_prior_to_one_similarity():
    torch.manual_seed(2)
    block, x, prior = LeanCrossBlock(16, prior=True).eval(), torch.randn(1, 7, 16), torch.randn(1, 3, 4)
    with torch.inference_mode():
        block.prior_gain.fill_(0.7)
        qk, v = block.qkv(x)[0].split([8, 16], dim=-1)
        s = qk[:3] @ qk[3:].T / math.sqrt(8) + 0.7 * prior[0]
        message = torch.cat([s.softmax(1) @ v[3:], s.T.softmax(1) @ v[:3]])
        expected = x[0] + block.ffn(torch.cat([x[0], message], -1))
        assert torch.allclose(block(x, 3, prior)[0], expected, atol=1e-6)


@pytest.mark.parametrize("points", [(40, 30), (600, 500)])
def test_the_fused_kernel_and_the_spelt_out_products_agree(points):
    torch.manual_seed(3)
    qk, v = torch.randn(1, 1, sum(points), 8), torch.randn(1, 1, sum(points), 16)
    with torch.no_grad():
        across = attended_both_ways(qk, v, points[0])
        home = attended(qk, qk, v)
    qk.requires_grad_()
    assert torch.allclose(across, attended_both_ways(qk, v, points[0]), atol=1e-5)
    assert torch.allclose(home, attended(qk, qk, v), atol=1e-5)


def test_the_prior_is_a_gaussian_on_a_floor_and_nothing_without_a_prediction():
    prior, xy = MotionPrior(), torch.tensor([[[0.1, 0.2], [0.1, 0.2], [0.1, 0.2], [0.4, -0.2]]])
    eps = prior.logit.sigmoid().item()
    with torch.no_grad():
        prior_ab = prior(xy, torch.tensor([[0.25, math.inf]]), 2)[0]
    expected = [math.log(eps + (1 - eps) * math.exp(-(d**2) / (2 * 0.25**2))) for d in (0.0, 0.5)]
    assert prior_ab[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert prior_ab[1].tolist() == [0.0, 0.0]


def test_a_sigma_is_at_least_one_pixel_and_unknown_ones_are_infinite():
    sigmas = normalized_sigma(torch.tensor([0.0, 8.0, math.nan, math.inf]), torch.tensor([640.0, 480.0]))
    assert sigmas.tolist() == pytest.approx([1 / 320, 8 / 320, math.inf, math.inf])


def test_an_infinite_sigma_is_the_same_as_none(lean):
    a, b = make_view(60, 1, 64), make_view(50, 2, 64)
    matcher = LightGlueMatcher(lean, NEVER, 0.0)
    plain, vague = matcher.match(a, b), matcher.match(predicted(a, np.inf), b)
    assert np.array_equal(plain.index_a, vague.index_a) and np.array_equal(plain.index_b, vague.index_b)
    assert np.allclose(plain.confidence, vague.confidence, atol=1e-6)


def test_a_prior_decides_between_points_that_look_the_same(lean):
    rng, a = np.random.default_rng(0), make_view(40, 3, 64)
    twins = rng.permutation(80)
    xy = np.concatenate([a.xy, rng.uniform((8, 8), (632, 472), (40, 2)).astype(np.float32)])[twins]
    b = MatchView(xy, np.concatenate([a.descriptors] * 2)[twins], a.image_size)
    true = np.argsort(twins)[:40]
    matcher = LightGlueMatcher(lean, NEVER, 0.0)
    found = [matcher.match(view, b) for view in (a, predicted(a, 4.0))]
    right = [int((true[f.index_a] == f.index_b).sum()) for f in found]
    assert right[1] > 1.3 * right[0]


def test_a_network_without_prior_ignores_predictions(network):
    a, b = make_view(60, 4), make_view(50, 5)
    matcher = LightGlueMatcher(network, NEVER, 0.0)
    assert np.array_equal(matcher.match(a, b).confidence, matcher.match(predicted(a, 2.0), b).confidence)


def test_pruning_cuts_the_prior_with_the_points(lean):
    a, b = predicted(make_view(60, 6, 64), 9.0), make_view(50, 7, 64)
    xy, descriptors = tokens(a, b)
    with torch.inference_mode():
        head = lean.head(0)
        head.matchability.weight.mul_(400)
        lean.confidence(0).token[0].bias.fill_(99.0)
        full = lean.log_prior(xy, sigma(a), 60)
        x, encoding = lean.begin(xy, descriptors)
        x = lean.transformers[0](x, encoding, 60, full)
        keep = (head.matchable(x)[0] > 0.01).nonzero()[:, 0]
        split = int((keep < 60).sum())
        part = lean.log_prior(xy[:, keep], sigma(a)[:, keep[:split]], split)
        x = lean.transformers[1](x[:, keep], encoding[:, :, :, keep], split, part)
        confidence = lean.head(1)(x, split, part)[0].exp().amax(2)[0]
    found = LightGlueMatcher(lean, ExitPolicy.published(-1, 0.99, 4, max_layers=2), 0.0).match(a, b)
    assert 0 < found.pruned < 1 and split not in (0, len(keep))
    assert np.allclose(found.confidence, confidence[np.searchsorted(keep[:split].numpy(), found.index_a)], atol=1e-6)


def test_lean_weights_come_back_as_they_were(lean, tmp_path):
    save_weights(tmp_path / "lean.pt", lean, {})
    loaded = load_network(tmp_path / "lean.pt")
    assert (loaded.shape.kind, loaded.shape.prior, loaded.shape.heads, loaded.shape.width) == ("lean", True, 1, 32)
    assert loaded.shape.input_dim == 64
    assert all(torch.equal(v, lean.state_dict()[n]) for n, v in loaded.state_dict().items())


def test_lean_layers_project_descriptors_of_their_own_width_too():
    assert "input_proj.weight" in LightGlue(NetworkShape(64, 1, 2, 64, kind="lean")).state_dict()


def test_a_file_without_feed_forward_parts_is_one_clear_error(lean, tmp_path):
    torch.save({n: v for n, v in lean.state_dict().items() if "ffn" not in n}, tmp_path / "gap.pt")
    with pytest.raises(WeightsError, match="feed-forward"):
        load_network(tmp_path / "gap.pt")


def test_a_lean_network_matches_a_moved_view_with_a_cap_and_a_prior(lean):
    a = make_view(80, 8, 64)
    b, _ = moved(a, 0.02, 9)
    found = LightGlueMatcher(lean, NEVER, 0.0).match(predicted(a, 10.0), b, max_layers=2)
    assert found.exit_layer == 2 and len(found) > 20
