"""Random walks with a known difference, for the error figures."""

import numpy as np
import pytest

from slam.geometry import exp_se3
from slam.trajectory import Trajectory


def random_walk(rng: np.random.Generator, n: int, rate_hz: float) -> Trajectory:
    """A smooth path away from identity, at a steady rate."""
    steps = 0.02 * np.cumsum(rng.normal(size=(n, 6)), axis=0) * [0.2, 0.2, 0.2, 1, 1, 1]
    start = exp_se3(np.array([0.3, -1.2, 0.7, 4.0, -2.0, 9.0]))
    stamps_ns = 1_700_000_000_000_000_000 + np.round(np.arange(n) * 1e9 / rate_hz).astype(np.int64)
    return Trajectory(stamps_ns, np.array([start @ exp_se3(step) for step in steps]))


def perturbed(rng: np.random.Generator, truth: Trajectory, keep: np.ndarray, scale: float = 1.0) -> Trajectory:
    """Noise on poses and stamps, another frame, another scale, gaps."""
    T_other_gt = exp_se3(np.array([-0.4, 0.8, 0.1, 1.0, 2.0, 3.0]))
    poses = np.array([T_other_gt @ T @ exp_se3(rng.normal(scale=0.02, size=6)) for T in truth.T_world_cam[keep]])
    poses[:, :3, 3] /= scale
    jitter_ns = rng.integers(-2_000_000, 2_000_000, len(keep))
    return Trajectory(truth.stamps_ns[keep] + jitter_ns, poses)


@pytest.fixture
def pair() -> tuple[Trajectory, Trajectory]:
    """An estimate at a third of the rate with a gap, at 1 / 2.5 of the scale, and its ground truth."""
    rng = np.random.default_rng(5)
    truth = random_walk(rng, 600, 100.0)
    keep = np.arange(0, 600, 3)
    keep = keep[(keep < 200) | (keep > 290)]
    return perturbed(rng, truth, keep, 2.5), truth
