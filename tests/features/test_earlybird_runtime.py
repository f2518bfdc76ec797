"""The extractor's runtimes: one answer, whoever computes it, and a clear word when one is not there."""

import gc
import importlib.util
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from slam.config import FeatureConfig
from slam.errors import ConfigError
from slam.features import make_extractor
from slam.features.earlybird import folded, standardized
from slam.features.earlybird_runtime import TorchRuntime, make_runtime

EARLYBIRD = FeatureConfig(name="earlybird", max_keypoints=256)


@pytest.fixture
def folded_network(used_network):
    return lambda: folded(used_network())


def made(name, make=make_runtime, *inputs):
    if name != "torch":
        pytest.importorskip("onnxruntime" if name == "onnx" else "openvino")
    return make(name, *inputs)


@pytest.fixture(params=["onnx", "openvino"])
def runtime(request, folded_network):
    return made(request.param, make_runtime, folded_network())


def test_every_runtime_answers_as_torch_does_at_any_size(runtime, texture, folded_network):
    plain = make_runtime("torch", folded_network())
    for height, width in ((240, 320), (96, 64), (231, 317), (240, 320)):
        picture, _ = standardized(texture[:height, :width])
        for expected, found in zip(plain(picture), runtime(picture), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_every_runtime_finds_the_keypoints_that_torch_finds(name, texture):
    def features(name):
        return make_extractor(replace(EARLYBIRD, runtime=name)).extract(texture)

    expected, found = features("torch"), made(name, features)
    distance_px = np.linalg.norm(expected.xy[:, None] - found.xy, axis=2)
    nearest = distance_px.argmin(1)
    same = distance_px.min(1) < 0.01
    assert len(expected) > 100 and same.mean() > 0.98
    cos = np.sum(expected.descriptors[same] * found.descriptors[nearest[same]], axis=1)
    assert cos.min() > 0.9999


def test_the_same_picture_gives_the_same_features_to_the_bit(texture):
    extractor = make_extractor(EARLYBIRD)
    first = extractor.extract(texture)
    extractor.extract(texture[::-1].copy())
    again, anew = extractor.extract(texture), make_extractor(EARLYBIRD).extract(texture)
    for other in (again, anew):
        for a, b in ((first.xy, other.xy), (first.scores, other.scores), (first.descriptors, other.descriptors)):
            np.testing.assert_array_equal(a, b)


def test_rounding_to_bf16_keeps_most_keypoints(texture):
    plain = make_extractor(replace(EARLYBIRD, runtime="torch")).extract(texture)
    rounded = made("openvino-bf16", lambda name: make_extractor(replace(EARLYBIRD, runtime=name)).extract(texture))
    distance_px = np.linalg.norm(plain.xy[:, None] - rounded.xy, axis=2).min(1)
    assert (distance_px < 1.0).mean() > 0.8


def test_a_signal_after_openvino_is_gone_is_no_crash(texture):
    made("openvino", lambda name: make_extractor(replace(EARLYBIRD, runtime=name)).extract(texture))
    gc.collect()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_unknown_runtime_is_one_clear_error():
    with pytest.raises(
        ConfigError, match=r"features\.runtime: unknown runtime 'tvm'; known: auto, torch, torch-compiled"
    ):
        make_extractor(replace(EARLYBIRD, runtime="tvm"))


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize(("name", "packages"), [("onnx", "onnxruntime onnx"), ("openvino", "openvino onnx")])
def test_a_runtime_that_is_not_installed_says_how_to_get_it(nothing_installed, name, packages, folded_network):
    with pytest.raises(ConfigError, match=f"{name} needs .*; pip install {packages}"):
        make_runtime(name, folded_network())


def test_auto_is_torch_when_nothing_else_is_there(nothing_installed, folded_network):
    auto = make_runtime("auto", folded_network())
    assert type(auto) is type(make_runtime("torch", folded_network()))


def test_short_products_move_the_network_answers_little(texture, folded_network):
    picture, _ = standardized(texture)
    exact, short = (TorchRuntime(folded_network(), precision)(picture) for precision in (None, torch.bfloat16))
    for a, b in zip(exact, short, strict=True):
        assert b.dtype == np.float32
        assert np.abs(a - b).max() < 0.05 * np.abs(a).max()
        assert not np.array_equal(a, b)
