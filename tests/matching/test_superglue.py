"""The yardstick network: its size, its names, and Sinkhorn by law."""

import numpy as np
import pytest
import torch
from matching_views import make_view, moved

from slam.errors import WeightsError
from slam.matching.superglue import LAYERS, SuperGlue, SuperGlueMatcher, log_assignment
from slam.types import MatchView


@pytest.fixture(scope="module")
def superglue():
    torch.manual_seed(3)
    return SuperGlueMatcher(SuperGlue(), iterations=20)


def test_it_has_the_published_size():
    count = sum(parameter.numel() for parameter in SuperGlue().parameters())
    assert count / 1e6 == pytest.approx(12.0, abs=0.05)


def test_its_parameters_carry_the_published_names():
    names = set(SuperGlue().state_dict())
    expected = {"bin_score", "final_proj.weight", "kenc.encoder.12.bias", "kenc.encoder.10.running_var"}
    last = f"gnn.layers.{LAYERS - 1}"
    expected |= {f"{last}.attn.merge.weight", f"{last}.attn.proj.2.bias", f"{last}.mlp.1.running_mean"}
    assert expected <= names
    assert f"gnn.layers.{LAYERS}.attn.merge.weight" not in names


def test_sinkhorn_gives_every_point_and_both_dustbins_their_share():
    scores = 3 * torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    p = log_assignment(scores, torch.tensor(0.5), 200).exp().numpy()
    np.testing.assert_allclose(p.sum(1), [1] * 7 + [5], atol=1e-4)
    np.testing.assert_allclose(p.sum(0), [1] * 5 + [7], atol=1e-4)


def test_clear_scores_are_assigned_and_lonely_points_go_to_the_dustbin():
    scores = torch.full((3, 4), -10.0)
    scores[0, 2], scores[1, 0] = 10.0, 10.0
    p = log_assignment(scores, torch.tensor(0.0), 50).exp()
    assert p[0, 2] > 0.95 and p[1, 0] > 0.95
    assert p[2, 4] > 0.9 and p[3, 1] > 0.9


def test_the_scores_have_a_row_per_point_of_a_and_do_not_depend_on_the_order():
    torch.manual_seed(1)
    network = SuperGlue().eval()
    a, b = torch.randn(2, 1, 259, 6).split([5, 1], 3)[0]
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        scores = network(a[:, :3], a[:, 3:], b[:, :3], b[:, 3:])
        other = network(a[:, :3, order], a[:, 3:, order], b[:, :3], b[:, 3:])
    assert scores.shape == (1, 5, 5)
    np.testing.assert_allclose(other, scores[:, order], atol=1e-4)


def test_reordering_the_points_of_b_reorders_the_matches(superglue):
    a = make_view(40, seed=1, width=256)
    b, _ = moved(a, noise=0.1, seed=2)
    order = np.random.default_rng(3).permutation(40)
    shuffled = MatchView(b.xy[order], b.descriptors[order], b.image_size)
    first, second = superglue.match(a, b), superglue.match(a, shuffled)
    assert first.exit_layer == LAYERS and len(first) == len(second)
    np.testing.assert_array_equal(first.index_a, second.index_a)
    np.testing.assert_array_equal(first.index_b, order[second.index_b])


def test_a_view_without_points_has_no_matches(superglue):
    assert len(superglue.match(make_view(0, 1, 256), make_view(4, 2, 256))) == 0


def test_descriptors_of_another_length_are_one_clear_error(superglue):
    with pytest.raises(WeightsError, match="length 256, got 128"):
        superglue.match(make_view(4, 1), make_view(4, 2))


def test_a_state_dict_in_the_published_names_loads_and_another_is_refused(tmp_path):
    torch.manual_seed(4)
    torch.save(SuperGlue().state_dict(), tmp_path / "superglue.pth")
    loaded = SuperGlueMatcher.from_file(tmp_path / "superglue.pth")
    assert loaded.num_layers == LAYERS
    torch.save({"bin_score": torch.tensor(1.0)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="are not SuperGlue's"):
        SuperGlueMatcher.from_file(tmp_path / "other.pth")


def test_every_second_layer_looks_across():
    torch.manual_seed(2)
    graph = SuperGlue().eval().gnn
    a, b, other = torch.randn(3, 1, 256, 4)
    with torch.no_grad():
        after_two = [graph(a, seen)[0] for seen in (b, other)]
        graph.layers = graph.layers[:1]
        after_one = [graph(a, seen)[0] for seen in (b, other)]
    assert torch.equal(*after_one)
    assert not torch.allclose(*after_two)
