"""Which keyframes may show the place of the newest one, before anybody has matched a single point.

How alike two views of one place look hangs on the place, so no similarity is high by itself. It is high when it exceeds
what the keyframe shares with keyframes that surely see the same: its covisible neighbours. What looks alike by accident
does so once; what is the same place does so in the next keyframe too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slam.config import PlacesConfig
from slam.places.index import PlaceIndex
from slam.types import Float32

GROUP_SHARE = 0.75  # groups of less evidence than this share of the best one's are dropped (ORB-SLAM)

Neighbours = Callable[[int], Iterable[int]]  # covisible keyframes of a keyframe


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Neighbouring keyframes that all look like the new one."""

    keyframe_id: int  # the most similar of them
    members: frozenset[int]  # and all of that one's neighbours
    evidence: float  # sum of what their similarities exceed the bound by
    in_a_row: int = 1  # keyframes that proposed it, this one included


class LoopCandidates:
    """Proposes loops for a stream of keyframes: Mur-Artal et al. 2015 (ORB-SLAM), section VII-A, on dense vectors."""

    def __init__(self, config: PlacesConfig, index: PlaceIndex) -> None:
        self._config, self._index = config, index
        self._groups: list[Group] = []  # of the keyframe before
        self._bound = 0.0  # of the last keyframe that had neighbours; strangers have a cosine of about 0

    def propose(
        self, keyframe_id: int, vector: Float32, neighbours: Iterable[int], neighbours_of: Neighbours
    ) -> list[int]:
        """Keyframes that may show the same place, best first, at most ``config.loop_candidates``; mostly none.

        Call it for every keyframe, in order. vector: (dim,) of the keyframe. neighbours: its covisible keyframes; they
        and the newest ``config.recent`` ones are no loops. Without neighbours, as in a map that has just begun, the
        bound is that of the last keyframe with some. A group must be found by ``config.consistent`` keyframes in a row.
        """
        neighbours = list(neighbours)
        self._bound = bound = min(self._index.similarities(vector, neighbours).tolist(), default=self._bound)
        excluded = {keyframe_id, *neighbours, *range(keyframe_id - self._config.recent, keyframe_id)}
        found = self._index.query(vector, self._config.considered, excluded)
        similar = {k: similarity - bound for k, similarity in found if similarity > bound}
        self._groups = [self._continued(group) for group in grouped(similar, neighbours_of)]
        lasting = [g.keyframe_id for g in self._groups if g.in_a_row >= self._config.consistent]
        return lasting[: self._config.loop_candidates]

    def forget(self) -> None:
        """Begin anew: what the keyframe before proposed no longer counts, as after a loop has been closed."""
        self._groups = []

    def _continued(self, group: Group) -> Group:
        before = [earlier.in_a_row for earlier in self._groups if earlier.members & group.members]
        return Group(group.keyframe_id, group.members, group.evidence, 1 + max(before, default=0))


def grouped(similar: dict[int, float], neighbours_of: Neighbours) -> list[Group]:
    """The groups of similar keyframes (id -> excess over the bound), those of most evidence first."""
    best: dict[int, Group] = {}  # by the group's most similar keyframe
    for k in similar:
        members = frozenset((k, *neighbours_of(k)))
        alike = [m for m in members if m in similar]
        leader = min(alike, key=lambda m: (-similar[m], m))
        evidence = sum(sorted(similar[m] for m in alike))
        if leader not in best or evidence > best[leader].evidence:
            best[leader] = Group(leader, members, evidence)
    ordered = sorted(best.values(), key=lambda g: (-g.evidence, g.keyframe_id))
    kept: list[Group] = []
    for group in ordered:
        is_new_place = all(group.keyframe_id not in better.members for better in kept)
        if is_new_place and group.evidence >= GROUP_SHARE * ordered[0].evidence:
            kept.append(group)
    return kept


def relocalization_candidates(index: PlaceIndex, vector: Float32, count: int, neighbours_of: Neighbours) -> list[int]:
    """The keyframes that look most like a frame, best first, at most ``count``, spread over the map.

    A neighbour of one that was taken waits until every group has sent its best; five near-identical keyframes would
    else be all that is tried.
    """
    first: list[int] = []
    waiting: list[int] = []
    taken: set[int] = set()
    for keyframe_id, _ in index.query(vector, len(index)):
        if len(first) == count:
            break
        (waiting if keyframe_id in taken else first).append(keyframe_id)
        if first[-1] == keyframe_id:
            taken.update((keyframe_id, *neighbours_of(keyframe_id)))
    return (first + waiting)[:count]
