"""What carries the network's arithmetic out: torch, or onnxruntime, which is two to three times as fast on a CPU.

Which points stay and when the matching ends is decided elsewhere, by the same code for all of them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from slam.errors import ConfigError
from slam.matching.lightglue import LightGlue
from slam.types import Int64, MatchView

RUNTIMES = ("auto", "torch", "torch-compiled", "onnx")
NEEDED = ("onnxruntime", "onnx")


class Runtime(Protocol):
    """Works on states: what is known of a pair after a layer. A state belongs to the runtime that made it."""

    name: str

    def begin(self, pairs: Sequence[tuple[MatchView, MatchView]]) -> list[Any]:
        """The states before the first layer."""
        ...

    def layer(self, layer: int, states: Sequence[Any]) -> list[Any]:
        """The states after one more layer; each is bit for bit what it would be without the others."""
        ...

    def confidence(self, layer: int, state: Any) -> Tensor:
        """(M + N,) of a layer that has a classifier, which the state has just left."""
        ...

    def matchable(self, layer: int, state: Any) -> Tensor:
        """(M + N,) probability of having a partner, of a layer with a head, which the state has just left."""
        ...

    def kept(self, state: Any, of_a: Int64, of_b: Int64) -> Any:
        """The state with these points only, ascending."""
        ...

    def log_p(self, layer: int, state: Any) -> Tensor:
        """(M, N) log probability of every match, by the head of a layer, on the CPU."""
        ...


def make_runtime(name: str, network: LightGlue) -> Runtime:
    """The runtime of that name; "auto" is onnxruntime where it is installed, else torch, which takes a GPU if it can.

    Raises ConfigError for an unknown name, or when onnxruntime is asked for and missing.
    """
    if name == "openvino":
        raise ConfigError(
            "matcher.runtime: openvino plans anew at every number of points and is slower here; use auto, torch or onnx"
        )
    if name not in RUNTIMES:
        raise ConfigError(f"matcher.runtime: unknown runtime '{name}'; known: {', '.join(RUNTIMES)}")
    missing = [package for package in NEEDED if importlib.util.find_spec(package) is None]
    if name == "onnx" and missing:
        raise ConfigError(f"matcher.runtime: onnx needs {' and '.join(missing)}; pip install them")
    if name.startswith("torch") or missing or next(network.parameters()).device.type != "cpu":
        from slam.matching.runtime_torch import TorchRuntime, best_device

        return TorchRuntime(network.to(best_device()), compiled=name == "torch-compiled")
    from slam.matching.runtime_onnx import OnnxRuntime

    return OnnxRuntime(network)
