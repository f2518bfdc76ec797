"""What is left of a damaged map file: every whole row, and a map of those that still hang together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import slam
from slam.mapfile.about import MapState
from slam.mapfile.contents import (
    Contents,
    LoadedMap,
    Unreadable,
    decoded,
    put_together,
    without_dangling,
    without_unseen,
)
from slam.mapfile.row import Row
from slam.mapfile.ruin import rows_in


@dataclass(frozen=True, slots=True, eq=False)
class Salvaged:
    """A map made of what is left, None when that is nothing."""

    loaded: LoadedMap | None
    words: str  # how much of what there was


def salvaged(path: Path) -> Salvaged:
    """What can be recovered from a file; the file is only read. Raises OSError when it cannot be."""
    try:
        contents = decoded(_newest(rows_in(path.read_bytes())))
    except Unreadable:
        contents = None
    if contents is None:
        return Salvaged(None, "nothing")
    contents = without_unseen(without_dangling(contents)[0])
    return Salvaged(put_together(contents, _state(contents)), _words(contents))


def _newest(rows: Iterable[Row]) -> list[Row]:
    """The newest row of each kind and id, of the map that most rows are of."""
    found = list(rows)
    if not found:
        return []
    ((map_id, _),) = Counter(row.map_id for row in found).most_common(1)
    own = sorted((row for row in found if row.map_id == map_id), key=lambda row: row.age)
    return list({(row.kind, row.row_id): row for row in own}.values())


def _state(contents: Contents) -> MapState:
    """The state of what is left; ids that were given out are not given out again, as far as is known."""
    known = contents.state or MapState(0, "0", 0, 0, 0, 0, 0, 0, slam.__version__)
    return replace(
        known,
        keyframes=len(contents.keyframes),
        landmarks=len(contents.landmark_ids),
        next_keyframe_id=max(known.next_keyframe_id, *(i + 1 for i in contents.keyframes), 0),
        num_landmarks=max(known.num_landmarks, int(contents.landmark_ids.max(initial=-1)) + 1),
        runs=max(known.runs, *(place.run + 1 for place in contents.places.values()), 0),
    )


def _words(contents: Contents) -> str:
    known = contents.state
    keyframes, landmarks = len(contents.keyframes), len(contents.landmark_ids)
    if known is None:
        return f"{keyframes} keyframes and {landmarks} landmarks"
    return f"{keyframes} of {known.keyframes} keyframes and {landmarks} of {known.landmarks} landmarks"
