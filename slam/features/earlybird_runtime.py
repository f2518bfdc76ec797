"""What carries the extractor's arithmetic out on one CPU core: torch, onnxruntime (a quarter faster), or OpenVINO."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from slam.errors import ConfigError
from slam.features.earlybird import CompactNetwork, channels_last
from slam.types import Float32

Runtime = Callable[[Float32], tuple[Float32, Float32]]  # picture (H, W) -> worth (H/4, W/4), grid (H/8, W/8, 64)

NEEDED: dict[str, tuple[str, ...]] = {  # runtime -> packages
    "torch": (),
    "torch-compiled": (),
    "onnx": ("onnxruntime", "onnx"),
    "openvino": ("openvino", "onnx"),
    "openvino-bf16": ("openvino", "onnx"),
}
WARM_SIZE = (480, 640)  # rows, columns


def make_runtime(name: str, network: CompactNetwork) -> Runtime:
    """The runtime of that name for a folded network; "auto" is onnxruntime where it is installed, else torch.

    All answer alike but "openvino-bf16", which rounds to 8 bits of mantissa where the processor can. The answer is
    valid until the next call. Raises ConfigError for an unknown name, or when a package that it needs is missing.
    """
    if name == "auto":
        name = "torch" if _missing("onnx") else "onnx"
    if name not in NEEDED:
        raise ConfigError(f"features.runtime: unknown runtime '{name}'; known: auto, {', '.join(NEEDED)}")
    if missing := _missing(name):
        raise ConfigError(f"features.runtime: {name} needs {' and '.join(missing)}; pip install {' '.join(missing)}")
    if name.startswith("torch"):
        return TorchRuntime(network, compiled=name == "torch-compiled")
    return OnnxRuntime(network) if name == "onnx" else OpenvinoRuntime(network, bf16=name.endswith("bf16"))


class TorchRuntime:
    """Always there; on a GPU when there is one, with float16 products.

    Compiled by torch.compile when that is asked for: the first picture of a size may take half a minute longer.
    """

    def __init__(self, network: CompactNetwork, precision: torch.dtype | None = None, compiled: bool = False) -> None:
        from slam.matching.runtime_torch import best_device, precision_of

        self._device = best_device()
        self._precision = precision or precision_of(self._device)
        self._network: Callable[[Tensor], tuple[Tensor, Tensor]] = channels_last(network.to(self._device))
        if compiled:
            self._network = torch.compile(self._network, dynamic=True)
            self(np.zeros(WARM_SIZE, np.float32))

    def __call__(self, picture: Float32) -> tuple[Float32, Float32]:
        is_short = self._precision != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._precision, enabled=is_short):
            worth, grid = self._network(torch.from_numpy(picture)[None, None].to(self._device))
            return worth[0, 0].float().cpu().numpy(), grid[0].permute(1, 2, 0).float().cpu().numpy()


class OnnxRuntime:
    """One session for pictures of any size: nothing is planned anew."""

    def __init__(self, network: CompactNetwork) -> None:
        from slam.features.earlybird_graph import network_graph
        from slam.matching.runtime_onnx import session

        self._session = session(network_graph(network))
        self(np.zeros(WARM_SIZE, np.float32))

    def __call__(self, picture: Float32) -> tuple[Float32, Float32]:
        worth, grid = self._session.run(None, {"picture": picture[None, None]})
        return worth[0, 0], grid[0]


class OpenvinoRuntime:
    """A compiled model per picture size; the first picture of a size takes a tenth of a second longer."""

    def __init__(self, network: CompactNetwork, bf16: bool = False) -> None:
        from slam.features.earlybird_graph import network_graph

        self._model = network_graph(network).SerializeToString()
        self._precision = "bf16" if bf16 else "f32"  # left to itself, OpenVINO would choose by the processor
        self._requests: dict[tuple[int, ...], Any] = {}

    def __call__(self, picture: Float32) -> tuple[Float32, Float32]:
        if picture.shape not in self._requests:
            self._requests[picture.shape] = self._compiled(picture.shape)
        answer = self._requests[picture.shape].infer([picture[None, None]], share_inputs=True, share_outputs=True)
        worth, grid = answer.values()
        return worth[0, 0], grid[0]

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        core = openvino_core()
        model = core.read_model(self._model)
        model.reshape([1, 1, *shape])
        settings = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        return core.compile_model(model, "CPU", settings).create_infer_request()


@functools.cache
def openvino_core() -> Any:
    """OpenVINO itself, kept to the end of the process.

    It gives the thread a stack for signals and, when it goes (seen in 2026.4), frees that without taking it back: the
    next Ctrl-C would be a segmentation fault.
    """
    import openvino

    return openvino.Core()


def _missing(name: str) -> list[str]:
    packages = NEEDED.get(name, ())
    return [package for package in packages if importlib.util.find_spec(package) is None]
