"""ONNX graphs, written down operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto, TensorProto, helper, numpy_helper

from slam.matching.block_weights import Affine

OPSET, IR_VERSION = 17, 8
FLOAT, INT, BYTE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8


class Graph:
    """A graph in the making; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list = []
        self._constants: dict[tuple, Any] = {}
        self._inputs: list = []
        self._outputs: list = []

    def given(self, name: str, *dims: int | str, kind: int = FLOAT) -> str:
        """An input."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return name

    def constant(self, value: ArrayLike) -> str:
        """An array of the graph; equal ones are kept once."""
        array = np.asarray(value, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"c{len(self._constants)}")
        return self._constants[key].name

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"v{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.op(kind, *inputs, **attributes)[0]

    def linear(self, x: str, weights: Affine) -> str:
        return self.one("Gemm", x, self.constant(weights[0]), self.constant(weights[1]), transB=1)

    def split(self, x: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
        return self.op("Split", x, self.ints(*sizes), axis=axis, outputs=len(sizes))

    def turned(self, x: str, dims: int = 2) -> str:
        """The last two axes exchanged."""
        return self.one("Transpose", x, perm=[1, 0] if dims == 2 else [0, 2, 1])

    def ints(self, *values: int) -> str:
        """A constant row (K,) of int64."""
        return self.constant(np.array(values, np.int64))

    def result(self, value: str, name: str, *dims: int | str, kind: int = FLOAT) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, dims))

    def model(self) -> ModelProto:
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "earlybird", self._inputs, self._outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
