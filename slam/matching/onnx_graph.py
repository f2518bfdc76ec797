"""The matcher's parts as ONNX graphs: one that begins a view, two per layer (home and across), one per head.

Every view is a tensor of its own (T, width), every length is dynamic. The quarter turn of the rotary encoding is
folded into the projection: turned queries come out of the same product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from slam.matching.block_weights import Affine, BlockWeights, affine, array
from slam.matching.lightglue import LightGlue
from slam.types import Float32

OPSET, IR_VERSION = 17, 8


class Graph:
    """A graph in the making; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list = []
        self._constants: list = []
        self._inputs: list = []
        self._outputs: list = []

    def given(self, name: str, *dims: int | str) -> str:
        """A float32 input."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        return name

    def constant(self, value: object) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"v{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.op(kind, *inputs, **attributes)[0]

    def linear(self, x: str, weights: Affine) -> str:
        return self.one("Gemm", x, self.constant(weights[0]), self.constant(weights[1]), transB=1)

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        return self.op("Split", x, self.constant(np.array(sizes, np.int64)), axis=1, outputs=len(sizes))

    def turned(self, x: str, dims: int = 2) -> str:
        """The last two axes exchanged."""
        return self.one("Transpose", x, perm=[1, 0] if dims == 2 else [0, 2, 1])

    def result(self, value: str, name: str, *dims: int | str) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))

    def model(self) -> ModelProto:
        graph = helper.make_graph(self._nodes, "matcher", self._inputs, self._outputs, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def beginning(network: LightGlue) -> ModelProto:
    """xy (T, 2) normalised, descriptors (T, D) -> x (T, width), cos and sin (T, 2 width of queries) for q and k."""
    g, shape = Graph(), network.shape
    xy, descriptors = g.given("xy", "t", 2), g.given("descriptors", "t", shape.input_dim)
    has_projection = "input_proj.weight" in network.state_dict()
    x = g.linear(descriptors, affine(network.input_proj)) if has_projection else descriptors
    angle = g.one("MatMul", xy, g.constant(array(network.posenc.Wr.weight).T))
    channel = g.constant(np.tile(np.arange(shape.head_dim) // 2, 2 * shape.heads))
    g.result(x, "x", "t", shape.width)
    for kind in ("Cos", "Sin"):
        wide = g.one("Gather", g.one(kind, angle), channel, axis=1)
        g.result(wide, kind.lower(), "t", 2 * shape.heads * shape.head_dim)
    return g.model()


def prediction(eps: float) -> ModelProto:
    """xy_a (M, 2), xy_b (N, 2), scale (M, 1) = -1 / (2 sigma^2) -> log_prior (M, N)."""
    g = Graph()
    xy_a, xy_b, scale = g.given("xy_a", "m", 2), g.given("xy_b", "n", 2), g.given("scale", "m", 1)
    (x_a, y_a), (x_b, y_b) = g.split(xy_a, (1, 1)), g.split(xy_b, (1, 1))
    squares = [g.one("Sub", a, g.turned(b)) for a, b in ((x_a, x_b), (y_a, y_b))]
    distance = g.one("Add", *(g.one("Mul", d, d) for d in squares))
    near = g.one("Exp", g.one("Mul", distance, scale))
    share = g.one("Add", g.one("Mul", near, g.constant(np.float32(1 - eps))), g.constant(np.float32(eps)))
    g.result(g.one("Log", share), "log_prior", "m", "n")
    return g.model()


def home(block: BlockWeights, width: int) -> ModelProto:
    """x (T, width), cos, sin -> y (T, width): a self block."""
    g, rows = Graph(), 2 * len(block.qk[0][0])
    x, cos, sin = g.given("x", "t", width), g.given("cos", "t", rows), g.given("sin", "t", rows)
    straight = _stacked(block.qk)
    everything = g.linear(x, _stacked([straight, _quarter_turn(straight), block.v]))
    qk, qk_turned, v = g.split(everything, (rows, rows, len(block.v[0])))
    q, k = g.split(g.one("Add", g.one("Mul", qk, cos), g.one("Mul", qk_turned, sin)), (rows // 2, rows // 2))
    q, k, v = (_heads(g, part, block.heads) for part in (q, k, v))
    message = g.one("MatMul", g.one("Softmax", g.one("MatMul", q, g.turned(k, _dims(block))), axis=-1), v)
    g.result(_updated(g, x, _merged(g, message, block), block), "y", "t", width)
    return g.model()


def across(block: BlockWeights, width: int, with_prior: bool, asked: Sequence[Affine]) -> ModelProto:
    """x_a (M, width), x_b (N, width)[, log_prior (M, N)] -> y_a, y_b and, if ``asked`` anything, known (M + N, asked).

    A cross block, and the probabilities of the rows of ``asked``: a layer's confidence and matchability.
    """
    g = Graph()
    sides = [g.given("x_a", "m", width), g.given("x_b", "n", width)]
    (qk_a, v_a), (qk_b, v_b) = (_across_parts(g, x, block) for x in sides)
    s = g.one("MatMul", qk_a, g.turned(qk_b, _dims(block)))
    if with_prior:
        s = g.one("Add", s, g.one("Mul", g.given("log_prior", "m", "n"), g.constant(np.float32(block.prior_gain))))
    of_a = g.one("MatMul", g.one("Softmax", s, axis=-1), v_b)
    of_b = g.one("MatMul", g.one("Softmax", g.turned(s, _dims(block)), axis=-1), v_a)
    new = [_updated(g, x, _merged(g, m, block), block) for x, m in zip(sides, (of_a, of_b), strict=True)]
    g.result(new[0], "y_a", "m", width)
    g.result(new[1], "y_b", "n", width)
    if asked:
        known = g.one("Concat", *(g.linear(y, _stacked(asked)) for y in new), axis=0)
        g.result(g.one("Sigmoid", known), "known", "t", len(asked))
    return g.model()


def head(network: LightGlue, layer: int, with_prior: bool) -> ModelProto:
    """x_a (M, width), x_b (N, width)[, log_prior (M, N)] -> log_p (M, N): an assignment head."""
    g, width, module = Graph(), network.shape.width, network.head(layer)
    sides = [g.given("x_a", "m", width), g.given("x_b", "n", width)]
    weight, offset = affine(module.final_proj)
    scale = np.float32(width**-0.25)
    m_a, m_b = (g.linear(x, (weight * scale, offset * scale)) for x in sides)
    s = g.one("MatMul", m_a, g.turned(m_b))
    if with_prior:
        gain = np.float32(0.0 if module.prior_gain is None else module.prior_gain.detach().item())
        s = g.one("Add", s, g.one("Mul", g.given("log_prior", "m", "n"), g.constant(gain)))
    doubt_a, doubt_b = (g.one("Softplus", g.one("Neg", g.linear(x, affine(module.matchability)))) for x in sides)
    of_a = g.one("Add", _log_sum_exp(g, s, 1), doubt_a)
    of_b = g.one("Add", _log_sum_exp(g, s, 0), g.turned(doubt_b))
    twice = g.one("Mul", s, g.constant(np.float32(2.0)))
    g.result(g.one("Sub", g.one("Sub", twice, of_a), of_b), "log_p", "m", "n")
    return g.model()


def _across_parts(g: Graph, x: str, block: BlockWeights) -> list[str]:
    parts = g.split(g.linear(x, _stacked([*block.qk, block.v])), (len(block.qk[0][0]), len(block.v[0])))
    return [_heads(g, part, block.heads) for part in parts]


def _updated(g: Graph, x: str, message: str, block: BlockWeights) -> str:
    hidden = g.linear(g.one("Concat", x, message, axis=1), block.first)
    if block.norm is not None:
        gain, offset, epsilon = block.norm
        hidden = g.one(
            "LayerNormalization", hidden, g.constant(gain), g.constant(offset), axis=-1, epsilon=float(epsilon)
        )
    hidden = _gelu(g, hidden) if block.gelu else g.one("Relu", hidden)
    return g.one("Add", x, g.linear(hidden, block.last))


def _gelu(g: Graph, x: str) -> str:
    share = g.one("Erf", g.one("Mul", x, g.constant(np.float32(0.5**0.5))))
    return g.one("Mul", g.one("Mul", x, g.one("Add", share, g.constant(np.float32(1)))), g.constant(np.float32(0.5)))


def _log_sum_exp(g: Graph, s: str, axis: int) -> str:
    most = g.one("ReduceMax", s, axes=[axis], keepdims=1)
    total = g.one("ReduceSum", g.one("Exp", g.one("Sub", s, most)), g.constant(np.array([axis])), keepdims=1)
    return g.one("Add", most, g.one("Log", total))


def _dims(block: BlockWeights) -> int:
    return 2 if block.heads == 1 else 3


def _heads(g: Graph, x: str, heads: int) -> str:
    """(T, heads D) to (heads, T, D); one head stays as it is."""
    if heads == 1:
        return x
    return g.one("Transpose", g.one("Reshape", x, g.constant(np.array([0, heads, -1]))), perm=[1, 0, 2])


def _merged(g: Graph, message: str, block: BlockWeights) -> str:
    if block.heads == 1:
        return message
    side = g.one("Transpose", message, perm=[1, 0, 2])
    return g.one("Reshape", side, g.constant(np.array([0, len(block.v[0])])))


def _stacked(parts: Sequence[Affine]) -> Affine:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _quarter_turn(part: Affine) -> Affine:
    """Every adjacent pair of channels (p, q) becomes (-q, p)."""
    turned: list[Float32] = []
    for values in part:
        other = np.empty_like(values)
        other[0::2], other[1::2] = -values[1::2], values[0::2]
        turned.append(other)
    return turned[0], turned[1]
