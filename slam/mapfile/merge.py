"""Maps with other ids than in their files: two side by side in one, and one without the rows of dead landmarks."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """A new map with the sub-maps of both. What a holds keeps its ids; rows of b's dead landmarks are left out."""
    heirs = _heirs(b.world, a.world.num_landmarks)
    keyframe_offset = a.world.next_keyframe_id
    submap_offset = 1 + max((keyframe.submap_id for keyframe in a.world.keyframes.values()), default=-1)
    columns, more = _columns(a.world, np.arange(a.world.num_landmarks)), _columns(b.world, _alive(b.world))
    more["born"] += keyframe_offset
    world = Map.restored(
        [*a.world.keyframes.values(), *_moved(b.world, keyframe_offset, submap_offset, heirs)],
        {name: np.concatenate([column, more[name]]) for name, column in columns.items()},
        [*a.world.loops, *(_moved_loop(loop, keyframe_offset) for loop in b.world.loops)],
        keyframe_offset + b.world.next_keyframe_id,
    )
    places = dict(a.places)
    for number, place in enumerate(b.places.values(), max(a.places, default=-1) + 1):
        keyframe_id, run = place.keyframe_id + keyframe_offset, place.run + a.state.runs
        places[number] = replace(place, keyframe_id=keyframe_id, run=run)
    about = replace(a.about, map_id=secrets.token_hex(8), program=slam.__version__, made_ns=time.time_ns())
    return LoadedMap(about, empty_state(a.state.runs + b.state.runs), world, places)


def compacted(loaded: LoadedMap) -> LoadedMap:
    """The map with the living landmarks only, where most rows are of dead ones; all of them count as changed."""
    world = loaded.world
    if 2 * world.num_alive >= world.num_landmarks:
        return loaded
    keyframes, columns = _moved(world, 0, 0, _heirs(world, 0)), _columns(world, _alive(world))
    compact = Map.restored(keyframes, columns, world.loops, world.next_keyframe_id)
    compact.changed[: compact.num_landmarks] = True
    return replace(loaded, world=compact)


def _alive(world: Map) -> Int64:
    return np.flatnonzero(world.alive[: world.num_landmarks])


def _heirs(world: Map, first: int) -> Int64:
    """(rows + 1,) new ids of a map's landmarks, from ``first`` on; -1 for the dead, and the last for id -1."""
    heirs = np.full(world.num_landmarks + 1, -1)
    heirs[_alive(world)] = first + np.arange(world.num_alive)
    return heirs


def _columns(world: Map, rows: Int64) -> dict[str, NDArray[Any]]:
    return {name: getattr(world, name)[rows] for name in LANDMARK_COLUMNS}


def _moved(world: Map, keyframe_offset: int, submap_offset: int, heirs: Int64) -> list[Keyframe]:
    return [
        replace(
            keyframe,
            keyframe_id=keyframe.keyframe_id + keyframe_offset,
            submap_id=keyframe.submap_id + submap_offset,
            landmark_ids=heirs[keyframe.landmark_ids],
        )
        for keyframe in world.keyframes.values()
    ]


def _moved_loop(loop: Loop, offset: int) -> Loop:
    return replace(loop, keyframe_a=loop.keyframe_a + offset, keyframe_b=loop.keyframe_b + offset)
