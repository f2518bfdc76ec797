"""Which of the loops between two sub-maps say the same of how the one lies in the world of the other.

One verified loop may be false (a poster that hangs in two rooms), and would weld two maps for ever. So two that were
found at different keyframes must agree, and no more of them may say something else; and as two that show the same few
landmarks are one witness, the landmarks must be as many as two loops with nothing in common show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import LoopConfig
from slam.geometry import apply, rotation_angle_rad
from slam.loops.path import median_depth
from slam.loops.verification import FoundLoop
from slam.mapping.map import Map
from slam.types import Float64, Keyframe

LEAST = 2  # loops, from different keyframes, that must agree
AGREEING_SIGMAS = 4.0  # a vector of three errors is longer in one case of a thousand (chi with three freedoms)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What one loop says."""

    T_older_newer: Float64  # (4, 4), after lengths of the newer world were multiplied by
    scale: float
    center_newer: Float64  # (3,) of the newer keyframe's camera
    along: Float64  # (2, 2) of the older and the newer keyframe: steps from its sub-map's first, and length walked


def agreeing(world: Map, loops: Sequence[FoundLoop], config: LoopConfig, with_scale: bool) -> list[FoundLoop]:
    """The largest set that agrees with one of them, that one first; empty unless it is enough, and a majority.

    loops: of different newer keyframes of one sub-map with older ones of another.
    """
    if len(loops) < LEAST:
        return []
    older, newer = (
        world.submap(world.keyframes[k].submap_id) for k in (loops[0].loop.keyframe_a, loops[0].loop.keyframe_b)
    )
    depth = median_depth(world, older)
    along = _along(older) | _along(newer)
    sights = [_sight(world, found, along) for found in loops]
    agree = np.array([[_agree(i, j, depth, config, with_scale) for j in sights] for i in sights])
    inliers = [found.loop.inliers for found in loops]
    best = max(range(len(loops)), key=lambda i: (agree[i].sum(), inliers[i], -i))
    chosen = [loops[best], *(loops[j] for j in np.flatnonzero(agree[best]).tolist() if j != best)]
    return chosen if 2 * len(chosen) > len(loops) and is_enough(chosen, config) else []


def is_enough(loops: Sequence[FoundLoop], config: LoopConfig) -> bool:
    """Whether loops that agree may join two maps."""
    shown = np.unique(np.concatenate([found.landmark_ids for found in loops])) if loops else np.zeros(0)
    return len(loops) >= LEAST and int((shown >= 0).sum()) >= LEAST * config.min_inliers


def _sight(world: Map, found: FoundLoop, along: dict[int, Float64]) -> Sight:
    a, b = (world.keyframes[k] for k in (found.loop.keyframe_a, found.loop.keyframe_b))
    T_older_newer = found.T_older_newer(a.T_world_cam, b.T_world_cam)
    ends = np.stack([along[a.keyframe_id], along[b.keyframe_id]])
    return Sight(T_older_newer, found.loop.scale_a_b, b.T_world_cam[:3, 3], ends)


def _agree(one: Sight, other: Sight, depth: float, config: LoopConfig, with_scale: bool) -> bool:
    """Whether the two differ by what their errors and the drift of both paths between them explain.

    The errors are those that the pose graph counts with. A turned world misplaces what is far away: hence the lever.
    """
    (steps_older, moved_older), (steps_newer, moved_newer) = np.abs(one.along - other.along)
    steps, moved = steps_older + steps_newer, moved_older + one.scale * moved_newer
    lever = one.scale * float(np.linalg.norm(one.center_newer - other.center_newer))
    turn = config.turn_sigma_rad * np.sqrt(2 * config.loop_sigma**2 + steps)
    size = np.sqrt(2 * config.max_scale_spread**2 + config.scale_sigma**2 * steps) if with_scale else 0.0
    of_depth = np.sqrt(2) * config.loop_sigma + 0.1 * np.sqrt(steps)
    length = config.path_sigma * (of_depth * depth + moved) + (turn + size) * lever
    turned = rotation_angle_rad(one.T_older_newer[:3, :3].T @ other.T_older_newer[:3, :3])
    apart = max(
        float(np.linalg.norm(_placed(one, center) - _placed(other, center)))
        for center in (one.center_newer, other.center_newer)
    )
    scaled = abs(np.log(one.scale / other.scale))
    errors = np.array([turned / turn, apart / length, scaled / size if with_scale else 0.0])
    return bool((errors <= AGREEING_SIGMAS).all())


def _placed(sight: Sight, center_newer: Float64) -> Float64:
    return apply(sight.T_older_newer, sight.scale * center_newer)


def _along(keyframes: Sequence[Keyframe]) -> dict[int, Float64]:
    """Keyframe id -> (2,) steps from the first one, and the length of the path that they walk."""
    centers = np.array([keyframe.T_world_cam[:3, 3] for keyframe in keyframes])
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centers, axis=0), axis=1))])
    return {k.keyframe_id: np.array([i, walked[i]]) for i, k in enumerate(keyframes)}
