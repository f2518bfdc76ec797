"""The matcher for other programs: graphs that take pixels, one file per layer and head, or all of it in one.

A layer is one graph here, not two: whoever matches pair by pair has no view to share. The motion prior stays at home.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from slam.matching.block_weights import layer_weights
from slam.matching.lightglue import LightGlue
from slam.matching.onnx_graph import asked_of_points, assigned, at_home, begin, both_ways, head, known, state_widths
from slam.matching.onnx_writing import INT, Graph

SIDES, ROWS = ("a", "b"), ("m", "n")
BEGIN = "matcher_begin.onnx"


def matcher_parts(network: LightGlue) -> dict[str, ModelProto]:
    """File name -> graph: the begin of a view, and every layer and head, counted from 1."""
    parts = {BEGIN: begin_of_pixels(network)}
    for layer in range(network.shape.layers):
        parts[layer_file(layer)] = whole_layer(network, layer)
        if layer in network.shape.assignment_layers:
            parts[head_file(layer)] = head(network, layer, with_prior=False)
    return parts


def layer_file(layer: int) -> str:
    return f"matcher_layer_{layer + 1}.onnx"


def head_file(layer: int) -> str:
    return f"matcher_head_{layer + 1}.onnx"


def begin_of_pixels(network: LightGlue) -> ModelProto:
    """xy (T, 2) px, descriptors (T, D), image_size (2,) -> x, cos and sin."""
    g, shape = Graph(), network.shape
    xy, descriptors, size = g.given("xy", "t", 2), g.given("descriptors", "t", shape.input_dim), _size(g, "")
    begun = begin(g, network, normalized(g, xy, size), descriptors)
    for value, name, width in zip(begun, ("x", "cos", "sin"), state_widths(network), strict=True):
        g.result(value, name, "t", width)
    return g.model()


def whole_layer(network: LightGlue, layer: int) -> ModelProto:
    """x, cos and sin of both views -> y_a, y_b and, where the layer knows them, confidence and matchable (M + N,)."""
    g, width = Graph(), network.shape.width
    names = ("x", "cos", "sin")
    states = [
        [g.given(f"{name}_{side}", rows, columns) for name, columns in zip(names, state_widths(network), strict=True)]
        for side, rows in zip(SIDES, ROWS, strict=True)
    ]
    new = _through(g, network, layer, states)
    for y, side, rows in zip(new, SIDES, ROWS, strict=True):
        g.result(y, f"y_{side}", rows, width)
    asked = asked_of_points(network, layer)
    if asked:
        columns = g.split(known(g, list(asked.values()), new), [1] * len(asked))
        for name, column in zip(asked, columns, strict=True):
            g.result(g.one("Squeeze", column, g.ints(1)), name, "t")
    return g.model()


def whole_matcher(network: LightGlue, filter_threshold: float) -> ModelProto:
    """xy, descriptors and image_size of both views -> partner_a (M,), -1 for none, and confidence_a (M,), 0 for none.

    All layers, all points, and the last head; both views must have a point.
    """
    g, shape = Graph(), network.shape
    states = []
    for side, rows in zip(SIDES, ROWS, strict=True):
        xy, descriptors = g.given(f"xy_{side}", rows, 2), g.given(f"descriptors_{side}", rows, shape.input_dim)
        states.append(list(begin(g, network, normalized(g, xy, _size(g, f"_{side}")), descriptors)))
    for layer in range(max(shape.assignment_layers) + 1):
        for state, x in zip(states, _through(g, network, layer, states), strict=True):
            state[0] = x
    log_p = assigned(g, network, max(shape.assignment_layers), states[0][0], states[1][0])
    partner, confidence = _mutual_best(g, log_p, filter_threshold)
    g.result(partner, "partner_a", "m", kind=INT)
    g.result(confidence, "confidence_a", "m")
    return g.model()


def normalized(g: Graph, xy: str, size: str) -> str:
    """Pixels to the network's units: the long side spans [-1, 1]."""
    half = g.one("Mul", size, g.constant(np.float32(0.5)))
    return g.one("Div", g.one("Sub", xy, half), g.one("ReduceMax", half, keepdims=1))


def _size(g: Graph, side: str) -> str:
    return g.given(f"image_size{side}", 2)


def _through(g: Graph, network: LightGlue, layer: int, states: list[list[str]]) -> tuple[str, str]:
    self_block, cross_block = layer_weights(network.transformers[layer])
    x_a, x_b = (at_home(g, self_block, *state) for state in states)
    return both_ways(g, cross_block, x_a, x_b)


def _mutual_best(g: Graph, log_p: str, threshold: float) -> tuple[str, str]:
    """partner (M,) and confidence (M,) of rows and columns that prefer each other; among equals the first wins."""
    of_a = g.one("ArgMax", log_p, axis=1, keepdims=0)
    of_b = g.one("ArgMax", log_p, axis=0, keepdims=0)
    row = g.one("Range", g.constant(np.int64(0)), g.one("Squeeze", g.one("Shape", of_a)), g.constant(np.int64(1)))
    chance = g.one("Exp", g.one("ReduceMax", log_p, axes=[1], keepdims=0))
    sure = g.one("Greater", chance, g.constant(np.float32(threshold)))
    found = g.one("And", g.one("Equal", g.one("Gather", of_b, of_a), row), sure)
    partner = g.one("Where", found, of_a, g.constant(np.int64(-1)))
    return partner, g.one("Where", found, chance, g.constant(np.float32(0)))
