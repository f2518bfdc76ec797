"""Camera against gyro: the time between their clocks, their axes, and whether they turn equally fast.

The gyro's turn between two frames, shifted in time, is laid over the camera's by a rotation (Kabsch 1976) and a bias;
the shift with the least remainder is the offset (Kelly & Sukhatme, ISER 2010; in the sense of Kalibr:
``t_imu = t_cam + offset``, Furgale et al., IROS 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.doctor.turning import Turns
from slam.types import Bool, Float64, ImuSamples, Int64

LEAST_TURNS = 20
LEAST_SPAN_S, MOST_SPAN_S = 0.06, 0.5  # of offsets that are tried, to either side
COARSE_S, FINE_S = 2e-3, 2.5e-4
GAP_PERIODS = 5.0  # of the gyro: a pair of frames with a longer hole in it is left out
BLOCK = 8  # neighbouring pairs whose errors may go together
ROUNDS = 3  # of weights and fine search


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Camera and gyro laid over each other."""

    offset_s: float  # t_imu = t_cam + offset
    sigma_s: float
    R_cam_body: Float64  # (3, 3)
    scale: float  # camera's rate over the gyro's
    scale_sigma: float
    agreement: float  # 1 - what remains of the camera's rate over the rate, squared; 1 is perfect
    rate_rad_s: float  # rms of the gyro's rate about its mean: what there was to see
    second_axis: float  # rms about the second axis over that about the first, 0 for turns about one axis only
    at_edge: bool  # the best offset is the last one tried
    mirrored: float  # agreement if an axis may be mirrored


def fit_gyro(turns: Turns, imu: ImuSamples) -> Fit | None:
    """None where too few turns and samples lie in the same time."""
    if len(imu.stamps_ns) < LEAST_TURNS or len(turns) < LEAST_TURNS:
        return None
    gyro = _Gyro(imu, int(turns.start_ns[0]))
    length_s = (turns.stop_ns[-1] - turns.start_ns[0]) * 1e-9
    span_s = float(np.clip(length_s / 20, LEAST_SPAN_S, MOST_SPAN_S))
    covered = gyro.covers(turns, span_s)
    if covered.sum() < LEAST_TURNS:
        return None
    kept = Turns(turns.start_ns[covered], turns.stop_ns[covered], turns.turn_rad[covered])
    return _Search(kept, gyro, span_s).fit()


class _Gyro:
    """The gyro's samples, integrated, so that the mean over any time is exact for what is linear between samples."""

    def __init__(self, imu: ImuSamples, zero_ns: int) -> None:
        self.zero_ns = zero_ns
        self._at_s = (imu.stamps_ns - zero_ns) * 1e-9
        self._rate = imu.gyro_rad_s
        steps_s = np.diff(self._at_s)[:, None]
        self._sum = np.vstack([np.zeros(3), np.cumsum(0.5 * (self._rate[1:] + self._rate[:-1]) * steps_s, 0)])
        self._gaps = np.flatnonzero(steps_s[:, 0] > GAP_PERIODS * np.median(steps_s))

    def covers(self, turns: Turns, span_s: float) -> Bool:
        """(P,) which turns have samples all around them."""
        start, stop = (turns.start_ns - self.zero_ns) * 1e-9 - span_s, (turns.stop_ns - self.zero_ns) * 1e-9 + span_s
        inside = (start >= self._at_s[0]) & (stop <= self._at_s[-1])
        for gap in self._gaps:
            inside &= (stop < self._at_s[gap]) | (start > self._at_s[gap + 1])
        return inside

    def mean(self, start_s: Float64, stop_s: Float64) -> Float64:
        """(P, 3) rad/s of the body between moments."""
        return (self._turn(stop_s) - self._turn(start_s)) / (stop_s - start_s)[:, None]

    def change(self, start_s: Float64, stop_s: Float64) -> Float64:
        """(P, 3) rad/s^2 that ``mean`` changes by when both moments are later by a second."""
        late, early = self.mean(start_s + FINE_S, stop_s + FINE_S), self.mean(start_s - FINE_S, stop_s - FINE_S)
        return (late - early) / (2 * FINE_S)

    def _turn(self, at_s: Float64) -> Float64:
        k = np.clip(np.searchsorted(self._at_s, at_s, "right") - 1, 0, len(self._at_s) - 2)
        step_s = self._at_s[k + 1] - self._at_s[k]
        into = (at_s - self._at_s[k])[:, None]
        slope = (self._rate[k + 1] - self._rate[k]) / step_s[:, None]
        return self._sum[k] + into * self._rate[k] + 0.5 * into**2 * slope


