"""Whether two maps hold the same, to the bit; and whether one is a part of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from slam.mapfile.contents import LoadedMap
from slam.mapfile.payload import LOOKS, PLACES
from slam.mapping.map import LANDMARK_COLUMNS, Map
from slam.tracking.placed import Place
from slam.types import Keyframe, Loop


def same_arrays(a: Any, b: Any) -> bool:
    """Equal to the bit, and of the same type; None is None."""
    if a is None or b is None:
        return a is b
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def same_keyframe(a: Keyframe, b: Keyframe) -> bool:
    one, other = a.observation, b.observation
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("xy_raw", "depth_m", "right_x")]
    pairs += [(getattr(one.features, n), getattr(other.features, n)) for n in ("xy", "scores", "descriptors")]
    pairs += [(getattr(a, n), getattr(b, n)) for n in ("T_world_cam", "landmark_ids", "velocity_world", "bias")]
    if a.imu is None or b.imu is None:
        pairs.append((a.imu, b.imu))
    else:
        pairs += [(getattr(a.imu, n), getattr(b.imu, n)) for n in ("stamps_ns", "gyro_rad_s", "accel_m_s2")]
    plain = [
        (k.keyframe_id, k.frame_index, k.submap_id, k.observation.stamp_ns, k.observation.features.image_size)
        for k in (a, b)
    ]
    return plain[0] == plain[1] and all(same_arrays(x, y) for x, y in pairs)


def same_map(a: Map, b: Map) -> bool:
    """Whether two maps hold the same: keyframes, living landmarks, loops and what comes next."""
    alive = np.flatnonzero(a.alive[: a.num_landmarks])
    if a.num_landmarks != b.num_landmarks or not np.array_equal(alive, np.flatnonzero(b.alive[: b.num_landmarks])):
        return False
    return (
        list(a.keyframes) == list(b.keyframes)
        and all(same_keyframe(k, b.keyframes[i]) for i, k in a.keyframes.items())
        and all(same_arrays(getattr(a, name)[alive], getattr(b, name)[alive]) for name in LANDMARK_COLUMNS)
        and np.array_equal(a.observations[alive], b.observations[alive])
        and a.next_keyframe_id == b.next_keyframe_id
        and len(a.loops) == len(b.loops)
        and all(same_loop(x, y) for x, y in zip(a.loops, b.loops))
    )


def same_loop(a: Loop, b: Loop) -> bool:
    plain = [(loop.keyframe_a, loop.keyframe_b, loop.scale_a_b, loop.inliers) for loop in (a, b)]
    return plain[0] == plain[1] and same_arrays(a.T_a_b, b.T_a_b)


def same_places(a: Mapping[int, Place], b: Mapping[int, Place]) -> bool:
    """Whether frames by number are where they were; which run they belong to is left out."""
    return a.keys() == b.keys() and all(
        (a[n].stamp_ns, a[n].keyframe_id) == (b[n].stamp_ns, b[n].keyframe_id)
        and same_arrays(a[n].T_keyframe_cam, b[n].T_keyframe_cam)
        for n in a
    )


def same_file(a: LoadedMap, b: LoadedMap) -> bool:
    """Whether two files say the same of everything."""
    same = same_map(a.world, b.world) and same_places(a.places, b.places)
    return same and (a.about, a.state) == (b.about, b.state)


def is_part_of(part: LoadedMap, whole: LoadedMap) -> bool:
    """Whether everything in a map is in another one, and the same there; what a keyframe saw may be lost."""
    a, b = part.world, whole.world
    alive = np.flatnonzero(a.alive[: a.num_landmarks])
    return (
        a.keyframes.keys() <= b.keyframes.keys()
        and all(_is_keyframe_of(k, b.keyframes[i]) for i, k in a.keyframes.items())
        and bool(b.alive[alive].all())
        and all(same_arrays(getattr(a, n)[alive], getattr(b, n)[alive]) for n, _, _ in (*PLACES, *LOOKS))
        and all(any(same_loop(x, y) for y in b.loops) for x in a.loops)
        and part.places.keys() <= whole.places.keys()
        and same_places(part.places, {n: whole.places[n] for n in part.places})
    )


def _is_keyframe_of(part: Keyframe, whole: Keyframe) -> bool:
    lost = part.landmark_ids < 0
    return same_keyframe(part, replace(whole, landmark_ids=np.where(lost, -1, whole.landmark_ids)))
