"""From the look of a keyframe to a verified loop: places that look alike, seen alike several times, then matched."""

from __future__ import annotations

from slam.config import SlamConfig
from slam.loops.verification import FoundLoop, verified_loop
from slam.mapping.map import Map
from slam.places.candidates import LoopCandidates
from slam.places.index import PlaceIndex
from slam.places.vlad import PlaceDescriber
from slam.tracking.tracker import Tracker
from slam.types import Keyframe, Mode, Observation


class Recognition:
    """Knows the places of all keyframes, in every sub-map."""

    def __init__(self, tracker: Tracker, config: SlamConfig, mode: Mode) -> None:
        self._tracker, self._config, self._with_scale = tracker, config.loops, not mode.is_metric
        self._describer = PlaceDescriber.for_features(config.features.name)
        self._index = PlaceIndex(self._describer.dim)
        self._candidates = LoopCandidates(self._index)

    def look(self, world: Map, keyframe: Keyframe) -> FoundLoop | None:
        """Remember the place of a keyframe; the loop with an older one, if it shows the place of one."""
        vector = self._describer.describe(keyframe.observation.features)
        if not self._config.close:
            self._index.add(keyframe.keyframe_id, vector)
            return None

        def neighbours_of(keyframe_id: int) -> list[int]:
            seen = world.keyframes[keyframe_id].landmark_ids
            return [k for k, _ in world.covisible(seen) if k != keyframe_id]

        ids = self._candidates.propose(keyframe.keyframe_id, vector, neighbours_of(keyframe.keyframe_id), neighbours_of)
        self._index.add(keyframe.keyframe_id, vector)
        candidates = [world.keyframes[k] for k in ids]
        return verified_loop(world, self._tracker, keyframe, candidates, self._config, self._with_scale)

    def places_like(self, observation: Observation, count: int) -> list[int]:
        """Ids of keyframes that look most like a frame, most alike first, not all from one corner."""
        return self._candidates.relocalization_candidates(self._describer.describe(observation.features), count)

    def forget(self, keyframe_id: int) -> None:
        """A keyframe left the map."""
        self._index.remove(keyframe_id)
