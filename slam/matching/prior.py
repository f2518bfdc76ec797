"""What a prediction says about matches: points that are expected far apart attend to each other less."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from slam.matching.attention import Prior

FLOOR_PX = 1.0  # least sigma: no prediction is better than a keypoint
FIRST_EPS = 0.02  # share of predictions that are taken to be wrong before anything was learned


def normalized_sigma(sigma_px: Tensor, image_size: Tensor) -> Tensor:
    """Sigmas (..., M) in the units of normalised positions; ``image_size`` (..., 2) px. inf and NaN: no prediction."""
    half = image_size.amax(-1, keepdim=True) / 2
    return torch.nan_to_num(sigma_px, nan=torch.inf, posinf=torch.inf).clamp(min=FLOOR_PX) / half


class MotionPrior(nn.Module):
    """The logarithm of a Gaussian around every predicted position, on a floor: the share of wrong predictions."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(FIRST_EPS).logit())

    def forward(self, xy: Tensor, sigma: Tensor, split: int) -> Tensor:
        """(B, M, N) log(eps + (1 - eps) exp(-d^2 / (2 sigma^2))), 0 where sigma is infinite.

        xy: (B, M + N, 2) normalised positions, a's first ``split`` ones predicted in b; sigma: (B, M) normalised.
        """
        dx = xy[:, :split, None, 0] - xy[:, None, split:, 0]
        dy = xy[:, :split, None, 1] - xy[:, None, split:, 1]
        exponent = (dx * dx + dy * dy) * (-0.5 / sigma.square())[..., None]
        return torch.log1p(exponent.expm1() * (1 - self.logit.sigmoid()))


def weighted(log_prior: Prior, gain: Tensor | None) -> Prior:
    """The bias of a layer with this gain; None without either."""
    if log_prior is None or gain is None:
        return None
    if isinstance(log_prior, Tensor):
        return gain * log_prior
    return [None if one is None else gain * one for one in log_prior]
