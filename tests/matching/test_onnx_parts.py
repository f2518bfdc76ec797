"""The graphs of single layers, heads and the whole matcher do torch's arithmetic."""

import numpy as np
import onnx
import pytest
import torch
from matching_views import make_view, moved
from uncertain_networks import uncertain_network

from slam.matching.adaptive import mutual_best, tokens
from slam.matching.lightglue import NetworkShape
from slam.matching.onnx_parts import BEGIN, head_file, layer_file, matcher_parts, whole_matcher
from slam.matching.runtime_onnx import session

SHAPES = {
    "lean": NetworkShape(32, 1, 3, 64, kind="lean", prior=True),
    "lightglue": NetworkShape(32, 2, 3, 64),
    "official": NetworkShape(64, 4, 3, 64, heads_at=(0, 2), confidence_at=(0,)),
}


@pytest.fixture(scope="module", params=SHAPES)
def network(request):
    return uncertain_network(SHAPES[request.param], seed=3)


@pytest.fixture(scope="module")
def views():
    b = make_view(90, 1, 64)
    a = moved(b, 0.2, 2)[0]
    return type(a)(a.xy[:70], a.descriptors[:70], (480, 640)), b


def inputs(view):
    return {"xy": view.xy, "descriptors": view.descriptors, "image_size": np.float32(view.image_size)}


def test_every_layer_and_head_answers_as_torch_does(network, views):
    parts = {name: session(graph) for name, graph in matcher_parts(network).items()}
    sides = [parts[BEGIN].run(None, inputs(view)) for view in views]
    with torch.no_grad():
        states = network.states(*tokens(*views), 70)
    for layer, x in enumerate(states):
        feed = {f"{name}_{side}": value for side, s in zip("ab", sides) for name, value in zip(("x", "cos", "sin"), s)}
        outputs = [each.name for each in parts[layer_file(layer)].get_outputs()]
        found = dict(zip(outputs, parts[layer_file(layer)].run(outputs, feed)))
        assert np.abs(np.concatenate([found["y_a"], found["y_b"]]) - x[0].numpy()).max() < 1e-4
        if layer in network.shape.confidence_layers:
            assert np.abs(found["confidence"] - network.confidence(layer)(x)[0].detach().numpy()).max() < 1e-4
        if layer in network.shape.assignment_layers:
            log_p, _ = network.head(layer)(x, 70)
            answer = parts[head_file(layer)].run(None, {"x_a": found["y_a"], "x_b": found["y_b"]})[0]
            assert np.abs(np.exp(answer) - log_p[0].exp().detach().numpy()).max() < 1e-4
            assert np.abs(found["matchable"] - network.head(layer).matchable(x)[0].detach().numpy()).max() < 1e-4
        sides = [[found[f"y_{side}"], *s[1:]] for side, s in zip("ab", sides)]


def test_a_layer_says_only_what_its_network_knows(network):
    for layer in range(3):
        parts = matcher_parts(network)
        names = {value.name for value in parts[layer_file(layer)].graph.output}
        assert ("confidence" in names) == (layer in network.shape.confidence_layers)
        assert ("matchable" in names) == (layer in network.shape.assignment_layers) == (head_file(layer) in parts)


def test_the_whole_matcher_finds_what_torch_finds(network, views):
    a, b = views
    feed = {f"{name}_{side}": value for side, view in zip("ab", views) for name, value in inputs(view).items()}
    partner, chance = session(whole_matcher(network, 0.0)).run(None, feed)
    with torch.no_grad():
        states = network.states(*tokens(a, b), 70)
        rows, columns, confidence = mutual_best(network.head(2)(states[-1], 70)[0][0], 0.0)
    assert len(rows) > 20 and np.array_equal(np.flatnonzero(partner >= 0), rows)
    assert np.array_equal(partner[rows], columns) and np.abs(chance[rows] - confidence.numpy()).max() < 1e-4
    assert (partner[partner < 0] == -1).all() and (chance[partner < 0] == 0).all()


def test_the_graphs_keep_the_rules_of_onnx(network):
    for graph in [*matcher_parts(network).values(), whole_matcher(network, 0.1)]:
        onnx.checker.check_model(graph, full_check=True)
