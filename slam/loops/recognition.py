"""From the look of a keyframe to a verified loop: places that look alike, seen alike several times, then matched."""

from __future__ import annotations

from slam.config import SlamConfig
from slam.loops.verification import FoundLoop, verified_loop
from slam.mapping.map import Map
from slam.places.candidates import LoopCandidates, relocalization_candidates
from slam.places.index import PlaceIndex
from slam.places.untrained import untrained_vocabulary
from slam.places.vlad import PlaceDescriber
from slam.tracking.tracker import Tracker
from slam.types import Keyframe, Mode, Observation


class Recognition:
    """Knows the places of all keyframes of a map, in every sub-map."""

    def __init__(self, world: Map, tracker: Tracker, config: SlamConfig, mode: Mode) -> None:
        """Raises WeightsError when the place vocabulary does not belong to the features."""
        self._map, self._tracker, self._config, self._with_scale = world, tracker, config.loops, not mode.is_metric
        self._describer = _describer(config, world.descriptors.shape[1])
        self._index = PlaceIndex(self._describer.dim)
        self._candidates = LoopCandidates(config.places, self._index)

    def look(self, keyframe: Keyframe) -> FoundLoop | None:
        """Remember the place of a keyframe; the loop with an older one, if it shows the place of one."""
        k, vector = keyframe.keyframe_id, self._describer.describe(keyframe.observation.features)
        ids = self._candidates.propose(k, vector, self._neighbours_of(k), self._neighbours_of)
        self._index.add(k, vector)
        if not (self._config.close and ids):
            return None
        candidates = [self._map.keyframes[k] for k in ids]
        return verified_loop(self._map, self._tracker, keyframe, candidates, self._config, self._with_scale)

    def seek(self, keyframe: Keyframe, tries: int) -> FoundLoop | None:
        """The loop with one of the remembered keyframes, of which so many are tried; this one is not remembered.

        For maps that were made before: nothing is asked of the keyframes that came before this one.
        """
        candidates = [self._map.keyframes[k] for k in self.places_like(keyframe.observation, tries)]
        return verified_loop(self._map, self._tracker, keyframe, candidates, self._config, self._with_scale)

    def remember(self, keyframe: Keyframe) -> None:
        """The place of a keyframe of a loaded map."""
        self._index.add(keyframe.keyframe_id, self._describer.describe(keyframe.observation.features))

    def places_like(self, observation: Observation, count: int) -> list[int]:
        """Ids of keyframes that look most like a frame, most alike first, spread over the map."""
        vector = self._describer.describe(observation.features)
        return relocalization_candidates(self._index, vector, count, self._neighbours_of)

    def forget(self, keyframe_id: int) -> None:
        """A keyframe left the map."""
        self._index.remove(keyframe_id)

    def forget_all(self) -> None:
        """No place of before is recognised any more."""
        for keyframe_id in self._map.keyframes:
            self._index.remove(keyframe_id)
        self._candidates.forget()

    def begin_anew(self) -> None:
        """The map has changed its shape: what was proposed before counts no more."""
        self._candidates.forget()

    def _neighbours_of(self, keyframe_id: int) -> list[int]:
        if keyframe_id not in self._map.keyframes:
            return []
        shared = self._map.covisible(self._map.keyframes[keyframe_id].landmark_ids)
        return [k for k, count in shared if k != keyframe_id and count >= self._config.min_shared]


def _describer(config: SlamConfig, descriptor_dim: int) -> PlaceDescriber:
    """With the vocabulary of the features, or one of random directions where none was trained."""
    features = config.features
    trained = PlaceDescriber.for_features(features.name, features.weights, config.places.vocabulary)
    return trained or PlaceDescriber(untrained_vocabulary(features.name, descriptor_dim))
