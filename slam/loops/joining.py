"""Two sub-maps become one: how one lies in the world of the other, asked of the pose graph before anything moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slam.config import LoopConfig
from slam.geometry import invert, similar
from slam.graph.pose_graph import PoseGraphProblem
from slam.loops.path import loop_sigmas, median_depth, pose_graph_problem
from slam.loops.verification import FoundLoop
from slam.mapping.map import Map
from slam.types import Float64, Loop


@dataclass(frozen=True, slots=True, eq=False)
class Junction:
    """Where a sub-map lies in the world of another: ``p_kept = scale * R_kept_moved @ p_moved + t_kept_moved``."""

    kept_id: int  # of the sub-map whose world stays
    moved_id: int
    T_kept_moved: Float64  # (4, 4)
    scale: float

    def factors(self, world: Map) -> dict[int, float]:
        """Keyframe id -> what its lengths are multiplied by."""
        kept = dict.fromkeys((k.keyframe_id for k in world.submap(self.kept_id)), 1.0)
        return kept | dict.fromkeys((k.keyframe_id for k in world.submap(self.moved_id)), self.scale)


def junction_of(world: Map, found: FoundLoop, scale_a_b: float) -> Junction:
    """What one loop says, its scale replaced. The sub-map of the smaller number stays, as it does in a run."""
    a, b = (world.keyframes[k] for k in (found.loop.keyframe_a, found.loop.keyframe_b))
    said = replace(found, loop=replace(found.loop, scale_a_b=scale_a_b))
    T_older_newer = said.T_older_newer(a.T_world_cam, b.T_world_cam)
    if a.submap_id < b.submap_id:
        return Junction(a.submap_id, b.submap_id, T_older_newer, scale_a_b)
    T_newer_older = invert(T_older_newer)
    T_newer_older[:3, 3] /= scale_a_b
    return Junction(b.submap_id, a.submap_id, T_newer_older, 1.0 / scale_a_b)


def joined_problem(
    world: Map, junction: Junction, loops: Sequence[Loop], config: LoopConfig, with_scale: bool
) -> PoseGraphProblem:
    """Both sub-maps as the junction lays them, held together by ``loops`` alone: no path leads from one to the other.

    The answer's last ``believed`` are those of ``loops``.
    """
    kept = _problem_of(world, junction.kept_id, config, with_scale)
    moved = _problem_of(world, junction.moved_id, config, with_scale)
    ids = np.concatenate([kept.keyframe_ids, moved.keyframe_ids])
    order = {keyframe_id: i for i, keyframe_id in enumerate(ids.tolist())}
    factors = junction.factors(world)
    between = [scaled_loop(loop, factors) for loop in loops]
    length = [1.0, junction.scale, 1.0]
    depth = median_depth(world, world.submap(junction.kept_id))
    return PoseGraphProblem(
        ids,
        np.concatenate([kept.T_world_cam, similar(junction.T_kept_moved, junction.scale, moved.T_world_cam)]),
        np.concatenate([kept.a, moved.a + len(kept.keyframe_ids), [order[loop.keyframe_a] for loop in between]]),
        np.concatenate([kept.b, moved.b + len(kept.keyframe_ids), [order[loop.keyframe_b] for loop in between]]),
        np.concatenate([kept.T_a_b, similar(np.eye(4), junction.scale, moved.T_a_b), [t.T_a_b for t in between]]),
        np.concatenate([kept.scale_a_b, moved.scale_a_b, [loop.scale_a_b for loop in between]]),
        np.concatenate([kept.sigmas, moved.sigmas * length, loop_sigmas(between, depth, config)]),
        np.concatenate([kept.is_loop, moved.is_loop, np.ones(len(between), bool)]),
        with_scale,
    )


def carry(world: Map, keyframe_ids: list[int], T_new_old: Float64, scale: float) -> None:
    """Bring keyframes, with the landmarks they saw first, into another world."""
    rows = np.flatnonzero(world.alive[: world.num_landmarks])
    world.move(keyframe_ids, rows[np.isin(world.observers.first(rows), keyframe_ids)], T_new_old, scale)


def scaled_loop(loop: Loop, factors: Mapping[int, float]) -> Loop:
    """The loop after lengths around keyframes (id -> factor) were multiplied."""
    at_a, at_b = factors.get(loop.keyframe_a, 1.0), factors.get(loop.keyframe_b, 1.0)
    return replace(loop, T_a_b=similar(np.eye(4), at_a, loop.T_a_b), scale_a_b=loop.scale_a_b * at_a / at_b)


def _problem_of(world: Map, submap_id: int, config: LoopConfig, with_scale: bool) -> PoseGraphProblem:
    loops = [loop for loop in world.loops if world.keyframes[loop.keyframe_a].submap_id == submap_id]
    return pose_graph_problem(world, submap_id, loops, config, with_scale)
