"""Bundle adjustment that finds the camera too, on windows whose camera is known."""

from dataclasses import replace

import numpy as np
import pytest
from known_windows import mapped
from synthetic_world import RIG

from slam.config import GraphConfig
from slam.graph.bundle import Method
from slam.graph.full_problem import choose_all
from slam.graph.self_calibration import self_calibrated
from slam.types import Mode

METHOD = Method(60, 1e-9, 60.0, lambda: 0.0)
TRUE = RIG.left


def seen_through(lens, noise_px=0.2, seed=0):
    """What the lens makes of a map's pictures."""
    (part,) = choose_all(mapped(depth=False), RIG, Mode.MONO, GraphConfig(), 1.0).parts
    noise = np.random.default_rng(seed).normal(0, noise_px, part.xy.shape)
    return replace(part, xy=lens.distort(part.xy).astype(float) + noise)


@pytest.mark.parametrize(("start", "k1"), [(0.8, 0.0), (1.3, 0.0), (0.9, -0.15), (1.1, 0.08)])
def test_focal_length_and_distortion_are_found_from_far_away(start, k1):
    lens = replace(TRUE, distortion=(k1, 0.0, 0.0, 0.0))
    believed = replace(TRUE, fx=start * TRUE.fx, fy=start * TRUE.fx)
    found = self_calibrated(seen_through(lens), believed, METHOD)
    assert found.camera.fx == found.camera.fy == pytest.approx(TRUE.fx, rel=0.01)
    assert found.camera.distortion[0] == pytest.approx(k1, abs=0.01)
    assert found.error_px < 0.4


def test_the_sigma_is_that_of_many_tries():
    believed = replace(TRUE, fx=0.95 * TRUE.fx, fy=0.95 * TRUE.fx)
    found = [self_calibrated(seen_through(TRUE, 1.0, seed), believed, METHOD) for seed in range(12)]
    spread = np.std([one.camera.fx for one in found])
    assert 0.5 < np.mean([one.focal_sigma_px for one in found]) / spread < 2.0  # twelve tries know it to a fifth


def test_one_picture_says_nothing():
    problem = seen_through(TRUE)
    first = problem.keyframe_index == 0
    alone = replace(
        problem, keyframe_index=problem.keyframe_index[first], landmark_index=problem.landmark_index[first],
        xy=problem.xy[first], right_x=problem.right_x[first],
    )  # fmt: skip
    found = self_calibrated(alone, TRUE, METHOD)
    assert found is None or found.focal_sigma_px > 0.1 * TRUE.fx
