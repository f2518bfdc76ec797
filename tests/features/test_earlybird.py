"""Our own extractor: a network that folds without change, corners that it ranks, any picture size."""

import numpy as np
import pytest
import torch

from slam.errors import WeightsError
from slam.features.corners import CornerMeasure
from slam.features.earlybird import (
    CompactNetwork,
    EarlybirdExtractor,
    folded,
    found_corners,
    looked_up,
    sampled,
    standardized,
    unit,
)
from slam.features.network import save_weights


def test_folding_batch_norms_changes_no_output(used_network):
    network = used_network()
    picture = torch.randn(1, 1, 64, 96)
    before = [x.clone() for x in network(picture)]
    after = folded(network)(picture)
    for x, y in zip(before, after, strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-4)


def test_values_are_looked_up_in_the_middle_of_their_cell():
    grid = torch.arange(12.0).reshape(1, 1, 3, 4)
    at = torch.tensor([[[3.5, 3.5], [11.5, 3.5], [7.5, 3.5], [3.5, 11.5]]])
    torch.testing.assert_close(sampled(grid, at, 8)[0, :, 0], torch.tensor([0.0, 1.0, 0.5, 4.0]))


@pytest.mark.parametrize("cell", [4, 8])
def test_a_picture_is_looked_up_as_in_the_training(cell):
    rng = np.random.default_rng(2)
    grid = rng.normal(size=(48 // cell, 64 // cell, 5)).astype(np.float32)
    xy = rng.uniform(0, (63, 47), (200, 2)).astype(np.float32)
    xy[:4] = [[0, 0], [63, 0], [0, 47], [63, 47]]
    found = looked_up(grid, xy, cell)
    expected = sampled(torch.from_numpy(grid).permute(2, 0, 1)[None], torch.from_numpy(xy)[None], cell)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(unit(found), axis=1), 1, atol=1e-6)
    assert found.dtype == np.float32


def test_the_picture_is_standardised_and_padded_to_multiples_of_16():
    image = np.random.default_rng(0).integers(0, 255, (50, 70)).astype(np.uint8)
    picture, scale = standardized(image)
    assert scale == pytest.approx(1 / (image.std() + 8))
    assert picture.shape == (64, 80)
    assert abs(picture[:50, :70].mean()) < 1e-3
    assert 0.8 < picture[:50, :70].std() < 1.0
    assert (picture[:, 70:] == picture[:, 69:70]).all()


def test_brightness_and_contrast_hardly_matter(texture):
    (dark, _), (plain, _) = standardized((texture // 2 + 20).astype(np.uint8)), standardized(texture)
    assert np.corrcoef(dark.ravel(), plain.ravel())[0, 1] > 0.999
    assert 0.75 < dark.std() / plain.std() < 1.0


def test_half_the_contrast_leaves_the_corners_where_they_are_and_as_strong(texture):
    measure = CornerMeasure()
    xy, strength = found_corners(texture, standardized(texture)[1], measure)
    half = (texture // 2 + 20).astype(np.uint8)
    xy_half, strength_half = found_corners(half, standardized(half)[1], measure)
    distance_px = np.linalg.norm(xy[:, None] - xy_half, axis=2)
    near = distance_px.min(1) < 0.5
    assert near.mean() > 0.95
    assert np.abs(strength[near] - strength_half[distance_px.argmin(1)[near]]).max() < 0.3


def test_the_network_costs_less_than_0_8_gigaflop_at_640x480():
    layers, total = [], 0

    def count(module, _, output):
        layers.append(module.weight.numel() * output.shape[2] * output.shape[3])

    network = CompactNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    network.eval()(torch.zeros(1, 1, 480, 640))
    total = 2 * sum(layers) / 1e9
    assert 0.3 < total < 0.8


def test_weights_survive_the_way_through_a_file(tmp_path, texture):
    torch.manual_seed(1)
    path = tmp_path / "features.pt"
    network = folded(CompactNetwork())
    torch.nn.init.constant_(network.judge[1].bias, 3.0)
    save_weights(path, network, {"steps": 0})
    found = EarlybirdExtractor(64, path).extract(texture[:231, :317])
    assert 0 < len(found) <= 64
    assert (found.xy < [316.5, 230.5]).all()


def test_weights_of_another_network_are_one_clear_error(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="another network"):
        EarlybirdExtractor(64, path)
