"""What is known between the keyframes of a sub-map, as a pose graph: the path, shared landmarks, and loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slam.config import LoopConfig
from slam.geometry import invert
from slam.graph.pose_graph import PoseGraphProblem
from slam.mapping.map import Map
from slam.types import Float64, Keyframe, Loop

Edge = tuple[int, int, float]  # ids of two keyframes, and how many steps of the path lie between them


def pose_graph_problem(
    world: Map, submap_id: int, loops: Sequence[Loop], config: LoopConfig, with_scale: bool
) -> PoseGraphProblem:
    """The sub-map's path as it is, and loops (all between its keyframes) as they were measured."""
    keyframes = world.submap(submap_id)
    ids = np.array([k.keyframe_id for k in keyframes], np.int64)
    poses = np.stack([k.T_world_cam for k in keyframes])
    edges = _edges(world, keyframes, config)
    a = np.array([*(a for a, _, _ in edges), *(loop.keyframe_a for loop in loops)], np.int64)
    b = np.array([*(b for _, b, _ in edges), *(loop.keyframe_b for loop in loops)], np.int64)
    a, b = np.searchsorted(ids, a), np.searchsorted(ids, b)
    along = invert(poses[a[: len(edges)]]) @ poses[b[: len(edges)]]
    depth = median_depth(world, keyframes)
    measured = np.array([loop.T_a_b for loop in loops]).reshape(-1, 4, 4)
    return PoseGraphProblem(
        ids,
        poses,
        a,
        b,
        np.concatenate([along, measured]),
        np.array([*np.ones(len(edges)), *(loop.scale_a_b for loop in loops)]),
        np.concatenate([_path_sigmas(edges, along, depth, config), loop_sigmas(loops, depth, config)]),
        np.arange(len(a)) >= len(edges),
        with_scale,
    )


def _edges(world: Map, keyframes: Sequence[Keyframe], config: LoopConfig) -> list[Edge]:
    """Each keyframe with the one before it, and with the earlier ones that it shares the most landmarks with."""
    order = {keyframe.keyframe_id: i for i, keyframe in enumerate(keyframes)}
    edges: list[Edge] = []
    for i, keyframe in enumerate(keyframes[1:], start=1):
        shared = world.covisible(keyframe.landmark_ids)
        earlier = [k for k, count in shared if order.get(k, i) < i and count >= config.min_shared]
        partners = sorted({keyframes[i - 1].keyframe_id, *earlier[: config.path_neighbours]})
        edges += [(k, keyframe.keyframe_id, float((i - order[k]) * len(partners))) for k in partners]
    return edges


def _path_sigmas(edges: Sequence[Edge], T_a_b: Float64, depth: float, config: LoopConfig) -> Float64:
    """(E, 3): errors add up along the path; edges beside each other share what is known."""
    root = np.sqrt(np.maximum([steps for _, _, steps in edges], 1.0)) if edges else np.zeros(0)
    moved = np.linalg.norm(T_a_b[:, :3, 3], axis=1)
    translation = config.path_sigma * moved + 0.1 * config.path_sigma * depth * root
    return np.column_stack([config.turn_sigma_rad * root, translation, config.scale_sigma * root])


def loop_sigmas(loops: Sequence[Loop], depth: float, config: LoopConfig) -> Float64:
    """(E, 3) of the measurements of loops: rotation (rad), translation, logarithm of the scale."""
    row = np.multiply(config.loop_sigma, [config.turn_sigma_rad, config.path_sigma * depth, config.scale_sigma])
    return np.tile(row, (len(loops), 1)).reshape(-1, 3)


def median_depth(world: Map, keyframes: Sequence[Keyframe]) -> float:
    """Typical distance between a keyframe and what it sees, in lengths of the map."""
    depths = []
    for keyframe in keyframes:
        ids = keyframe.landmark_ids[keyframe.landmark_ids >= 0]
        if len(ids):
            depths.append(np.median(np.linalg.norm(world.points_world[ids] - keyframe.T_world_cam[:3, 3], axis=1)))
    return float(np.median(depths)) if depths else 1.0
