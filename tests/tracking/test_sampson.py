"""Refinement of many candidates at once: each ends where it would end alone, at the pose that fits."""

import numpy as np
import pytest
from synthetic_world import CAMERA, make_world
from test_two_view import MOTION, matched, off_by_deg

from slam.geometry import exp_se3, transform
from slam.mapping.triangulation import epipolar_error_px
from slam.tracking.sampson import _fitted, _moved, refine


def with_unit_step(T_a_b):
    return transform(T_a_b[:3, :3], T_a_b[:3, 3] / np.linalg.norm(T_a_b[:3, 3]))


TRUTH = with_unit_step(MOTION)


def candidates(count=6, seed=0):
    """Poses up to about 10 deg away from the truth in turn and direction."""
    rng = np.random.default_rng(seed)
    return np.stack([with_unit_step(TRUTH @ exp_se3(rng.normal(0, 0.08, 6))) for _ in range(count)])


def fitted(T_a_b, a, b):
    return _fitted(CAMERA.rays(a), CAMERA.rays(b), (CAMERA.fx + CAMERA.fy) / 2, T_a_b[:, :3, :3], T_a_b[:, :3, 3])


def test_every_candidate_near_the_truth_ends_there():
    costs, found = refine(CAMERA, candidates(), *matched(make_world(), MOTION))
    assert costs.max() < 1e-6
    for T_a_b in found:
        assert max(off_by_deg(T_a_b, TRUTH)) < 0.01
        assert np.linalg.norm(T_a_b[:3, 3]) == pytest.approx(1.0)


def test_a_candidate_ends_where_it_would_end_alone():
    a, b = matched(make_world(), MOTION, noise_px=0.5)
    costs, found = refine(CAMERA, candidates(), a, b)
    for i, candidate in enumerate(candidates()):
        cost, alone = refine(CAMERA, candidate[None], a, b)
        np.testing.assert_allclose(found[i], alone[0], atol=1e-9)
        assert costs[i] == pytest.approx(cost[0])


def test_wrong_matches_hardly_move_the_result():
    a, b = matched(make_world(), MOTION, noise_px=0.3)
    b[::4] = np.random.default_rng(1).uniform((0, 0), (639, 479), b[::4].shape)
    _, found = refine(CAMERA, candidates(), a, b)
    turned, aside = np.array([off_by_deg(T_a_b, TRUTH) for T_a_b in found]).T
    assert np.median(turned) < 0.2 and np.median(aside) < 2.0  # deg


def test_the_candidates_stay_as_they_were():
    given = candidates()
    refine(CAMERA, given, *matched(make_world(), MOTION))
    np.testing.assert_array_equal(given, candidates())


def test_no_candidate_gets_worse():
    a, b = matched(make_world(), MOTION, noise_px=0.5)
    far = np.stack([transform(np.eye(3), direction) for direction in np.eye(3)])
    assert (refine(CAMERA, far, a, b)[0] <= fitted(far, a, b).costs).all()


def test_the_residuals_are_the_sampson_distances():
    a, b = matched(make_world(), MOTION, noise_px=0.5)
    poses = fitted(candidates(3), a, b)
    for T_a_b, residuals_px in zip(candidates(3), poses.residuals_px, strict=True):
        np.testing.assert_allclose(np.abs(residuals_px), epipolar_error_px(CAMERA, np.eye(4), T_a_b, a, b), atol=1e-9)


def test_the_jacobians_are_the_differences_of_small_steps():
    a, b = matched(make_world(), MOTION, noise_px=0.5)
    poses, step = fitted(candidates(1), a, b), 1e-6
    for k in range(5):
        both = []
        for sign in (1.0, -1.0):
            R, t = _moved(poses, sign * step * np.eye(5)[None, k])
            both.append(fitted(np.stack([transform(R[0], t[0])]), a, b).residuals_px[0])
        np.testing.assert_allclose(poses.jacobians[0, k], (both[0] - both[1]) / (2 * step), rtol=1e-4, atol=1e-3)
