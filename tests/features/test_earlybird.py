"""Our own extractor: exact sub-pixel tops, a network that folds without change, any picture size."""

import numpy as np
import pytest
import torch

from slam.errors import WeightsError
from slam.features.earlybird import (
    CompactNetwork,
    EarlybirdExtractor,
    described,
    folded,
    looked_up,
    refined,
    standardized,
)
from slam.features.network import save_weights


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = CompactNetwork()
    network.train()
    for _ in range(3):  # so that the batch norms know something
        network(torch.randn(2, 1, 64, 96))
    return network.eval()


def test_folding_batch_norms_changes_no_output(network):
    picture = torch.randn(1, 1, 64, 96)
    before = [x.clone() for x in network(picture)]
    after = folded(network)(picture)
    for x, y in zip(before, after, strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-4)


def test_the_top_of_a_gaussian_bump_is_found_exactly():
    place = torch.tensor([[20.3, 11.8], [40.0, 30.45]])
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    scores = sum(0.7 * torch.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.8**2)) for px, py in place)
    found = refined(place.round().long().numpy(), torch.logit(scores, eps=1e-7).numpy())
    np.testing.assert_allclose(found, place, atol=2e-3)  # px


def test_descriptors_are_looked_up_in_the_middle_of_their_cell():
    grid = torch.arange(12.0).reshape(1, 1, 3, 4)
    at = torch.tensor([[[3.5, 3.5], [11.5, 3.5], [7.5, 3.5], [3.5, 11.5]]])
    torch.testing.assert_close(described(grid, at)[0, :, 0], torch.tensor([0.0, 1.0, 0.5, 4.0]))


def test_descriptors_of_a_picture_are_those_of_the_training():
    rng = np.random.default_rng(2)
    grid = rng.normal(size=(6, 8, 64)).astype(np.float32)
    xy = rng.uniform(0, (63, 47), (200, 2)).astype(np.float32)
    xy[:4] = [[0, 0], [63, 0], [0, 47], [63, 47]]
    found = looked_up(grid, xy)
    expected = described(torch.from_numpy(grid).permute(2, 0, 1)[None], torch.from_numpy(xy)[None])[0]
    np.testing.assert_allclose(found, torch.nn.functional.normalize(expected, dim=1), atol=1e-6)
    assert found.dtype == np.float32


def test_the_picture_is_standardised_and_padded_to_multiples_of_16():
    image = np.random.default_rng(0).integers(0, 255, (50, 70)).astype(np.uint8)
    picture = standardized(image)
    assert picture.shape == (64, 80)
    assert abs(picture[:50, :70].mean()) < 1e-3
    assert 0.8 < picture[:50, :70].std() < 1.0
    assert (picture[:, 70:] == picture[:, 69:70]).all()


def test_brightness_and_contrast_hardly_matter(texture):
    dark, plain = standardized((texture // 2 + 20).astype(np.uint8)), standardized(texture)
    assert np.corrcoef(dark.ravel(), plain.ravel())[0, 1] > 0.999
    assert 0.75 < dark.std() / plain.std() < 1.0


def test_the_network_costs_less_than_a_gigaflop_at_640x480():
    layers, total = [], 0

    def count(module, _, output):
        layers.append(module.weight.numel() * output.shape[2] * output.shape[3])

    network = CompactNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    network.eval()(torch.zeros(1, 1, 480, 640))
    total = 2 * sum(layers) / 1e9
    assert 0.3 < total < 1.0


def test_weights_survive_the_way_through_a_file(tmp_path, texture):
    torch.manual_seed(1)
    path = tmp_path / "features.pt"
    network = folded(CompactNetwork())
    torch.nn.init.constant_(network.detect[1].bias, 0.0)
    save_weights(path, network, {"steps": 0})
    found = EarlybirdExtractor(64, path).extract(texture[:231, :317])
    assert 0 < len(found) <= 64
    assert (found.xy < [316.5, 230.5]).all()


def test_weights_of_another_network_are_one_clear_error(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="another network"):
        EarlybirdExtractor(64, path)
