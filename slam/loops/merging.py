"""Maps of one place that know nothing of each other: where they overlap they are aligned, and become one.

The keyframes of one map are sought in the other by what they look like. Loops that agree are asked of the pose graph,
which must believe enough of them; then a sub-map is carried over, and what was mapped twice is fused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from slam.camera import Rig
from slam.config import SlamConfig
from slam.graph.full_problem import choose_all
from slam.graph.solve import solve
from slam.loops.agreement import agreeing, is_enough
from slam.loops.fusion import fuse_found
from slam.loops.joining import Junction, carry, joined_problem, junction_of, scaled_loop
from slam.loops.recognition import Recognition
from slam.loops.verification import FoundLoop
from slam.mapping.map import Map
from slam.matching import Matcher
from slam.tracking.placed import PlacedFrames
from slam.tracking.tracker import Tracker
from slam.types import Correction, Keyframe, Mode, PoseCorrection


@dataclass(slots=True)
class MergeCounts:
    """What became of the overlap of two maps."""

    found: int = 0  # keyframes of the one that show a place of the other
    believed: int = 0  # those that agree
    joined: int = 0  # sub-maps that became part of another
    fused: int = 0  # landmarks that were mapped twice


class Merging:
    """Two maps side by side in one: ``world``, and ``placed`` its frames, which follow their keyframes."""

    def __init__(
        self, world: Map, placed: PlacedFrames, rig: Rig, mode: Mode, config: SlamConfig, matcher: Matcher
    ) -> None:
        """Raises WeightsError when the place vocabulary does not belong to the features."""
        config = config.for_mode(mode)
        self._map, self._placed, self._rig, self._mode, self._config = world, placed, rig, mode, config
        tracker = Tracker(rig, matcher, config.tracking, config.graph.sigma_disparity_px)
        self._recognition = Recognition(world, tracker, config, mode)
        self._with_scale = not mode.is_metric
        self.counts = MergeCounts()

    def align(self, first_of_other: int, adjust_s: float) -> MergeCounts:
        """Join the sub-maps that meet. Keyframes of this id and higher ones are the other map's.

        adjust_s: time that the adjustment of what was joined may take, 0 for none.
        """
        keyframes = list(self._map.keyframes.values())
        found = self._sought(
            [k for k in keyframes if k.keyframe_id >= first_of_other],
            [k for k in keyframes if k.keyframe_id < first_of_other],
        )
        self.counts.found = len(found)
        joined = set()
        while (believed := self._join_next(found)) is not None:
            joined.add(self._map.keyframes[believed[0].loop.keyframe_a].submap_id)
        if joined and adjust_s > 0:
            self._adjust(joined, adjust_s)
        return self.counts

    def _sought(self, keyframes: Iterable[Keyframe], among: Iterable[Keyframe]) -> list[FoundLoop]:
        """The loops of keyframes with those among which they are sought: one of each at most."""
        for keyframe in among:
            self._recognition.remember(keyframe)
        tries = self._config.places.loop_candidates
        loops = [self._recognition.seek(keyframe, tries) for keyframe in keyframes]
        return [found for found in loops if found is not None]

    def _join_next(self, found: list[FoundLoop]) -> list[FoundLoop] | None:
        """Join the two sub-maps that most loops agree on, and take these out of ``found``; None: no two are left."""
        groups: dict[tuple[int, int], list[FoundLoop]] = {}
        for loop in found:
            groups.setdefault(self._submaps_of(loop), []).append(loop)
        sets = [
            agreeing(self._map, groups[pair], self._config.loops, self._with_scale)
            for pair in sorted(groups)
            if pair[0] != pair[1]
        ]
        for loops in sorted(sets, key=len, reverse=True):
            believed = self._joined(loops, found) if loops else []
            if believed:
                return believed
        return None

    def _submaps_of(self, found: FoundLoop) -> tuple[int, int]:
        a, b = (self._map.keyframes[k].submap_id for k in (found.loop.keyframe_a, found.loop.keyframe_b))
        return a, b

    def _joined(self, loops: list[FoundLoop], found: list[FoundLoop]) -> list[FoundLoop]:
        """Join two sub-maps by loops that agree; those that the pose graph believes, none if they are too few."""
        scale = float(np.exp(np.median(np.log([f.loop.scale_a_b for f in loops]))))
        junction = junction_of(self._map, loops[0], scale)
        problem = joined_problem(self._map, junction, [f.loop for f in loops], self._config.loops, self._with_scale)
        answer = solve(problem)
        assert isinstance(answer, PoseCorrection)
        believed = [f for f, is_true in zip(loops, answer.believed[-len(loops) :]) if is_true]
        if answer.failure or not is_enough(believed, self._config.loops):
            return []
        factors = self._move(junction, answer)
        found[:] = [replace(f, loop=scaled_loop(f.loop, factors)) for f in found if f not in loops]
        self._map.loops += [scaled_loop(f.loop, factors) for f in believed]
        self.counts.believed += len(believed)
        self.counts.joined += 1
        self.counts.fused += sum(fuse_found(self._map, f, self._rig.left, self._config) for f in believed)
        return believed

    def _move(self, junction: Junction, answer: PoseCorrection) -> dict[int, float]:
        """Carry a sub-map over and bend both as the pose graph says; what lengths were multiplied by, by keyframe."""
        factors = junction.factors(self._map)
        moved = [k.keyframe_id for k in self._map.submap(junction.moved_id)]
        carry(self._map, moved, junction.T_kept_moved, junction.scale)
        self._map.relabel(moved, junction.kept_id)
        self._map.deform(answer)
        factors = {k: factors[k] * s for k, s in zip(answer.keyframe_ids.tolist(), answer.scale.tolist())}
        self._placed.scale(factors)
        self._map.loops = [scaled_loop(loop, factors) for loop in self._map.loops]
        return factors

    def _adjust(self, submap_ids: set[int], max_s: float) -> None:
        """A bundle adjustment of what was joined, which never makes it worse."""
        problem = choose_all(self._map, self._rig, self._mode, self._config.graph, max_s)
        parts = [p for p in problem.parts if self._map.keyframes[int(p.keyframe_ids[0])].submap_id in submap_ids]
        answer = solve(replace(problem, parts=tuple(parts)))
        assert isinstance(answer, Correction)
        if not answer.failure:
            self._map.apply(answer)
