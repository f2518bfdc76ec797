"""Loops pull a drifted path back, and false ones do not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from slam.geometry import exp_se3, invert, similar
from slam.graph.pose_graph import PoseGraphProblem, optimize_poses

STEPS, LAP = 90, 30  # three times round a ring
STEP = exp_se3(np.array([0.0, 2 * np.pi / LAP, 0.0, 0.0, 0.0, 0.3]))
SIGMAS = (2e-3, 5e-3, 5e-3)  # rad, m, of the logarithm of the scale
START = exp_se3(np.array([0.3, -0.2, 0.1, 1.0, -2.0, 0.5]))


def path():
    """T_world_cam (STEPS, 4, 4), exact, away from identity."""
    poses = [START]
    while len(poses) < STEPS:
        poses.append(poses[-1] @ STEP)
    return np.stack(poses)


def drifted(true, with_scale, seed=0):
    """The path as integrated from noisy steps, and the scale of its lengths, which shrink on the way with scale."""
    rng, poses, scale = np.random.default_rng(seed), [true[0]], [1.0]
    for before, after in pairwise(true):
        T = invert(before) @ after @ exp_se3(rng.normal(0, 1, 6) * np.repeat(SIGMAS[:2], 3))
        T[:3, 3] *= scale[-1]
        poses.append(poses[-1] @ T)
        scale.append(scale[-1] * (np.exp(rng.normal(-0.004, SIGMAS[2])) if with_scale else 1.0))
    return np.stack(poses), np.array(scale)


def problem(loops, with_scale=False, false=(), seed=0):
    """A drifted path, its own steps as measurements, and loops between the given pairs, true or false."""
    true = path()
    poses, scale = drifted(true, with_scale, seed)
    a, b = np.arange(STEPS - 1), np.arange(1, STEPS)
    steps = invert(poses[a]) @ poses[b]
    sigmas = np.tile([SIGMAS[0], SIGMAS[1], 2 * SIGMAS[2]], (STEPS - 1, 1))
    pairs = [*loops, *false]
    measured = [_loop(true, i, j, scale) for i, j in loops] + [_wrong(i) for i, _ in false]
    ratios = [scale[i] / scale[j] for i, j in loops] + [1.0] * len(false)
    return (
        PoseGraphProblem(
            np.arange(100, 100 + STEPS),
            poses,
            np.concatenate([a, np.array([i for i, _ in pairs], np.int64)]),
            np.concatenate([b, np.array([j for _, j in pairs], np.int64)]),
            np.concatenate([steps, np.array(measured).reshape(-1, 4, 4)]),
            np.concatenate([np.ones(STEPS - 1), np.array(ratios)]),
            np.concatenate([sigmas, np.tile([4e-3, 1e-2, 1e-2], (len(pairs), 1))]),
            np.arange(STEPS - 1 + len(pairs)) >= STEPS - 1,
            with_scale,
        ),
        true,
    )


def _loop(true, i, j, scale):
    T = invert(true[i]) @ true[j]
    T[:3, 3] *= scale[i]
    return T


def _wrong(seed):
    return exp_se3(np.random.default_rng(seed).normal(0, 0.5, 6))


def error_m(poses, true):
    return float(np.sqrt(np.mean(np.sum((poses[:, :3, 3] - true[:, :3, 3]) ** 2, 1))))


@pytest.mark.parametrize("with_scale", [False, True])
def test_without_loops_everything_stays(with_scale):
    posed, _ = problem([], with_scale)
    found = optimize_poses(posed)
    np.testing.assert_allclose(found.T_world_cam, posed.T_world_cam, atol=1e-6)
    np.testing.assert_allclose(found.scale, 1.0, atol=1e-6)
    assert found.failure == "" and len(found.believed) == 0


@pytest.mark.parametrize("seed", range(4))
def test_loops_take_most_of_the_drift_away(seed):
    posed, true = problem([(0, LAP), (2, LAP + 3), (LAP + 5, 2 * LAP + 5)], seed=seed)
    found = optimize_poses(posed)
    assert found.believed.all()
    assert error_m(found.T_world_cam, true) < 0.6 * error_m(posed.T_world_cam, true)
    np.testing.assert_array_equal(found.keyframe_ids, posed.keyframe_ids)


def test_a_loop_tells_how_much_lengths_have_shrunk():
    posed, true = problem([(0, LAP), (1, 2 * LAP), (3, 2 * LAP + 5)], with_scale=True)
    found = optimize_poses(posed)
    _, shrunk = drifted(true, True)
    assert found.believed.all() and shrunk[2 * LAP] < 0.85
    assert abs(found.scale[2 * LAP] * shrunk[2 * LAP] - 1) < 0.02
    assert error_m(found.T_world_cam, true) < 0.3 * error_m(posed.T_world_cam, true)


@pytest.mark.parametrize("with_scale", [False, True])
def test_false_loops_are_found_and_change_nothing(with_scale):
    loops, false = [(0, LAP), (4, LAP + 4), (LAP, 2 * LAP)], [(3, 20), (10, 77)]
    alone, _ = problem(loops, with_scale)
    posed, _ = problem(loops, with_scale, false)
    found = optimize_poses(posed)
    assert found.believed.tolist() == [True] * 3 + [False] * 2
    np.testing.assert_allclose(found.T_world_cam, optimize_poses(alone).T_world_cam, atol=1e-3)  # m


def test_the_first_keyframe_stays():
    posed, _ = problem([(0, LAP)])
    np.testing.assert_allclose(optimize_poses(posed).T_world_cam[0], START, atol=1e-6)


def test_scaling_a_keyframe_about_itself_keeps_what_it_sees():
    """What ``PoseCorrection.scale`` means: a point seen from a keyframe moves to T_new (scale * point_cam)."""
    T_old, T_new, scale = path()[3], path()[7], 1.3
    point_cam = np.array([0.2, -0.1, 2.0, 1.0])
    T_new_old = T_new @ invert(similar(np.eye(4), scale, T_old))
    moved = similar(T_new_old, scale, T_old)
    np.testing.assert_allclose(moved, T_new, atol=1e-12)
    point_new = T_new_old @ np.append(scale * (T_old @ point_cam)[:3], 1.0)
    np.testing.assert_allclose((invert(T_new) @ point_new)[:3], scale * point_cam[:3], atol=1e-12)


def test_a_part_that_nothing_holds_stays_where_it_was():
    posed, _ = problem([(0, LAP)])
    kept = posed.b != 50  # nothing leads to the rest of the path
    cut = {name: getattr(posed, name)[kept] for name in ("a", "b", "T_a_b", "scale_a_b", "sigmas", "is_loop")}
    found = optimize_poses(replace(posed, **cut))
    np.testing.assert_allclose(found.T_world_cam[50:], posed.T_world_cam[50:], atol=1e-9)
    assert found.believed.all() and found.failure == ""


def test_a_measurement_that_is_no_number_is_a_failure_with_a_reason():
    posed, _ = problem([(0, LAP)])
    posed.T_a_b[17, 0, 3] = np.nan
    found = optimize_poses(posed)
    assert found.failure and not found.believed.any()
    np.testing.assert_array_equal(found.T_world_cam, posed.T_world_cam)
