"""The whole earlybird extractor as one ONNX graph: a grey picture in, keypoints, scores and descriptors out.

What ``EarlybirdExtractor`` does around its network in numpy and OpenCV is written down here as operations, so that
another program needs nothing but the file. It answers alike but for the last digits of float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto

from slam.features.corners import (
    BORDER,
    LEAST_BEND,
    LEAST_MEASURE,
    MOST_RIDGE,
    MOST_STEP_PX,
    NMS_RADIUS,
    REACH_PX,
    REGULAR,
    SLOPE,
    SMOOTH,
    WINDOW,
)
from slam.features.earlybird import (
    CELL,
    CONTRAST_FLOOR,
    DESCRIPTOR_DIM,
    LEAST_LOGIT,
    MULTIPLE,
    WORTH_CELL,
    CompactNetwork,
)
from slam.features.earlybird_graph import judged
from slam.features.spread import POINTS_PER_CELL
from slam.matching.onnx_writing import BYTE, INT, Graph
from slam.types import Float32

TO_FLOAT, TO_DOUBLE, TO_INT = 1, 11, 7  # TensorProto's numbers of types, for Cast
AROUND = [(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def extractor_graph(network: CompactNetwork, keypoints: int | None = None) -> ModelProto:
    """image (H, W) uint8 -> xy (K, 2) px, scores (K,), descriptors (K, 64), the strongest first.

    K is at most ``keypoints``, or for None at most a second input max_keypoints (1,) int64. Sides of at least 16 px;
    batch norms of the network must be folded already.
    """
    g = Graph()
    image = g.given("image", "h", "w", kind=BYTE)
    count = g.given("max_keypoints", 1, kind=INT) if keypoints is None else g.ints(keypoints)
    size, grey = g.one("Shape", image), g.one("Cast", image, to=TO_FLOAT)
    picture, scale = _standardized(g, grey, size)
    worth, grid = judged(g, network, picture)
    xy, strength = _corners(g, grey, scale, size)
    gain = g.constant(np.float32(network.corner_gain.detach().item()))
    worth = g.one("Squeeze", g.one("Transpose", worth, perm=[2, 3, 0, 1]), g.ints(3))
    at_corners = g.one("Squeeze", _looked_up(g, worth, xy, WORTH_CELL), g.ints(1))
    logits = _add(g, at_corners, _mul(g, strength, gain))
    xy, logits = _kept(g, xy, logits, g.one("Greater", logits, g.constant(np.float32(LEAST_LOGIT))))
    chosen = _spread_out(g, xy, logits, count, size)
    xy, logits = g.one("Gather", xy, chosen), g.one("Gather", logits, chosen)
    g.result(xy, "xy", "k", 2)
    g.result(g.one("Sigmoid", logits), "scores", "k")
    rows = _looked_up(g, g.one("Squeeze", grid, g.ints(0)), xy, CELL)
    lengths = g.one("ReduceL2", rows, axes=[1], keepdims=1)
    g.result(_div(g, rows, g.one("Max", lengths, g.constant(np.float32(1e-12)))), "descriptors", "k", DESCRIPTOR_DIM)
    return g.model()


def _standardized(g: Graph, grey: str, size: str) -> tuple[str, str]:
    """picture (1, 1, H', W') and what one grey level has become; see ``standardized``."""
    exact = g.one("Cast", grey, to=TO_DOUBLE)
    mean = g.one("ReduceMean", exact, keepdims=0)
    off = g.one("Sub", exact, mean)
    deviation = g.one("Sqrt", g.one("ReduceMean", _mul(g, off, off), keepdims=0))
    one, floor = (g.constant(np.float64(value)) for value in (1.0, CONTRAST_FLOOR))
    scale = g.one("Cast", _div(g, one, _add(g, deviation, floor)), to=TO_FLOAT)
    picture = _mul(g, g.one("Sub", grey, g.one("Cast", mean, to=TO_FLOAT)), scale)
    more = g.one("Mod", g.one("Neg", size), g.ints(MULTIPLE))
    padded = g.one("Pad", picture, g.one("Concat", g.ints(0, 0), more, axis=0), mode="edge")
    return g.one("Unsqueeze", padded, g.ints(0, 1)), scale


def _corners(g: Graph, grey: str, scale: str, size: str) -> tuple[str, str]:
    """xy (N, 2) and strength (N,) of all corners; see ``found_corners``."""
    measure = _measure(g, g.one("Unsqueeze", grey, g.ints(0, 1)))
    row, column = _peaks(g, measure)
    _, width = g.split(size, (1, 1), axis=0)
    flat = g.one("Reshape", measure, g.ints(-1))
    place = _add(g, _mul(g, row, width), column)
    steps = [_add(g, _mul(g, g.ints(dy), width), g.ints(dx)) for dx, dy in AROUND]
    patch = [g.one("Gather", flat, _add(g, place, step)) for step in steps]
    least = g.constant(np.float32(LEAST_MEASURE) / np.float32(10))
    step_x, step_y = _steps_to_top(g, [g.one("Log", g.one("Max", value, least)) for value in patch])
    x, y = (_add(g, g.one("Cast", at, to=TO_FLOAT), step) for at, step in ((column, step_x), (row, step_y)))
    half = g.constant(np.float32(0.5))
    strength = _add(g, _mul(g, half, g.one("Log", patch[4])), g.one("Log", scale))
    return _columns(g, x, y), strength


def _measure(g: Graph, grey: str) -> str:
    """det(A) / tr(A), (1, 1, H, W)."""
    slopes = _filtered(g, grey, 1, [SLOPE, SMOOTH], [SMOOTH, SLOPE])
    dx, dy = g.split(slopes, (1, 1))
    products = g.one("Concat", _mul(g, dx, dx), _mul(g, dx, dy), _mul(g, dy, dy), axis=1)
    xx, xy, yy = g.split(_filtered(g, products, 3, [WINDOW] * 3, [WINDOW] * 3), (1, 1, 1))
    determinant = g.one("Sub", _mul(g, xx, yy), _mul(g, xy, xy))
    return _div(g, determinant, _add(g, _add(g, xx, yy), g.constant(np.float32(REGULAR))))


def _filtered(g: Graph, x: str, groups: int, along: Sequence[Float32], down: Sequence[Float32]) -> str:
    """Every channel filtered by a row and a column; the rim is a mirror, as in OpenCV."""
    reach = (0, 0, REACH_PX, REACH_PX)
    x, size = g.one("Pad", x, g.ints(*reach, *reach), mode="reflect"), 2 * REACH_PX + 1
    x = g.one("Conv", x, g.constant(np.stack(along)[:, None, None]), group=groups, kernel_shape=[1, size])
    return g.one("Conv", x, g.constant(np.stack(down)[:, None, :, None]), group=len(down), kernel_shape=[size, 1])


def _peaks(g: Graph, measure: str) -> tuple[str, str]:
    """row (N,) and column (N,) of the greatest of their neighbourhoods."""
    side = 2 * NMS_RADIUS + 1
    around = g.one("MaxPool", measure, kernel_shape=[side, side], pads=[NMS_RADIUS] * 4)
    is_peak = g.one(
        "And", g.one("Equal", measure, around), g.one("Greater", measure, g.constant(np.float32(LEAST_MEASURE)))
    )
    rim = (g.ints(BORDER, BORDER), g.ints(-BORDER, -BORDER), g.ints(2, 3))
    inside = g.one("Slice", g.one("Cast", is_peak, to=TO_INT), *rim)
    row, column = g.split(g.one("NonZero", g.one("Squeeze", inside, g.ints(0, 1))), (1, 1), axis=0)
    row, column = (_add(g, g.one("Squeeze", at, g.ints(0)), g.ints(BORDER)) for at in (row, column))
    return row, column


def _steps_to_top(g: Graph, v: Sequence[str]) -> tuple[str, str]:
    """From a pixel to the top of a quadratic function through the 3 x 3 logarithms around; see ``refined``."""

    def scaled(factor: float, value: str) -> str:
        return _mul(g, value, g.constant(np.float32(factor)))

    slope_x, slope_y = (scaled(0.5, g.one("Sub", v[i], v[j])) for i, j in ((5, 3), (7, 1)))
    bends = [_add(g, g.one("Sub", v[i], scaled(2, v[4])), v[j]) for i, j in ((3, 5), (1, 7))]
    bend_x, bend_y = (g.one("Min", bend, g.constant(LEAST_BEND)) for bend in bends)
    mixed = scaled(0.25, g.one("Sub", g.one("Sub", _add(g, v[0], v[8]), v[2]), v[6]))
    bound = _mul(g, g.constant(MOST_RIDGE), g.one("Sqrt", _mul(g, bend_x, bend_y)))
    mixed = _mul(g, g.one("Sign", mixed), g.one("Min", g.one("Abs", mixed), bound))
    determinant = g.one("Sub", _mul(g, bend_x, bend_y), _mul(g, mixed, mixed))
    step_x = g.one("Sub", _mul(g, mixed, slope_y), _mul(g, bend_y, slope_x))
    step_y = g.one("Sub", _mul(g, mixed, slope_x), _mul(g, bend_x, slope_y))
    least, most = g.constant(-MOST_STEP_PX), g.constant(MOST_STEP_PX)
    x, y = (g.one("Clip", _div(g, step, determinant), least, most) for step in (step_x, step_y))
    return x, y


def _looked_up(g: Graph, grid: str, xy: str, cell: int) -> str:
    """(K, C) values of a grid (h, w, C) at pixels (K, 2); see ``looked_up``."""
    half, zero, one = (g.constant(np.float32(value)) for value in (0.5, 0, 1))
    cells = g.one("Sub", _div(g, _add(g, xy, half), g.constant(np.float32(cell))), half)
    height, width, channels = g.split(g.one("Shape", grid), (1, 1, 1), axis=0)
    flat = g.one("Reshape", grid, g.one("Concat", g.ints(-1), channels, axis=0))
    near, after, share = [], [], []
    for value, length in zip(g.split(cells, (1, 1)), (width, height), strict=True):
        last = g.one("Sub", length, g.ints(1))
        at = g.one("Min", g.one("Max", value, zero), g.one("Cast", last, to=TO_FLOAT))
        floor = g.one("Floor", at)
        near.append(g.one("Squeeze", g.one("Cast", floor, to=TO_INT), g.ints(1)))
        after.append(g.one("Min", _add(g, near[-1], g.ints(1)), last))
        share.append(g.one("Sub", at, floor))
    rows = []
    for row in (near[1], after[1]):
        left, right = (g.one("Gather", flat, _add(g, _mul(g, row, width), column)) for column in (near[0], after[0]))
        rows.append(_between(g, left, right, share[0], one))
    return _between(g, rows[0], rows[1], share[1], one)


def _between(g: Graph, first: str, second: str, share: str, one: str) -> str:
    return _add(g, _mul(g, first, g.one("Sub", one, share)), _mul(g, second, share))


def _spread_out(g: Graph, xy: str, scores: str, count: str, size: str) -> str:
    """Indices (K,) of the keypoints to keep, strongest first; see ``spread_out``. TopK gives equals in their order."""
    total = g.one("Shape", scores)
    strongest = g.op("TopK", scores, total, axis=0, outputs=2)[1]
    cell = _cells(g, g.one("Gather", xy, strongest), count, size)
    by_cell = g.op("TopK", g.one("Neg", cell), total, axis=0, outputs=2)[1]  # of the list from strong to weak
    _, begins, run = g.op("Unique", g.one("Gather", cell, by_cell), sorted=1, outputs=3)
    position = g.one("Range", g.constant(np.int64(0)), g.one("Squeeze", total), g.constant(np.int64(1)))
    rank_by_cell = g.one("Sub", position, g.one("Gather", begins, run))
    rank = g.one("ScatterElements", g.one("Sub", position, position), by_cell, rank_by_cell)
    kept = g.one("Min", count, total)
    chosen = g.op("TopK", g.one("Neg", rank), kept, axis=0, outputs=2)[1]
    in_order = g.op("TopK", chosen, kept, axis=0, largest=0, outputs=2)[0]
    return g.one("Gather", strongest, in_order)


def _cells(g: Graph, xy: str, count: str, size: str) -> str:
    """Number (N,) of the grid cell of every keypoint, row by row."""
    height, width = g.split(g.one("Cast", size, to=TO_FLOAT), (1, 1), axis=0)
    area = _mul(g, _mul(g, width, height), g.constant(np.float32(POINTS_PER_CELL)))
    side = g.one("Sqrt", _div(g, area, g.one("Cast", count, to=TO_FLOAT)))
    column, row = g.split(g.one("Cast", _div(g, xy, side), to=TO_INT), (1, 1))
    across = _add(g, g.one("Cast", g.one("Ceil", _div(g, width, side)), to=TO_INT), g.ints(1))
    return g.one("Squeeze", _add(g, _mul(g, row, across), column), g.ints(1))


def _kept(g: Graph, xy: str, logits: str, which: str) -> tuple[str, str]:
    index = g.one("Squeeze", g.one("NonZero", which), g.ints(0))
    return g.one("Gather", xy, index), g.one("Gather", logits, index)


def _columns(g: Graph, x: str, y: str) -> str:
    return g.one("Concat", g.one("Unsqueeze", x, g.ints(1)), g.one("Unsqueeze", y, g.ints(1)), axis=1)


def _add(g: Graph, a: str, b: str) -> str:
    return g.one("Add", a, b)


def _mul(g: Graph, a: str, b: str) -> str:
    return g.one("Mul", a, b)


def _div(g: Graph, a: str, b: str) -> str:
    return g.one("Div", a, b)
