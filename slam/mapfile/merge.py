"""Two maps in one: what they hold side by side, as sub-maps, with ids of its own for everything."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import slam
from slam.errors import MapError
from slam.mapfile.about import MapAbout
from slam.mapfile.contents import LoadedMap
from slam.mapfile.journal import empty_state
from slam.mapping.map import LANDMARK_COLUMNS, Map
from slam.types import Int64, Keyframe, Loop


def check_mergeable(path_a: Path, a: MapAbout, path_b: Path, b: MapAbout) -> None:
    """Raises MapError when keyframes of the two could not be matched with each other."""
    pairs = (
        ("features", a.features, b.features),
        ("weights of the extractor", a.weights_sha256, b.weights_sha256),
        ("modes", a.mode, b.mode),
        ("cameras", a.camera_text, b.camera_text),
    )
    for what, one, other in pairs:
        if one != other:
            raise MapError(f"maps {path_a} and {path_b}: have different {what} ({one}; {other}) and cannot be merged")


def joined(a: LoadedMap, b: LoadedMap) -> LoadedMap:
    """A new map with the sub-maps of both. What a holds keeps its ids; dead rows of b's landmarks are left out."""
    heirs = _landmark_heirs(b.world, a.world.num_landmarks)
    keyframe_offset = a.world.next_keyframe_id
    submap_offset = 1 + max((keyframe.submap_id for keyframe in a.world.keyframes.values()), default=-1)
    moved = [_moved_keyframe(k, keyframe_offset, submap_offset, heirs) for k in b.world.keyframes.values()]
    world = Map.restored(
        [*a.world.keyframes.values(), *moved],
        _columns(a.world, b.world, keyframe_offset),
        [*a.world.loops, *(_moved_loop(loop, keyframe_offset) for loop in b.world.loops)],
        keyframe_offset + b.world.next_keyframe_id,
    )
    places = dict(a.places)
    for number, place in enumerate(b.places.values(), max(a.places, default=-1) + 1):
        keyframe_id, run = place.keyframe_id + keyframe_offset, place.run + a.state.runs
        places[number] = replace(place, keyframe_id=keyframe_id, run=run)
    about = replace(a.about, map_id=secrets.token_hex(8), program=slam.__version__, made_ns=time.time_ns())
    return LoadedMap(about, empty_state(a.state.runs + b.state.runs), world, places)


def _landmark_heirs(world: Map, first: int) -> Int64:
    """(rows + 1,) new ids of a map's landmarks, from ``first`` on; -1 for the dead, and the last for id -1."""
    alive = world.alive[: world.num_landmarks]
    return np.append(np.where(alive, first + np.cumsum(alive) - 1, -1), -1)


def _columns(a: Map, b: Map, keyframe_offset: int) -> dict[str, np.ndarray]:
    rows = np.flatnonzero(b.alive[: b.num_landmarks])
    columns = {n: np.concatenate([getattr(a, n)[: a.num_landmarks], getattr(b, n)[rows]]) for n in LANDMARK_COLUMNS}
    columns["born"][a.num_landmarks :] += keyframe_offset
    return columns


def _moved_keyframe(keyframe: Keyframe, keyframe_offset: int, submap_offset: int, heirs: Int64) -> Keyframe:
    return replace(
        keyframe,
        keyframe_id=keyframe.keyframe_id + keyframe_offset,
        submap_id=keyframe.submap_id + submap_offset,
        landmark_ids=heirs[keyframe.landmark_ids],
    )


def _moved_loop(loop: Loop, offset: int) -> Loop:
    return replace(loop, keyframe_a=loop.keyframe_a + offset, keyframe_b=loop.keyframe_b + offset)
