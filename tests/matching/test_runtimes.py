"""onnxruntime and torch do the same arithmetic, for both kinds of layers, and decide alike."""

import numpy as np
import pytest
import torch
from matching_views import make_view, moved, predicted
from uncertain_networks import uncertain_network

from slam.config import MatcherConfig
from slam.errors import ConfigError
from slam.matching import make_matcher
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.early_exit import ExitPolicy
from slam.matching.lightglue import LightGlue, NetworkShape
from slam.matching.runtime import make_runtime
from slam.matching.runtime_torch import TorchRuntime

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SHAPES = {
    "lean": NetworkShape(32, 1, 3, 64, kind="lean", prior=True),
    "lightglue": NetworkShape(32, 2, 3, 64, prior=True),
    "official": NetworkShape(32, 4, 3, 64, heads_at=(0, 2), confidence_at=(0,)),
}


@pytest.fixture(scope="module", params=SHAPES)
def pair_of_runtimes(request):
    """A network that starts as a nearest-neighbour matcher, sure and unsure of some points, in both runtimes."""
    network = uncertain_network(SHAPES[request.param], seed=3)
    return network, TorchRuntime(network), make_runtime("onnx", network)


def same(first, second):
    return np.array_equal(first.index_a, second.index_a) and np.array_equal(first.index_b, second.index_b)


@pytest.mark.parametrize("sigma_px", [None, 12.0])
@pytest.mark.parametrize("layers", [1, 3])
def test_both_runtimes_find_the_same_matches(pair_of_runtimes, sigma_px, layers):
    network, *runtimes = pair_of_runtimes
    b = make_view(90, 1, 64)
    a = predicted(moved(b, 0.2, 2)[0], sigma_px)
    found = [LightGlueMatcher(network, ExitPolicy.off(3), 0.01, r).match(a, b, max_layers=layers) for r in runtimes]
    assert len(found[0]) > 40 and same(*found) and found[0].exit_layer == found[1].exit_layer
    assert np.allclose(found[0].confidence, found[1].confidence, atol=1e-4)


@pytest.mark.parametrize("policy", [ExitPolicy.published(0.5, 0.6, 3), ExitPolicy.published(-1, 0.6, 3)])
def test_both_runtimes_leave_and_prune_alike(pair_of_runtimes, policy):
    network, *runtimes = pair_of_runtimes
    matchers = [LightGlueMatcher(network, policy, 0.01, runtime) for runtime in runtimes]
    pruned = set()
    for seed in range(5):
        b = make_view(80, seed, 64)
        a = predicted(moved(b, 0.3, seed)[0], 20.0)
        first, second = (matcher.match(a, b) for matcher in matchers)
        assert same(first, second) and (first.exit_layer, first.pruned) == (second.exit_layer, second.pruned)
        pruned.add(first.pruned)
    assert max(pruned) > 0


def test_a_state_after_a_layer_is_the_same_within_rounding(pair_of_runtimes):
    _, torch_runtime, onnx_runtime = pair_of_runtimes
    pair = (make_view(33, 4, 64), make_view(57, 5, 64))
    ours, theirs = torch_runtime.begin([pair]), onnx_runtime.begin([pair])
    for layer in range(3):
        ours, theirs = torch_runtime.layer(layer, ours), onnx_runtime.layer(layer, theirs)
    x = np.concatenate([theirs[0].a.x, theirs[0].b.x])
    assert np.allclose(ours[0].x[0].numpy(), x, atol=1e-4)
    assert np.allclose(torch_runtime.log_p(2, ours[0]), onnx_runtime.log_p(2, theirs[0]), atol=1e-3)


def test_auto_is_onnx_where_it_is_installed():
    network = LightGlue(SHAPES["lean"])
    assert make_runtime("auto", network).name == "onnx" and make_runtime("torch", network).name == "torch"


@pytest.mark.parametrize(("name", "words"), [("openvino", "plans anew"), ("onx", "unknown runtime 'onx'")])
def test_a_runtime_that_is_not_there_is_one_clear_error(name, words):
    with pytest.raises(ConfigError, match=words):
        make_matcher(MatcherConfig(runtime=name), "sift")


def test_the_packaged_matcher_finds_the_same_with_either_runtime():
    b = make_view(120, 6)
    a, _ = moved(b, 0.1, 7)
    found = [make_matcher(MatcherConfig(runtime=name), "sift").match(a, b) for name in ("torch", "onnx")]
    assert len(found[0]) > 60 and same(*found)


def test_short_products_change_few_matches_and_no_state_is_short(pair_of_runtimes):
    network, plain, _ = pair_of_runtimes
    short = TorchRuntime(network, torch.bfloat16)  # what a GPU does in float16
    b = make_view(90, 1, 64)
    a = predicted(moved(b, 0.2, 2)[0], 12.0)
    state = short.layer(0, short.begin([(a, b)]))[0]
    assert state.x.dtype == torch.float32
    full, rounded = (LightGlueMatcher(network, ExitPolicy.off(3), 0.01, r).match(a, b) for r in (plain, short))
    common = set(zip(full.index_a, full.index_b)) & set(zip(rounded.index_a, rounded.index_b))
    assert len(full) > 40
    assert len(common) > 0.85 * max(len(full), len(rounded))
    assert not np.array_equal(full.confidence, rounded.confidence)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_torch_takes_the_gpu_and_finds_what_the_cpu_finds():
    b = make_view(90, 1, 64)
    a = moved(b, 0.2, 2)[0]
    found = [
        LightGlueMatcher(network, ExitPolicy.off(3), 0.01, runtime).match(a, b)
        for network in [uncertain_network(SHAPES["lean"], seed=3)]
        for runtime in (make_runtime("onnx", network), make_runtime("torch", network))
    ]
    common = set(zip(found[0].index_a, found[0].index_b)) & set(zip(found[1].index_a, found[1].index_b))
    assert len(common) > 0.9 * len(found[0])