class _Search:
    """Least remainder over offsets, with weights that put wrong turns of the camera aside."""

    def __init__(self, turns: Turns, gyro: _Gyro, span_s: float) -> None:
        self._gyro, self._span_s = gyro, span_s
        self._start_s: Float64 = (turns.start_ns - gyro.zero_ns).astype(np.float64) * 1e-9
        self._stop_s: Float64 = (turns.stop_ns - gyro.zero_ns).astype(np.float64) * 1e-9
        self._camera = turns.turn_rad / turns.seconds[:, None]
        self._weights = np.ones(len(turns))

    def fit(self) -> Fit:
        coarse = np.arange(-self._span_s, self._span_s + COARSE_S / 2, COARSE_S)
        near = np.arange(-2 * COARSE_S, 2 * COARSE_S + FINE_S / 2, FINE_S)
        offset_s = self._best(coarse)
        for tried in (*[coarse] * ROUNDS, *[None] * ROUNDS):
            remainder = np.linalg.norm(self._laid_over(offset_s)[0], axis=1)
            self._weights = 1 / (1 + (remainder / (2.5 * np.median(remainder) + 1e-9)) ** 2)
            offset_s = self._best(np.clip(offset_s + near, -self._span_s, self._span_s) if tried is None else tried)
        return self._summary(offset_s)

    def _best(self, offsets_s: Float64) -> float:
        """The offset of least cost, between those tried by a parabola."""
        costs = np.array([self._cost(offset_s) for offset_s in offsets_s])
        i = int(costs.argmin())
        if i in (0, len(costs) - 1):
            return float(offsets_s[i])
        before, here, after = costs[i - 1 : i + 2]
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
        return float(offsets_s[i] + shift * (offsets_s[1] - offsets_s[0]))

    def _cost(self, offset_s: float) -> float:
        remainder = self._laid_over(offset_s)[0]
        return float(self._weights @ np.sum(remainder**2, 1))

    def _rates(self, offset_s: float) -> tuple[Float64, Float64]:
        """Camera's and gyro's rates (P, 3) less their weighted means: a bias is no matter."""
        gyro = self._gyro.mean(*self._moments(offset_s))
        return self._centred(self._camera), self._centred(gyro)

    def _moments(self, offset_s: float) -> tuple[Float64, Float64]:
        return np.add(self._start_s, offset_s), np.add(self._stop_s, offset_s)

    def _centred(self, values: Float64) -> Float64:
        return values - self._weights @ values / self._weights.sum()

    def _laid_over(self, offset_s: float, may_mirror: bool = False) -> tuple[Float64, Float64, float]:
        """What remains (P, 3), R_cam_body, and the camera's rate over the gyro's (Umeyama 1991)."""
        camera, gyro = self._rates(offset_s)
        U, strengths, Vt = np.linalg.svd((camera * self._weights[:, None]).T @ gyro)
        signs = np.array([1.0, 1.0, 1.0 if may_mirror else np.linalg.det(U @ Vt)])
        R_cam_body = U @ np.diag(signs) @ Vt
        scale = float(strengths @ signs) / self._square(gyro)
        return camera - scale * gyro @ R_cam_body.T, R_cam_body, scale

    def _summary(self, offset_s: float) -> Fit:
        remainder, R_cam_body, scale = self._laid_over(offset_s)
        camera, gyro = self._rates(offset_s)
        turned = gyro @ R_cam_body.T
        slope = scale * self._centred(self._gyro.change(*self._moments(offset_s))) @ R_cam_body.T
        strength = np.sqrt(np.maximum(np.linalg.eigvalsh(gyro.T @ gyro / len(gyro))[::-1], 0))
        return Fit(
            offset_s, self._sigma(remainder, slope), R_cam_body, scale, self._sigma(remainder, turned),
            self._agreement(remainder, camera), float(np.linalg.norm(strength)),
            float(strength[1] / max(strength[0], 1e-12)), abs(offset_s) > self._span_s - COARSE_S,
            self._agreement(self._laid_over(offset_s, may_mirror=True)[0], camera),
        )  # fmt: skip

    def _square(self, values: Float64) -> float:
        return float(self._weights @ np.sum(values**2, 1)) + 1e-12

    def _agreement(self, remainder: Float64, camera: Float64) -> float:
        return 1 - self._square(remainder) / self._square(camera)

    def _sigma(self, remainder: Float64, slope: Float64) -> float:
        """Of a factor of ``slope`` (P, 3), from sums over blocks of neighbours (cluster-robust, Liang & Zeger 1986)."""
        scores = self._weights * np.sum(slope * remainder, 1)
        sums = np.add.reduceat(scores, np.arange(0, len(scores), BLOCK))
        correction = len(sums) / max(len(sums) - 1, 1)
        return float(np.sqrt(correction * np.sum(sums**2)) / self._square(slope))


def rotation_between_deg(R_a: Float64, R_b: Float64) -> float:
    """Angle between two rotations (3, 3)."""
    return float(np.degrees(np.arccos(np.clip((np.trace(R_a.T @ R_b) - 1) / 2, -1, 1))))


def overlap_s(stamps_ns: Int64, imu: ImuSamples) -> float:
    """Seconds that both cover."""
    if len(imu.stamps_ns) == 0:
        return 0.0
    return float(min(stamps_ns[-1], imu.stamps_ns[-1]) - max(stamps_ns[0], imu.stamps_ns[0])) * 1e-9
