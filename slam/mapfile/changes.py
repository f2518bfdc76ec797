"""What has changed in a map since it was last handed over to its file: cheap to find, and nobody's to change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.mapfile.payload import BLOCK, LOOKS, PLACES, Columns
from slam.mapping.map import Map
from slam.tracking.placed import Place, PlacedFrames
from slam.types import Bool, Int64, Keyframe, Loop


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Copies of whole blocks of landmarks."""

    ids: Int64  # (B,) block i holds the landmarks i * BLOCK and on
    alive: Bool  # (B, BLOCK)
    columns: Columns  # (B, BLOCK, ...) each


@dataclass(frozen=True, slots=True, eq=False)
class MapChanges:
    """One step of a map, to be written whole or not at all."""

    viewed: tuple[Keyframe, ...]  # new, or with other inertial samples
    keyframes: tuple[Keyframe, ...]  # new, moved, or with other landmarks
    gone: tuple[int, ...]  # ids of keyframes
    blocks: Blocks
    loops: tuple[Loop, ...] | None  # all of them; None when nothing happened to them
    frames: tuple[tuple[int, Place], ...]  # by number: new, or placed anew
    landmarks: int  # alive in the whole map
    next_keyframe_id: int
    num_landmarks: int

    @property
    def new_keyframes(self) -> int:
        """How many more would be lost if this were lost."""
        return len(self.viewed)


class MapWatch:
    """Finds the changes of a map. ``known``: what the file holds already; the map itself, or what it was made from."""

    def __init__(self, world: Map, placed: PlacedFrames, known: Map | None = None) -> None:
        self._map, self._placed = world, placed
        self._keyframes: dict[int, Keyframe] = {} if known is None else dict(known.keyframes)
        self._loops: tuple[Loop, ...] = () if known is None else tuple(known.loops)

    def take(self) -> MapChanges:
        """Everything since the last time.

        Keyframes are compared by identity: the map replaces them, it never alters them.
        """
        world, before = self._map, self._keyframes
        keyframes = tuple(k for i, k in world.keyframes.items() if before.get(i) is not k)
        gone = tuple(before.keys() - world.keyframes.keys())
        changes = MapChanges(
            tuple(k for k in keyframes if _is_seen_anew(before.get(k.keyframe_id), k)),
            keyframes,
            gone,
            self._blocks(),
            self._changed_loops(),
            tuple((number, self._placed.frames[number]) for number in sorted(self._placed.changed)),
            world.num_alive,
            world.next_keyframe_id,
            world.num_landmarks,
        )
        self._keyframes, self._loops = dict(world.keyframes), tuple(world.loops)
        world.changed[:] = False
        self._placed.changed.clear()
        return changes

    def _blocks(self) -> Blocks:
        rows = len(self._map.changed) // BLOCK  # GROWTH is a multiple of BLOCK
        ids = np.flatnonzero(self._map.changed.reshape(rows, BLOCK).any(1))
        return copied_blocks(self._map, ids)

    def _changed_loops(self) -> tuple[Loop, ...] | None:
        now = self._map.loops
        is_same = len(now) == len(self._loops) and all(a is b for a, b in zip(now, self._loops))
        return None if is_same else tuple(now)


def everything(world: Map, placed: PlacedFrames) -> MapChanges:
    """A whole map as one step. What a MapWatch has still to take stays to be taken."""
    keyframes = tuple(world.keyframes.values())
    return MapChanges(
        keyframes,
        keyframes,
        (),
        copied_blocks(world, np.arange(len(world.alive) // BLOCK)),
        tuple(world.loops),
        tuple(placed.frames.items()),
        world.num_alive,
        world.next_keyframe_id,
        world.num_landmarks,
    )


def copied_blocks(world: Map, ids: Int64) -> Blocks:
    """Blocks (B,) of a map's landmarks."""

    def taken(name: str) -> np.ndarray:
        column = getattr(world, name)
        return column.reshape(-1, BLOCK, *column.shape[1:])[ids]

    return Blocks(ids, taken("alive"), {name: taken(name) for name, _, _ in (*PLACES, *LOOKS)})


def _is_seen_anew(before: Keyframe | None, now: Keyframe) -> bool:
    return before is None or before.observation is not now.observation or before.imu is not now.imu
