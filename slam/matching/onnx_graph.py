"""The matcher's parts as ONNX graphs: one that begins a view, two per layer (home and across), one per head.

Every view is a tensor of its own (T, width), every length is dynamic. The quarter turn of the rotary encoding is
folded into the projection: turned queries come out of the same product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto

from slam.matching.block_weights import Affine, BlockWeights, affine, array
from slam.matching.lightglue import LightGlue
from slam.matching.onnx_writing import Graph
from slam.types import Float32


def beginning(network: LightGlue) -> ModelProto:
    """xy (T, 2) normalised, descriptors (T, D) -> x (T, width), cos and sin (T, 2 width of queries) for q and k."""
    g, shape = Graph(), network.shape
    begun = begin(g, network, g.given("xy", "t", 2), g.given("descriptors", "t", shape.input_dim))
    for value, name, width in zip(begun, ("x", "cos", "sin"), state_widths(network), strict=True):
        g.result(value, name, "t", width)
    return g.model()


def begin(g: Graph, network: LightGlue, xy: str, descriptors: str) -> tuple[str, str, str]:
    """x, cos and sin of normalised xy and descriptors."""
    shape = network.shape
    has_projection = "input_proj.weight" in network.state_dict()
    x = g.linear(descriptors, affine(network.input_proj)) if has_projection else descriptors
    angle = g.one("MatMul", xy, g.constant(array(network.posenc.Wr.weight).T))
    channel = g.constant(np.tile(np.arange(shape.head_dim) // 2, 2 * shape.heads))
    cos, sin = (g.one("Gather", g.one(kind, angle), channel, axis=1) for kind in ("Cos", "Sin"))
    return x, cos, sin


def state_widths(network: LightGlue) -> tuple[int, int, int]:
    """Columns of x, cos and sin."""
    turning = 2 * network.shape.heads * network.shape.head_dim
    return network.shape.width, turning, turning


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
    g.result(at_home(g, block, x, cos, sin), "y", "t", width)
    return g.model()


def at_home(g: Graph, block: BlockWeights, x: str, cos: str, sin: str) -> str:
    """The new x of a self block."""
    rows, straight = 2 * len(block.qk[0][0]), _stacked(block.qk)
    everything = g.linear(x, _stacked([straight, _quarter_turn(straight), block.v]))
    qk, qk_turned, v = g.split(everything, (rows, rows, len(block.v[0])))
    q, k = g.split(g.one("Add", g.one("Mul", qk, cos), g.one("Mul", qk_turned, sin)), (rows // 2, rows // 2))
    q, k, v = (_heads(g, part, block.heads) for part in (q, k, v))
    message = g.one("MatMul", g.one("Softmax", g.one("MatMul", q, g.turned(k, _dims(block))), axis=-1), v)
    return _updated(g, x, _merged(g, message, block), block)


def across(block: BlockWeights, width: int, with_prior: bool, asked: Sequence[Affine]) -> ModelProto:
    """x_a (M, width), x_b (N, width)[, log_prior (M, N)] -> y_a, y_b and, if ``asked`` anything, known (M + N, asked).

    A cross block, and the probabilities of the rows of ``asked``: a layer's confidence and matchability.
    """
    g = Graph()
    sides = g.given("x_a", "m", width), g.given("x_b", "n", width)
    new = both_ways(g, block, *sides, g.given("log_prior", "m", "n") if with_prior else "")
    g.result(new[0], "y_a", "m", width)
    g.result(new[1], "y_b", "n", width)
    if asked:
        g.result(known(g, asked, new), "known", "t", len(asked))
    return g.model()


def both_ways(g: Graph, block: BlockWeights, x_a: str, x_b: str, log_prior: str = "") -> tuple[str, str]:
    """The new x of both views after a cross block."""
    (qk_a, v_a), (qk_b, v_b) = (_across_parts(g, x, block) for x in (x_a, x_b))
    s = g.one("MatMul", qk_a, g.turned(qk_b, _dims(block)))
    if log_prior:
        s = g.one("Add", s, g.one("Mul", log_prior, g.constant(np.float32(block.prior_gain))))
    of_a = g.one("MatMul", g.one("Softmax", s, axis=-1), v_b)
    of_b = g.one("MatMul", g.one("Softmax", g.turned(s, _dims(block)), axis=-1), v_a)
    y_a, y_b = (_updated(g, x, _merged(g, m, block), block) for x, m in ((x_a, of_a), (x_b, of_b)))
    return y_a, y_b


def asked_of_points(network: LightGlue, layer: int) -> dict[str, Affine]:
    """What a layer says of points, by name, as linear rows before the sigmoid."""
    asked = {}
    if layer in network.shape.confidence_layers:
        asked["confidence"] = affine(network.confidence(layer).token[0])
    if layer in network.shape.assignment_layers:
        asked["matchable"] = affine(network.head(layer).matchability)
    return asked


def known(g: Graph, asked: Sequence[Affine], sides: Sequence[str]) -> str:
    """(M + N, asked) probabilities that linear rows give of the points of both sides."""
    return g.one("Sigmoid", g.one("Concat", *(g.linear(y, _stacked(asked)) for y in sides), axis=0))


def head(network: LightGlue, layer: int, with_prior: bool) -> ModelProto:
    """x_a (M, width), x_b (N, width)[, log_prior (M, N)] -> log_p (M, N): an assignment head."""
    g, width = Graph(), network.shape.width
    sides = g.given("x_a", "m", width), g.given("x_b", "n", width)
    log_p = assigned(g, network, layer, *sides, g.given("log_prior", "m", "n") if with_prior else "")
    g.result(log_p, "log_p", "m", "n")
    return g.model()


def assigned(g: Graph, network: LightGlue, layer: int, x_a: str, x_b: str, log_prior: str = "") -> str:
    """log_p of a layer's head."""
    module, sides = network.head(layer), (x_a, x_b)
    weight, offset = affine(module.final_proj)
    scale = np.float32(network.shape.width**-0.25)
    m_a, m_b = (g.linear(x, (weight * scale, offset * scale)) for x in sides)
    s = g.one("MatMul", m_a, g.turned(m_b))
    if log_prior:
        gain = np.float32(0.0 if module.prior_gain is None else module.prior_gain.detach().item())
        s = g.one("Add", s, g.one("Mul", log_prior, g.constant(gain)))
    doubt_a, doubt_b = (g.one("Softplus", g.one("Neg", g.linear(x, affine(module.matchability)))) for x in sides)
    of_a = g.one("Add", _log_sum_exp(g, s, 1), doubt_a)
    of_b = g.one("Add", _log_sum_exp(g, s, 0), g.turned(doubt_b))
    twice = g.one("Mul", s, g.constant(np.float32(2.0)))
    return g.one("Sub", g.one("Sub", twice, of_a), of_b)


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
