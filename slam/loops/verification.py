"""Whether a keyframe shows the place of an older one: the matcher, a robust pose, and the same size of things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import LoopConfig
from slam.geometry import invert, similar
from slam.mapping.map import Map, points_in_camera
from slam.tracking.tracker import Tracker, TrackResult
from slam.types import Float64, Int64, Keyframe, Loop


@dataclass(frozen=True, slots=True, eq=False)
class FoundLoop:
    """A verified loop: keyframe ``b`` of it shows landmarks of the map around ``a``."""

    loop: Loop
    landmark_ids: Int64  # (N,) landmarks around a that the features of b show, -1 for none

    def T_older_newer(self, T_world_cam_a: Float64, T_world_cam_b: Float64) -> Float64:
        """(4, 4) from the world of b, its lengths multiplied by ``loop.scale_a_b``, to that of a.

        T_world_cam_a, T_world_cam_b: of the two keyframes, each in its own world.
        """
        return T_world_cam_a @ self.loop.T_a_b @ invert(similar(np.eye(4), self.loop.scale_a_b, T_world_cam_b))


def verified_loop(
    world: Map,
    tracker: Tracker,
    keyframe: Keyframe,
    candidates: Sequence[Keyframe],
    config: LoopConfig,
    with_scale: bool,
) -> FoundLoop | None:
    """The first candidate whose landmarks the keyframe shows from a pose that enough of them agree on.

    with_scale: lengths of the two may differ (mono); else they must be the same.
    """
    tries = tracker.track_from_keyframes(keyframe.observation, world, candidates)
    for candidate, result in zip(candidates, tries, strict=True):
        found = _found(world, keyframe, candidate, result, config, with_scale)
        if found is not None:
            return found
    return None


def _found(
    world: Map, keyframe: Keyframe, candidate: Keyframe, result: TrackResult, config: LoopConfig, with_scale: bool
) -> FoundLoop | None:
    if result.T_world_cam is None or result.inliers < config.min_inliers:
        return None
    scale, spread = _scale(world, keyframe, result)
    if not spread < config.max_scale_spread:  # NaN where too few points are seen in both
        return None
    if not with_scale:
        if abs(np.log(scale)) > config.max_scale_error:
            return None
        scale = 1.0
    T_a_b = invert(candidate.T_world_cam) @ result.T_world_cam
    loop = Loop(candidate.keyframe_id, keyframe.keyframe_id, T_a_b, scale, result.inliers)
    return FoundLoop(loop, result.landmark_ids)


def _scale(world: Map, keyframe: Keyframe, result: TrackResult) -> tuple[float, float]:
    """Depths of the older landmarks over depths of the keyframe's own, of features that see both; and their spread.

    The spread is the normalised median deviation of the logarithm over the root of the count; NaN below 10 features.
    """
    assert result.T_world_cam is not None
    both = (result.landmark_ids >= 0) & (keyframe.landmark_ids >= 0)
    old_z = points_in_camera(world, result.landmark_ids[both], result.T_world_cam)[:, 2]
    own_z = points_in_camera(world, keyframe.landmark_ids[both], keyframe.T_world_cam)[:, 2]
    ahead = (old_z > 0) & (own_z > 0)
    if ahead.sum() < 10:
        return np.nan, np.nan
    logs = np.log(old_z[ahead] / own_z[ahead])
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle))) / np.sqrt(len(logs))
    return float(np.exp(middle)), spread
