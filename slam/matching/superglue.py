"""SuperGlue's network (Sarlin et al., CVPR 2020), the yardstick for time and memory. Ours to run, not to train.

Parameters carry the published names, so that the authors' state dict loads; their weights are for non-commercial use
only and never come with the program. Without weights the answers are noise, but cost what real ones cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slam.errors import WeightsError
from slam.features.network import first_difference, read_state
from slam.matching.adaptive import mutual_best
from slam.types import Matches, MatchView

WIDTH = 256
HEADS = 4
LAYERS = 18  # self, cross, self, cross, ...
ENCODER = (3, 32, 64, 128, 256, WIDTH)  # x, y and score to a state
SINKHORN_ITERATIONS = 100
LEAST_PROBABILITY = 0.2  # of a match
LONG_SIDE_SPAN = 0.7  # positions are divided by this share of the long side


class SuperGlueMatcher:
    """All 18 layers and all Sinkhorn iterations, one thread, float32."""

    num_layers = LAYERS

    def __init__(self, network: SuperGlue, iterations: int = SINKHORN_ITERATIONS) -> None:
        torch.set_num_threads(1)
        self._network = network.eval().requires_grad_(False)
        self._iterations = iterations

    @classmethod
    def from_file(cls, path: Path | None) -> SuperGlueMatcher:
        """With a state dict in the published names, random weights without a file. Raises WeightsError."""
        network = SuperGlue()
        if path is not None:
            state = read_state(path)
            wrong = first_difference(network.state_dict(), state)
            if wrong:
                raise WeightsError(f"weights {path}: are not SuperGlue's ({wrong}); use its published state dict")
            network.load_state_dict(state)
        return cls(network)

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0) -> Matches:
        """Correspondences of two views with descriptors (N, 256); ``max_layers`` has no meaning here.

        A MatchView carries no scores; every keypoint enters with score 1. Raises WeightsError for other descriptors.
        """
        if not len(a.xy) or not len(b.xy):
            return Matches.none()
        for view in (a, b):
            if view.descriptors.shape[1] != WIDTH:
                raise WeightsError(f"SuperGlue: takes descriptors of length {WIDTH}, got {view.descriptors.shape[1]}")
        with torch.inference_mode():
            scores = self._network(*_tokens(a), *_tokens(b))
            log_p = log_assignment(scores[0], self._network.bin_score, self._iterations)
            index_a, index_b, probability = mutual_best(log_p[:-1, :-1], LEAST_PROBABILITY)
        return Matches(index_a.numpy(), index_b.numpy(), probability.numpy(), exit_layer=LAYERS)

    def match_many(self, pairs: Sequence[tuple[MatchView, MatchView]], *, max_layers: int = 0) -> list[Matches]:
        """The answers of ``match`` for every pair."""
        return [self.match(a, b) for a, b in pairs]


class SuperGlue(nn.Module):
    """From two sets of keypoints to the scores of all pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.kenc = KeypointEncoder()
        self.gnn = AttentionalGraph()
        self.final_proj = nn.Conv1d(WIDTH, WIDTH, 1)
        self.bin_score = nn.Parameter(torch.tensor(1.0))

    def forward(self, place_a: Tensor, descriptors_a: Tensor, place_b: Tensor, descriptors_b: Tensor) -> Tensor:
        """(B, M, N) scores of places (B, 3, M), (B, 3, N) and descriptors (B, 256, M), (B, 256, N) (eq. 1 to 7)."""
        a = descriptors_a + self.kenc(place_a)
        b = descriptors_b + self.kenc(place_b)
        a, b = self.gnn(a, b)
        return self.final_proj(a).mT @ self.final_proj(b) / WIDTH**0.5


class KeypointEncoder(nn.Module):
    """Position and score to something that can be added to a descriptor (eq. 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = pointwise(ENCODER)

    def forward(self, place: Tensor) -> Tensor:
        return self.encoder(place)


class AttentionalGraph(nn.Module):
    """Layers that look around at home and across in turn (section 3.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Propagation() for _ in range(LAYERS)])

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for number, layer in enumerate(self.layers):
            from_a, from_b = (a, b) if number % 2 == 0 else (b, a)
            a, b = a + layer(a, from_a), b + layer(b, from_b)
        return a, b


class Propagation(nn.Module):
    """The message to every point and what it changes (eq. 3 to 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.mlp = pointwise((2 * WIDTH, 2 * WIDTH, WIDTH))

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        return self.mlp(torch.cat([x, self.attn(x, source)], 1))


class Attention(nn.Module):
    """Multi-head attention on (B, 256, N) states. The heads interleave: channel c belongs to head c mod 4."""

    def __init__(self) -> None:
        super().__init__()
        self.merge = nn.Conv1d(WIDTH, WIDTH, 1)
        self.proj = nn.ModuleList([nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(3)])

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        q, k, v = (
            project(value).unflatten(1, (-1, HEADS)).permute(0, 2, 3, 1)
            for project, value in zip(self.proj, (x, source, source))
        )
        heard = F.scaled_dot_product_attention(q, k, v)  # (B, H, N, 64)
        return self.merge(heard.permute(0, 3, 1, 2).flatten(1, 2))


def pointwise(widths: tuple[int, ...]) -> nn.Sequential:
    """The same perceptron for every point, batch norm and ReLU after all but the last step."""
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        parts += [nn.Conv1d(inputs, outputs, 1), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*parts, nn.Conv1d(widths[-2], widths[-1], 1))


def log_assignment(scores: Tensor, bin_score: Tensor, iterations: int) -> Tensor:
    """log P (M + 1, N + 1) of scores (M, N) with a dustbin on either side (eq. 8 to 10).

    P has row sums 1 (the dustbin's: N) and column sums 1 (the dustbin's: M), up to what the iterations leave.
    """
    m, n = scores.shape
    padded = F.pad(scores, (0, 1, 0, 1))
    padded[m], padded[:, n] = bin_score, bin_score
    rows, columns = torch.zeros(m + 1), torch.zeros(n + 1)
    rows[m], columns[n] = torch.tensor(float(n)).log(), torch.tensor(float(m)).log()
    return sinkhorn(padded, rows, columns, iterations)


def sinkhorn(scores: Tensor, log_rows: Tensor, log_columns: Tensor, iterations: int) -> Tensor:
    """Scores (M, N) scaled in rows and columns until they sum to the given marginals (Cuturi 2013), in logarithms."""
    u, v = torch.zeros_like(log_rows), torch.zeros_like(log_columns)
    for _ in range(iterations):
        u = log_rows - (scores + v).logsumexp(1)
        v = log_columns - (scores + u[:, None]).logsumexp(0)
    return scores + u[:, None] + v


def _tokens(view: MatchView) -> tuple[Tensor, Tensor]:
    """Places with scores (1, 3, N) and descriptors (1, 256, N)."""
    size = torch.tensor(view.image_size, dtype=torch.float32)
    place = (torch.from_numpy(view.xy) - size / 2) / (LONG_SIDE_SPAN * size.max())
    with_score = torch.cat([place, torch.ones(len(place), 1)], 1)
    return with_score.T[None], torch.from_numpy(view.descriptors).T[None]
