"""The learned extractors' own parts: loading, peaks, deformable reading, sub-pixel places."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional

from slam.errors import WeightsError
from slam.features.aliked import AlikedN16Extractor, AlikedNetwork, AlikedT16Extractor, refined
from slam.features.aliked_head import PixelFeatures
from slam.features.deformable import deformable_conv2d
from slam.features.network import load_weights, local_maxima, to_tensor
from slam.features.superpoint import SuperPointNetwork
from slam.features.xfeat import XFeatNetwork


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_without_displacement_it_is_an_ordinary_convolution():
    x, weight = normal(1, 5, 12, 17), normal(7, 5, 3, 3)
    expected = functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(deformable_conv2d(x, torch.zeros(1, 18, 12, 17), weight), expected, atol=1e-4, rtol=0)


def test_displacements_are_y_first_and_shift_what_is_read():
    x, weight = normal(1, 3, 12, 17), normal(4, 3, 3, 3)
    down = torch.zeros(1, 9, 2, 12, 17)
    down[:, :, 0] = 1
    ordinary = functional.conv2d(x, weight, padding=1)
    found = deformable_conv2d(x, down.view(1, 18, 12, 17), weight)
    torch.testing.assert_close(found[:, :, :-1], ordinary[:, :, 1:], atol=1e-4, rtol=0)


def test_half_a_pixel_reads_the_mean_of_two():
    x = torch.arange(6.0).view(1, 1, 1, 6)
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1
    right = torch.zeros(1, 9, 2, 1, 6)
    right[:, :, 1] = 0.5
    found = deformable_conv2d(x, right.view(1, 18, 1, 6), weight)[0, 0, 0]
    torch.testing.assert_close(found, torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5, 2.5]), atol=1e-5, rtol=0)


def test_peaks_are_greatest_in_their_neighbourhood_above_the_threshold_and_off_the_border():
    scores = torch.zeros(20, 30)
    scores[10, 10], scores[10, 12], scores[0, 20], scores[15, 25], scores[5, 5] = 0.9, 0.8, 0.9, 0.7, 0.1
    assert local_maxima(scores, 2, 0.2, border=2).tolist() == [[10, 10], [25, 15]]


def test_a_symmetric_peak_stays_and_a_leaning_one_moves_towards_its_side():
    scores = torch.zeros(9, 9)
    scores[4, 4] = 0.5
    peak = torch.tensor([[4, 4]])
    torch.testing.assert_close(refined(peak, scores), torch.tensor([[4.0, 4.0]]))
    scores[4, 5] = 0.45
    ((x, y),) = refined(peak, scores).tolist()
    assert 4.1 < x < 4.6 and abs(y - 4) < 1e-5


@torch.inference_mode()
def test_features_looked_up_are_those_of_the_full_map(teacher, texture):
    network = AlikedNetwork(AlikedT16Extractor.widths, AlikedT16Extractor.descriptor_dim)
    load_weights(network, Path(teacher("aliked-t16")))
    levels = network._levels(to_tensor(texture[:192, :256]))
    enlarged = [functional.interpolate(x, (192, 256), mode="bilinear", align_corners=True) for x in levels]
    full = functional.normalize(torch.cat(enlarged, 1), dim=1)
    xy = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([280.0, 210.0]) - 12
    grid = (xy / torch.tensor([255, 191]) * 2 - 1)[None, None]
    expected = functional.grid_sample(full, grid, align_corners=True)[0, :, 0].T
    torch.testing.assert_close(PixelFeatures(levels, (256, 192), (0, 0)).between(xy), expected, atol=2e-5, rtol=0)
    scores = torch.sigmoid(network.score_head[:-1](torch.cat(enlarged, 1)))[0, 0]
    torch.testing.assert_close(network._scores(levels), scores, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("xfeat", XFeatNetwork()),
        ("superpoint", SuperPointNetwork()),
        ("aliked-n16", AlikedNetwork(AlikedN16Extractor.widths, AlikedN16Extractor.descriptor_dim)),
    ],
)
def test_every_tensor_of_the_network_is_filled_from_the_file(teacher, name, network):
    load_weights(network, Path(teacher(name)))
    stored = torch.load(teacher(name), weights_only=True)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, stored[key])
    assert not network.training


def test_weights_of_another_network_are_refused_by_the_tensor_that_differs(teacher):
    with pytest.raises(WeightsError, match=r"another network \('skip1.1.weight' is missing\)"):
        load_weights(XFeatNetwork(), Path(teacher("superpoint")))


def test_a_wrong_shape_is_refused(teacher):
    with pytest.raises(WeightsError, match="has shape"):
        load_weights(AlikedNetwork(AlikedN16Extractor.widths, 128), Path(teacher("aliked-t16")))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(XFeatNetwork(), path)


def test_half_a_real_checkpoint_is_damaged(tmp_path):
    whole, half = tmp_path / "whole.pt", tmp_path / "half.pt"
    torch.save(XFeatNetwork().state_dict(), whole)
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(XFeatNetwork(), half)


def test_a_file_that_runs_code_is_refused(tmp_path):
    torch.save({"a": Path}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(XFeatNetwork(), tmp_path / "evil.pt")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        load_weights(XFeatNetwork(), tmp_path / "nowhere.pt")
