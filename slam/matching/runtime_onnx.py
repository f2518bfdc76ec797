"""The network run by onnxruntime: a session for every part, each view a tensor of its own, all lengths dynamic."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto
from torch import Tensor

from slam.matching.block_weights import layer_weights
from slam.matching.lightglue import LightGlue
from slam.matching.onnx_graph import across, asked_of_points, beginning, head, home, prediction
from slam.matching.prior import FLOOR_PX
from slam.types import Float32, Int64, MatchView

WARM_POINTS = (64, 512)


@dataclass(frozen=True, eq=False)
class Side:
    """One view of a pair."""

    x: Float32  # (T, width)
    cos: Float32  # (T, C)
    sin: Float32  # (T, C)


@dataclass(frozen=True, eq=False)
class OnnxState:
    """One pair. Pairs that share a view share its side until they leave the first layer."""

    a: Side
    b: Side
    log_prior: Float32 | None  # (M, N)
    known: dict[str, Float32] = field(default_factory=dict)  # (M + N,) confidence and matchability after the last layer


@dataclass(frozen=True, eq=False)
class LayerSessions:
    """A layer's parts; the keys say whether there is a prior."""

    home: onnxruntime.InferenceSession
    across: dict[bool, onnxruntime.InferenceSession]
    head: dict[bool, onnxruntime.InferenceSession]  # empty without an assignment head
    known: tuple[str, ...]  # what the session across says about points


class OnnxRuntime:
    """One thread of the CPU. Shapes may change at every call: nothing is planned anew."""

    name = "onnx"

    def __init__(self, network: LightGlue) -> None:
        self._input_dim = network.shape.input_dim
        self._begin = session(beginning(network))
        eps = None if network.prior is None else float(network.prior.logit.detach().sigmoid())
        self._prediction = None if eps is None else session(prediction(eps))
        self._layers = [layer_sessions(network, i) for i in range(network.shape.layers)]
        for points in WARM_POINTS:
            self._warm(points)

    def begin(self, pairs: Sequence[tuple[MatchView, MatchView]]) -> list[OnnxState]:
        sides = {id(view): view for pair in pairs for view in pair}
        begun = {key: self._side(view) for key, view in sides.items()}
        return [OnnxState(begun[id(a)], begun[id(b)], self._log_prior(a, b)) for a, b in pairs]

    def layer(self, layer: int, states: Sequence[OnnxState]) -> list[OnnxState]:
        sessions = self._layers[layer]
        sides = {id(side): side for state in states for side in (state.a, state.b)}
        at_home = {key: _at_home(sessions, side) for key, side in sides.items()}
        return [_across(sessions, state, at_home[id(state.a)], at_home[id(state.b)]) for state in states]

    def confidence(self, layer: int, state: OnnxState) -> Tensor:
        return torch.from_numpy(state.known["confidence"])

    def matchable(self, layer: int, state: OnnxState) -> Tensor:
        return torch.from_numpy(state.known["matchable"])

    def kept(self, state: OnnxState, of_a: Int64, of_b: Int64) -> OnnxState:
        log_prior = None if state.log_prior is None else state.log_prior[of_a][:, of_b]
        return OnnxState(_cut(state.a, of_a), _cut(state.b, of_b), log_prior)

    def log_p(self, layer: int, state: OnnxState) -> Tensor:
        head_session = self._layers[layer].head[state.log_prior is not None]
        return torch.from_numpy(head_session.run(None, _both(state.a, state.b, state.log_prior))[0])

    def _side(self, view: MatchView) -> Side:
        feed = {"xy": normalized_xy(view), "descriptors": np.ascontiguousarray(view.descriptors, np.float32)}
        return Side(*self._begin.run(None, feed))

    def _log_prior(self, a: MatchView, b: MatchView) -> Float32 | None:
        if a.sigma_px is None or self._prediction is None:
            return None
        sigma_px = np.maximum(np.nan_to_num(a.sigma_px, nan=np.inf, posinf=np.inf), FLOOR_PX)
        scale = -0.5 * (max(a.image_size) / 2 / sigma_px) ** 2
        feed = {"xy_a": normalized_xy(a), "xy_b": normalized_xy(b), "scale": scale.astype(np.float32)[:, None]}
        return self._prediction.run(None, feed)[0]

    def _warm(self, points: int) -> None:
        """Run every part once, so that the first frame finds memory and kernels ready."""
        descriptors = np.zeros((points, self._input_dim), np.float32)
        xy = np.zeros((points, 2), np.float32)
        for sigma_px in (None, np.ones(points, np.float32)):
            view = MatchView(xy, descriptors, (640, 480), sigma_px)
            states = self.begin([(view, view)])
            for i, sessions in enumerate(self._layers):
                states = self.layer(i, states)
                if sessions.head:
                    self.log_p(i, states[0])


def layer_sessions(network: LightGlue, layer: int) -> LayerSessions:
    """The sessions of one layer of a network."""
    width, shape = network.shape.width, network.shape
    self_block, cross_block = layer_weights(network.transformers[layer])
    asked = asked_of_points(network, layer)
    kinds = (False, True) if shape.prior else (False,)
    return LayerSessions(
        session(home(self_block, width)),
        {kind: session(across(cross_block, width, kind, list(asked.values()))) for kind in kinds},
        {kind: session(head(network, layer, kind)) for kind in kinds if layer in shape.assignment_layers},
        tuple(asked),
    )


@functools.cache
def share_memory() -> None:
    """One pool of memory for all sessions that ask for it: every one with its own would take ten times as much."""
    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(info, None)


def session(model: ModelProto) -> onnxruntime.InferenceSession:
    """A session on one thread of the CPU."""
    share_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def normalized_xy(view: MatchView) -> Float32:
    """(N, 2) positions in the network's units."""
    size = np.array(view.image_size, np.float32)
    return ((view.xy - size / 2) / (size.max() / 2)).astype(np.float32)


def _at_home(sessions: LayerSessions, side: Side) -> Side:
    x = sessions.home.run(None, {"x": side.x, "cos": side.cos, "sin": side.sin})[0]
    return replace(side, x=x)


def _across(sessions: LayerSessions, state: OnnxState, a: Side, b: Side) -> OnnxState:
    x_a, x_b, *known = sessions.across[state.log_prior is not None].run(None, _both(a, b, state.log_prior))
    columns = dict(zip(sessions.known, known[0].T, strict=True)) if known else {}
    return OnnxState(replace(a, x=x_a), replace(b, x=x_b), state.log_prior, columns)


def _both(a: Side, b: Side, log_prior: Float32 | None) -> dict[str, Float32]:
    feed = {"x_a": a.x, "x_b": b.x}
    return feed if log_prior is None else feed | {"log_prior": log_prior}


def _cut(side: Side, index: Int64) -> Side:
    return Side(side.x[index], side.cos[index], side.sin[index])
