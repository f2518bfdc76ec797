"""The network run by torch: packed, so that many pairs share every product that does not mix points."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slam.matching.attention import Packed
from slam.matching.lightglue import LightGlue, normalized
from slam.matching.prior import normalized_sigma
from slam.types import Int64, MatchView

LEAST_ROWS = 8  # of a product: with fewer rows another kernel sums in another order, and bits would depend on company
WARM_POINTS = (100, 300)
PACKED_POINTS = 1024  # in a group on a CPU: more would leave its cache


@dataclass(frozen=True, eq=False)
class TorchState:
    """One pair, tokens of a first."""

    x: Tensor  # (1, M + N, width)
    encoding: Tensor  # (2, 1, 1, M + N, head_dim)
    counts: tuple[int, int]  # M, N
    log_prior: Tensor | None  # (1, M, N)


class TorchRuntime:
    """Any device that the network is on. On a CPU a state does not depend on the states beside it, not even in bits."""

    name = "torch"

    def __init__(self, network: LightGlue, precision: torch.dtype | None = None, compiled: bool = False) -> None:
        """precision: of the products; None for float32 on a CPU and float16 on a GPU.

        compiled: by torch.compile for sizes of any length, all before the first pair, which takes a minute.
        """
        torch.set_num_threads(1)  # the other core belongs to the camera and the graph
        self._network = network.eval().requires_grad_(False)
        self._device = next(network.parameters()).device
        self._precision = precision or precision_of(self._device)
        self._layers: list[Callable[..., Tensor]] = list(network.transformers)
        self._most_packed = PACKED_POINTS if self._device.type == "cpu" else sys.maxsize
        if compiled:
            self.name = "torch-compiled"
            self._most_packed = 0  # every pair by itself: each number of pairs would be compiled anew
            self._layers = [torch.compile(layer, dynamic=True) for layer in network.transformers]
            self._warm()

    @torch.inference_mode()
    def begin(self, pairs: Sequence[tuple[MatchView, MatchView]]) -> list[TorchState]:
        return [self._begun(a, b) for a, b in pairs]

    def _begun(self, a: MatchView, b: MatchView) -> TorchState:
        xy, descriptors = (values.to(self._device) for values in tokens(a, b))
        sigmas = sigma(a)
        log_prior = self._network.log_prior(xy, None if sigmas is None else sigmas.to(self._device), len(a.xy))
        with self._arithmetic():
            x, encoding = self._network.begin(xy, descriptors)
        return TorchState(x.float(), encoding.float(), (len(a.xy), len(b.xy)), log_prior)

    @torch.inference_mode()
    def layer(self, layer: int, states: Sequence[TorchState]) -> list[TorchState]:
        return [new for group in grouped(states, self._most_packed) for new in self._packed_layer(layer, group)]

    def _packed_layer(self, layer: int, states: Sequence[TorchState]) -> list[TorchState]:
        filled = list(states)
        if sum(sum(state.counts) for state in states) < LEAST_ROWS:
            filled.append(self._padding(states[0]))
        packed = Packed(tuple(state.counts for state in filled))
        x = torch.cat([state.x for state in filled], dim=1)
        encoding = torch.cat([state.encoding for state in filled], dim=3)
        with self._arithmetic():
            x = self._layers[layer](x, encoding, packed, [state.log_prior for state in filled])
        parts = x.split([sum(state.counts) for state in filled], dim=1)
        return [
            TorchState(part, state.encoding, state.counts, state.log_prior)
            for part, state in zip(parts, states, strict=False)
        ]

    @torch.inference_mode()
    def confidence(self, layer: int, state: TorchState) -> Tensor:
        return self._network.confidence(layer)(state.x)[0].cpu()

    @torch.inference_mode()
    def matchable(self, layer: int, state: TorchState) -> Tensor:
        return self._network.head(layer).matchable(state.x)[0].cpu()

    @torch.inference_mode()
    def kept(self, state: TorchState, of_a: Int64, of_b: Int64) -> TorchState:
        a, b = (torch.from_numpy(index).to(self._device) for index in (of_a, of_b))
        both = torch.cat([a, b + state.counts[0]])
        log_prior = None if state.log_prior is None else state.log_prior[:, a][:, :, b]
        return TorchState(state.x[:, both], state.encoding[:, :, :, both], (len(a), len(b)), log_prior)

    @torch.inference_mode()
    def log_p(self, layer: int, state: TorchState) -> Tensor:
        with self._arithmetic():
            log_p, _ = self._network.head(layer)(state.x, state.counts[0], state.log_prior)
        return log_p[0].float().cpu()

    def _warm(self) -> None:
        """Compile everything now: with and without a prediction, for two sizes, so that no later one is special."""
        for points, sigma_px in itertools.product(WARM_POINTS, (None, 4.0)):
            descriptors = np.zeros((points, self._network.shape.input_dim), np.float32)
            xy = np.zeros((points, 2), np.float32)
            a = MatchView(xy, descriptors, (640, 480), None if sigma_px is None else np.full(points, 4.0, np.float32))
            states = self.begin([(a, MatchView(xy[1:], descriptors[1:], (640, 480)))])
            for layer in range(self._network.shape.layers):
                states = self.layer(layer, states)

    def _arithmetic(self) -> torch.autocast:
        """Sums, softmax and states stay float32 whatever the products are."""
        return torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32)

    def _padding(self, like: TorchState) -> TorchState:
        """A pair of nothing that makes up the rows."""
        half = LEAST_ROWS // 2
        x, encoding = like.x.new_zeros(1, LEAST_ROWS, like.x.shape[2]), like.encoding[:, :, :, :1]
        return TorchState(x, encoding.expand(-1, -1, -1, LEAST_ROWS, -1), (half, half), None)


def best_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision_of(device: torch.device) -> torch.dtype:
    """Of products on that device: float16 on a GPU."""
    return torch.float16 if device.type == "cuda" else torch.float32


def grouped(states: Sequence[TorchState], most: int) -> list[list[TorchState]]:
    """The states in order, in groups of at most ``most`` points unless one has more."""
    groups: list[list[TorchState]] = []
    points = 0
    for state in states:
        points += sum(state.counts)
        if not groups or points > most:
            groups.append([])
            points = sum(state.counts)
        groups[-1].append(state)
    return groups


def tokens(a: MatchView, b: MatchView) -> tuple[Tensor, Tensor]:
    """Normalised positions (1, M + N, 2) and descriptors (1, M + N, D) of both views."""
    xy = [normalized(torch.tensor(v.xy), torch.tensor(v.image_size, dtype=torch.float32)) for v in (a, b)]
    descriptors = np.concatenate([a.descriptors, b.descriptors])
    return torch.cat(xy)[None], torch.from_numpy(descriptors)[None]


def sigma(a: MatchView) -> Tensor | None:
    """(1, M) normalised sigmas of predicted positions, None when they are no prediction."""
    if a.sigma_px is None:
        return None
    size = torch.tensor(a.image_size, dtype=torch.float32)
    return normalized_sigma(torch.tensor(a.sigma_px, dtype=torch.float32), size)[None]
