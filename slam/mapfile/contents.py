"""What was read from a map file, before it is a map again: decoded, checked against itself, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from slam.mapfile import payload
from slam.mapfile.about import MapAbout, MapState, decoded_about, decoded_state
from slam.mapfile.payload import BLOCK, LOOKS, PLACES, Columns, View
from slam.mapfile.row import Kind, Row
from slam.mapping.map import Map
from slam.tracking.placed import Place, PlacedFrames
from slam.types import Int64, Keyframe, Loop

Decoded = TypeVar("Decoded")


class Unreadable(Exception):
    """A row, whole by its digest, that says nothing this program understands."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedMap:
    """A map as its file holds it."""

    about: MapAbout
    state: MapState
    world: Map
    places: dict[int, Place]  # number -> where a tracked frame was, in all runs

    def placed(self) -> PlacedFrames:
        """The frames, ready for one more run."""
        return PlacedFrames(self.places, self.state.runs)


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Decoded rows."""

    about: MapAbout
    state: MapState | None
    keyframes: dict[int, Keyframe]
    landmark_ids: Int64  # (L,) alive
    columns: Columns  # (L, ...) each
    loops: dict[int, Loop]
    places: dict[int, Place]
    halves: tuple[str, ...]  # what lacks its other half, and so was left out


def decoded(rows: Iterable[Row]) -> Contents | None:
    """The contents of rows of one map, no two of the same kind and id; None if nothing says what map it is.

    Raises Unreadable.
    """
    of: dict[Kind, dict[int, bytes]] = {kind: {} for kind in Kind}
    for row in rows:
        of[row.kind][row.row_id] = row.payload
    views = _each(of[Kind.VIEWS], "view", lambda _, data: payload.unpacked_view(data))
    about = _about(of[Kind.ABOUT], views)
    if about is None:
        return None
    states = _each(of[Kind.STATE], "state", lambda _, data: decoded_state(data))
    placed = {i: data for i, data in of[Kind.KEYFRAMES].items() if i in views}
    landmark_ids, columns, halves = _landmarks(of[Kind.LANDMARKS], of[Kind.DESCRIPTORS], about.descriptor_dim)
    return Contents(
        about,
        states.get(0),
        _each(placed, "keyframe", lambda i, data: payload.unpacked_keyframe(data, i, views[i])),
        landmark_ids,
        columns,
        _each(of[Kind.LOOPS], "loop", lambda _, data: payload.unpacked_loop(data)),
        _each(of[Kind.FRAMES], "frame", lambda _, data: payload.unpacked_frame(data)),
        (*(f"keyframe {i}" for i in sorted(of[Kind.KEYFRAMES].keys() ^ views.keys())), *halves),
    )


def without_dangling(contents: Contents) -> tuple[Contents, list[str]]:
    """The same without what refers to something missing, and words for all that is missing."""
    complaints = [f"{half} is there by half" for half in contents.halves]
    seen = [keyframe.landmark_ids.max(initial=-1) for keyframe in contents.keyframes.values()]
    is_lost_id = np.ones(max(int(contents.landmark_ids.max(initial=-1)), *seen, -1) + 2, bool)
    is_lost_id[np.append(contents.landmark_ids, -1)] = False  # the last answers for id -1
    keyframes = {}
    for keyframe_id, keyframe in contents.keyframes.items():
        is_lost = is_lost_id[keyframe.landmark_ids]
        if is_lost.any():
            complaints.append(f"keyframe {keyframe_id} sees landmarks that are missing")
            keyframe = replace(keyframe, landmark_ids=np.where(is_lost, -1, keyframe.landmark_ids))
        keyframes[keyframe_id] = keyframe
    loops = {i: loop for i, loop in contents.loops.items() if {loop.keyframe_a, loop.keyframe_b} <= keyframes.keys()}
    places = {i: place for i, place in contents.places.items() if place.keyframe_id in keyframes}
    complaints += [f"loop {i} joins keyframes that are missing" for i in contents.loops.keys() - loops.keys()]
    complaints += [f"frame {i} hangs on a keyframe that is missing" for i in contents.places.keys() - places.keys()]
    return replace(contents, keyframes=keyframes, loops=loops, places=places, halves=()), complaints


def without_unseen(contents: Contents) -> Contents:
    """The same without landmarks that no keyframe sees."""
    seen = [keyframe.landmark_ids for keyframe in contents.keyframes.values()]
    is_seen = np.isin(contents.landmark_ids, np.concatenate(seen) if seen else -1)
    columns = {name: column[is_seen] for name, column in contents.columns.items()}
    return replace(contents, landmark_ids=contents.landmark_ids[is_seen], columns=columns)


def put_together(contents: Contents, state: MapState) -> LoadedMap:
    """The map of contents that hang together, all of whose ids are below those that ``state`` gives out next."""
    columns = {
        name: np.zeros((state.num_landmarks, *column.shape[1:]), column.dtype)
        for name, column in contents.columns.items()
    }
    for name, column in contents.columns.items():
        columns[name][contents.landmark_ids] = column
    columns["alive"] = np.zeros(state.num_landmarks, bool)
    columns["alive"][contents.landmark_ids] = True
    loops = [contents.loops[i] for i in sorted(contents.loops)]
    world = Map.restored(contents.keyframes.values(), columns, loops, state.next_keyframe_id)
    return LoadedMap(contents.about, state, world, contents.places)


def _about(rows: dict[int, bytes], views: dict[int, View]) -> MapAbout | None:
    """The description in a row of its own, else the copy in a view."""
    copies = rows or {i: view.about for i, view in views.items()}
    found = _each(dict(list(copies.items())[:1]), "description", lambda _, data: decoded_about(data))
    return next(iter(found.values()), None)


def _landmarks(
    places: dict[int, bytes], looks: dict[int, bytes], descriptor_dim: int
) -> tuple[Int64, Columns, list[str]]:
    """Ids (L,) and columns (L, ...) of all landmarks, and what lacks its other half."""
    halves = [f"the block of landmark {i * BLOCK}" for i in sorted(places.keys() ^ looks.keys())]
    both = sorted(places.keys() & looks.keys())
    placed = _each({i: places[i] for i in both}, "landmarks", lambda _, data: payload.unpacked_block(data, PLACES))
    looking = _each({i: looks[i] for i in both}, "descriptors", lambda _, data: payload.unpacked_block(data, LOOKS))
    whole = [i for i in both if np.array_equal(placed[i][0], looking[i][0])]
    halves += [f"the block of landmark {i * BLOCK}" for i in both if i not in whole]
    parts = [placed[i][1] | looking[i][1] for i in whole]
    if any(part["descriptors"].shape[1] != descriptor_dim for part in parts):
        raise Unreadable("descriptors of another length than the map's")
    parts.append(payload.no_landmarks(descriptor_dim))  # also where there are no others
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[-1]}
    ids = [i * BLOCK + placed[i][0] for i in whole]
    return np.concatenate([*ids, np.zeros(0, np.int64)]), columns, halves


def _each(rows: Mapping[int, bytes], what: str, decode: Callable[[int, bytes], Decoded]) -> dict[int, Decoded]:
    found = {}
    for row_id, data in sorted(rows.items()):
        try:
            found[row_id] = decode(row_id, data)
        except (ValueError, TypeError) as error:
            raise Unreadable(f"{what} {row_id}: {error}") from error
    return found
