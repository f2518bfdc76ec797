"""How well the poses of a window are known: by GTSAM's own marginals, and by what errors many windows really have."""

from dataclasses import replace

import gtsam
import numpy as np
from gtsam.symbol_shorthand import X
from known_windows import PATH, window
from scipy.spatial.transform import Rotation

from slam.config import GraphConfig
from slam.evaluation.nees import bounds
from slam.geometry import adjoint, invert
from slam.graph.bundle import optimize
from slam.graph.covariance import conditional_covariances, joint_covariance, pose_information
from slam.graph.factors import factor_graph, start_values
from slam.graph.subset import held


def test_covariances_are_proper_and_smaller_where_more_is_known():
    problem = window()
    answer, blind = optimize(problem), optimize(window(depth=False))
    for covariance in answer.covariances:
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
        assert np.linalg.eigvalsh(covariance).min() > 0
    assert (
        np.trace(answer.covariances[2:], axis1=1, axis2=2) < np.trace(blind.covariances[2:], axis1=1, axis2=2)
    ).all()


def test_covariances_are_those_of_the_marginals_of_all_poses():
    problem = window(depth=False)
    graph, values = factor_graph(problem), start_values(problem)
    keys = gtsam.KeyVector([X(i) for i in range(6)])
    information = gtsam.Marginals(graph, values).jointMarginalInformation(keys)
    expected = np.stack([np.linalg.inv(information.at(X(i), X(i))) for i in range(6)])
    found, loose = conditional_covariances(problem, pose_information(problem, values).held)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert loose == 0


def seen_from(joint, T_world_cam, a, b):
    """Covariance of the pose of b seen from a, in the tangent of b."""
    blocks = joint.reshape(len(T_world_cam), 6, len(T_world_cam), 6)
    back = adjoint(invert(T_world_cam[b]) @ T_world_cam[a])
    both = np.block([[blocks[b, :, b], blocks[b, :, a]], [blocks[a, :, b], blocks[a, :, a]]])
    jacobian = np.hstack([np.eye(6), -back])
    return jacobian @ both @ jacobian.T


def test_the_joint_covariance_holds_nothing_but_what_the_pictures_say():
    problem = window()  # two keyframes stand at the edge, held tightly
    values = start_values(problem)
    joint = joint_covariance(problem, pose_information(problem, values).free)
    loose = held(problem, problem.is_edge, np.eye(6))  # the same window, its edge hardly held
    graph = factor_graph(loose)
    keys = gtsam.KeyVector([X(i) for i in range(6)])
    expected = gtsam.Marginals(graph, values).jointMarginalCovariance(keys).fullMatrix()
    found, known = (seen_from(c, problem.T_world_cam, 2, 5) for c in (joint, expected))
    np.testing.assert_allclose(found, known, rtol=0.02, atol=0.02 * np.abs(known).max())
    assert np.trace(joint[:6, :6]) > 100 * np.trace(found)  # a pose alone is not known, its edge is not held


def test_poses_seen_from_each_other_are_as_far_off_as_their_covariance_says():
    errors, count, noise = [], 30, 0.5
    config = GraphConfig(sigma_px=noise, sigma_disparity_px=noise, iterations=30)
    for seed in range(count):
        problem = replace(window(noise, edge=1, pose_noise=0.0, point_noise_m=0.01, seed=100 * seed), config=config)
        answer = optimize(problem)
        T = answer.T_world_cam
        covariance = seen_from(answer.joint_covariance, T, 1, 5)
        off = invert(invert(PATH[1]) @ PATH[5]) @ invert(T[1]) @ T[5]
        error = np.concatenate([Rotation.from_matrix(off[:3, :3]).as_rotvec(), off[:3, 3]])
        errors.append(error @ np.linalg.solve(covariance, error))
    low, high = bounds(count, 0.99)
    assert low < np.mean(errors) < high


def test_a_window_without_depth_knows_its_lengths_by_the_scale_of_its_edge():
    answer = optimize(window(depth=False))
    T = answer.T_world_cam
    along = (T[1, :3, 3] - T[0, :3, 3]) / np.linalg.norm(T[1, :3, 3] - T[0, :3, 3]) @ T[1, :3, :3]
    covariance = seen_from(answer.joint_covariance, T, 0, 1)[3:, 3:]
    assert np.sqrt(along @ covariance @ along) < 2e-3 * np.linalg.norm(T[1, :3, 3] - T[0, :3, 3])
