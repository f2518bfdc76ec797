"""The live audit: now and then a pair is matched again at full depth, and the exit's level follows the loss observed.

Pure and synchronous: who runs it asks ``wants``, matches again when there is time, and tells ``observe``. The answers
depend on seed, frame indices and matches only, so a replay repeats them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.matching.calibration import ExitPath
from slam.matching.calibration_risk import hoeffding_bentkus, upper_bound
from slam.types import Matches

SHARE = 0.01  # of the frames
GAMMA = 0.05  # how much of a surprise goes into the level
CONFIDENCE = 0.95  # of the reported interval


@dataclass(frozen=True)
class AuditReport:
    """What was seen so far."""

    count: int  # pairs audited
    loss: float  # mean of 1 - IoU with full depth, NaN before the first
    low: float  # the mean risk lies between these with CONFIDENCE (Hoeffding and Bentkus, either side by itself)
    high: float
    level: float  # eps in force now, at or below 0 full depth; NaN where nothing is calibrated


class Audit:
    """Adaptive conformal inference (Gibbs & Candes 2021, eq. 2) on a calibrated path of exit rules.

    eps_{t+1} = eps_t + gamma (eps - loss_t), at most the bound of the path's fastest step. Below the first bound the
    policy is full depth, which loses nothing, so the level never falls under -gamma, and whatever the frames are like
    the mean loss of T audits is at most eps + (eps + gamma) / (gamma T). Without a path it only observes.
    """

    def __init__(
        self, path: ExitPath | None, eps: float, *, share: float = SHARE, gamma: float = GAMMA, seed: int = 0
    ) -> None:
        self._eps, self._share, self._gamma, self._seed = eps, share, gamma, seed
        self._most = float("nan") if path is None else max(step.bound for step in path.steps)
        self._level = self._most if path is None else min(eps, self._most)
        self._losses: list[float] = []

    def wants(self, index: int) -> bool:
        """Whether the pair of frame ``index`` is to be matched again; the same answer in every run of one seed."""
        return float(np.random.default_rng((self._seed, index)).random()) < self._share

    def observe(self, early: Matches, full: Matches) -> float:
        """The loss of a pair's early matches against its matches at full depth; moves the level."""
        loss = disagreement(early, full)
        self._losses.append(loss)
        self._level = float(np.minimum(self._level + self._gamma * (self._eps - loss), self._most))
        return loss

    @property
    def eps(self) -> float:
        """The risk that was asked for."""
        return self._eps

    @property
    def level(self) -> float:
        """eps in force now."""
        return self._level

    @property
    def report(self) -> AuditReport:
        """What was seen so far."""
        if not self._losses:
            return AuditReport(0, float("nan"), 0.0, 1.0, self._level)
        losses = np.array(self._losses)
        delta = (1.0 - CONFIDENCE) / 2
        low = 1.0 - upper_bound(1.0 - losses, delta, hoeffding_bentkus)
        high = upper_bound(losses, delta, hoeffding_bentkus)
        return AuditReport(len(losses), float(losses.mean()), low, high, self._level)


def disagreement(early: Matches, full: Matches) -> float:
    """1 - IoU of two sets of matches, in [0, 1]; 0 when both are empty."""
    first, second = ({*zip(m.index_a.tolist(), m.index_b.tolist())} for m in (early, full))
    union = len(first | second)
    return 1.0 - len(first & second) / union if union else 0.0
