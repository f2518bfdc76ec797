"""Six keyframes on a walk through a synthetic room: windows with a known answer."""

from dataclasses import replace

import numpy as np
from synthetic_world import CAMERA, RIG, make_world, walk

from slam.config import GraphConfig
from slam.geometry import exp_se3
from slam.graph.clean import is_covariance
from slam.graph.window import WindowProblem
from slam.mapping.map import Map

ROOM = make_world(500)
PATH = walk(6, length_m=1.5)
CONFIG = GraphConfig()


def window(noise_px=0.5, depth=True, edge=2, pose_noise=0.01, point_noise_m=0.03, seed=0):
    """Six keyframes, the first ``edge`` of them known; poses and points of the others are off."""
    rng = np.random.default_rng(seed)
    seen = [ROOM.observe(T, seed + i, noise_px, noise_px, depth) for i, T in enumerate(PATH)]
    rows = np.concatenate([rows for _, rows in seen])
    landmark_ids = np.flatnonzero(np.bincount(rows) >= 2)
    kept = np.isin(rows, landmark_ids)
    off = np.stack([exp_se3(rng.normal(0, pose_noise if i >= edge else 0.0, 6)) for i in range(6)])
    return WindowProblem(
        (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy),
        RIG.baseline_m,
        np.arange(10, 16),
        PATH @ off,
        np.arange(6) < edge,
        np.tile(np.eye(6) * 1e-8, (6, 1, 1)),
        landmark_ids,
        ROOM.points_world[landmark_ids] + rng.normal(0, point_noise_m, (len(landmark_ids), 3)),
        np.repeat(np.arange(6), [len(observation) for observation, _ in seen])[kept],
        np.searchsorted(landmark_ids, rows[kept]),
        np.concatenate([observation.features.xy for observation, _ in seen])[kept].astype(float),
        np.concatenate([observation.right_x for observation, _ in seen])[kept].astype(float),
        None,
        CONFIG,
    )


def pose_error_m(T_world_cam):
    return np.linalg.norm(T_world_cam[:, :3, 3] - PATH[:, :3, 3], axis=1)


def rms(errors):
    return np.sqrt(np.mean(np.square(errors)))


def point_error_m(problem, points_world):
    return np.linalg.norm(points_world - ROOM.points_world[problem.landmark_ids], axis=1)


def mapped(count=6, depth=True):
    """A map of keyframes along the path that see what they see, at the truth."""
    world, known = Map(64), np.full(len(ROOM.points_world), -1)
    for step, T_world_cam in enumerate(PATH[:count]):
        observation, rows = ROOM.observe(T_world_cam, seed=step, depth=depth)
        world.add_keyframe(step, observation, T_world_cam, known[rows])
        new = np.flatnonzero(known[rows] < 0)
        colors = np.zeros((len(new), 3), np.uint8)
        known[rows[new]] = world.add_landmarks(step, ROOM.points_world[rows[new]], new, colors)
    return world


def with_rows(problem, name, rows, value):
    """The problem with other values in some rows of one of its arrays."""
    array = getattr(problem, name).copy()
    array[rows] = value
    return replace(problem, **{name: array})


def is_finite(answer):
    arrays = (answer.T_world_cam, answer.points_world, answer.covariances)
    return all(np.isfinite(array).all() for array in arrays) and all(map(is_covariance, answer.covariances))
