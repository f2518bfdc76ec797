"""The earlybird network as an ONNX graph of any picture size, made in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
from onnx import ModelProto
from torch import Tensor, nn

from slam.features.earlybird import DESCRIPTOR_DIM, CompactNetwork
from slam.matching.onnx_writing import Graph
from slam.types import Float32

PATCH = 4  # px: the picture enters as patches of 4 x 4


def network_graph(network: CompactNetwork) -> ModelProto:
    """picture (1, 1, H, W) -> worth (1, 1, H/4, W/4), grid (1, H/8, W/8, 64); batch norms must be folded already."""
    g = Graph()
    worth, grid = judged(g, network, g.given("picture", 1, 1, "h", "w"))
    g.result(worth, "worth", 1, 1, "patch_rows", "patch_columns")
    g.result(grid, "grid", 1, "rows", "columns", DESCRIPTOR_DIM)
    return g.model()


def judged(g: Graph, network: CompactNetwork, picture: str) -> tuple[str, str]:
    """worth and grid of a picture."""
    fine = _layer(g, g.one("SpaceToDepth", picture, blocksize=PATCH), network.fine[1])
    middle = _layers(g, fine, network.middle)
    middle = g.one("Add", middle, _enlarged(g, _layers(g, middle, network.coarse)))
    context = _enlarged(g, _layer(g, middle, network.context))
    worth = _layers(g, g.one("Add", fine, context), network.judge)
    grid = _layers(g, g.one("Relu", middle), list(network.describe)[1:])
    return worth, g.one("Transpose", grid, perm=[0, 2, 3, 1])


def _layers(g: Graph, x: str, layers: Iterable[nn.Module]) -> str:
    for layer in layers:
        x = _layer(g, x, layer)
    return x


def _layer(g: Graph, x: str, layer: nn.Module) -> str:
    """A convolution, followed by a ReLU when it comes with one."""
    has_relu = isinstance(layer, nn.Sequential)
    conv = cast(nn.Conv2d, layer[0] if isinstance(layer, nn.Sequential) else layer)
    weight, bias = g.constant(_array(conv.weight)), g.constant(_array(cast(Tensor, conv.bias)))
    pads = [conv.kernel_size[0] // 2] * 4
    y = g.one("Conv", x, weight, bias, kernel_shape=list(conv.kernel_size), strides=list(conv.stride), pads=pads)
    return g.one("Relu", y) if has_relu else y


def _enlarged(g: Graph, x: str) -> str:
    scales = g.constant(np.array([1, 1, 2, 2], np.float32))
    return g.one("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _array(values: Tensor) -> Float32:
    return values.detach().cpu().numpy()
