"""torch.compile: the same answers at every size, and nothing compiled after the start."""

import shutil

import numpy as np
import pytest
import torch._dynamo
from matching_views import make_view, moved, predicted
from uncertain_networks import uncertain_network

from slam.features.earlybird import CompactNetwork, folded
from slam.features.earlybird_runtime import make_runtime as make_feature_runtime
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import NetworkShape
from slam.matching.runtime import make_runtime
from slam.matching.runtime_torch import TorchRuntime

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
]


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def test_compiled_layers_answer_as_plain_ones_and_are_compiled_once():
    network = uncertain_network(NetworkShape(32, 1, 2, 64, kind="lean", prior=True), seed=3)
    plain, compiled = TorchRuntime(network), make_runtime("torch-compiled", network)
    assert compiled.name == "torch-compiled"
    before = graphs()
    for points, sigma_px in ((90, 12.0), (41, None), (200, 3.0)):
        b = make_view(points, 1, 64)
        a = predicted(moved(b, 0.2, 2)[0], sigma_px)
        first, second = (LightGlueMatcher(network, ExitPolicy.off(2), 0.01, r).match(a, b) for r in (plain, compiled))
        assert len(first) > 10
        np.testing.assert_array_equal(first.index_a, second.index_a)
        np.testing.assert_allclose(first.confidence, second.confidence, atol=1e-4)
    matcher = LightGlueMatcher(network, ExitPolicy.off(2), 0.01, compiled)
    assert len(matcher.match_many([(a, b)] * 3)) == 3
    assert graphs() == before > 0


def test_a_compiled_extractor_answers_as_a_plain_one_and_compiles_a_size_once_at_most():
    torch.manual_seed(0)
    network = folded(CompactNetwork().eval())
    plain, compiled = (make_feature_runtime(name, network) for name in ("torch", "torch-compiled"))
    rng = np.random.default_rng(0)
    for height, width in ((480, 640), (240, 320), (480, 752)):
        picture = rng.normal(size=(height, width)).astype(np.float32)
        for expected, found in zip(plain(picture), compiled(picture), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-3)
        before = graphs()
        compiled(picture + 1)
        assert graphs() == before
