"""Loops are proposed when neighbouring keyframes agree, on scripted keyframes in a street of four places."""

import numpy as np
import pytest

from slam.config import PlacesConfig
from slam.places.candidates import LoopCandidates, relocalization_candidates
from slam.places.index import PlaceIndex
from slam.places.vlad import unit

CONFIG = PlacesConfig(recent=3, consistent=2)
DIM = 24


def seen_at(place: float) -> np.ndarray:
    """The vector of a view: near places look alike, far ones do not."""
    axes = np.arange(DIM)
    return unit(np.exp(-0.5 * (axes - place) ** 2).astype(np.float32))


def neighbours_on(places):
    """Keyframes less than two units apart see the same."""
    return lambda k: [
        m for m, place in enumerate(places) if m != k and m in range(len(places)) and abs(place - places[k]) < 2
    ]


def proposals(places, config=CONFIG, vectors=None, linked=()):
    """What each keyframe of a walk proposes; it is covisible with those just before it, and with ``linked`` ones."""
    index = PlaceIndex(DIM)
    loops = LoopCandidates(config, index)
    answers = []
    for k, place in enumerate(places):
        vector = seen_at(place) if vectors is None else vectors[k]
        near = [m for m in range(max(0, k - 3), k) if abs(places[m] - place) < 2]
        answers.append(loops.propose(k, vector, near, neighbours_on(places)))
        index.add(k, vector)
    return answers


OUT_AND_BACK = [0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 2, 3, 4]


def test_a_place_seen_again_is_proposed_after_as_many_keyframes_as_asked_for():
    for consistent in (1, 2, 3):
        answers = proposals(OUT_AND_BACK, PlacesConfig(recent=3, consistent=consistent))
        first = next(k for k, answer in enumerate(answers) if answer)
        assert first == 18 + consistent
        assert abs(OUT_AND_BACK[answers[first][0]] - OUT_AND_BACK[first]) < 1


def test_a_walk_without_return_proposes_nothing():
    assert not any(proposals([float(k) for k in range(20)]))


def test_a_likeness_that_does_not_last_is_not_proposed():
    places = [float(k) for k in range(20)]
    vectors = [seen_at(place) for place in places]
    vectors[12], vectors[15] = seen_at(2.0), seen_at(6.0)  # two accidents, not at one place
    assert not any(proposals(places, vectors=vectors))


@pytest.mark.parametrize("again", [[2, 9, 3, 10], [2, 20, 3, 21]])
def test_keyframes_in_between_that_propose_something_else_break_the_row(again):
    walk = [float(k) for k in range(15)]
    assert not any(proposals(walk + again))


def test_it_must_look_more_alike_than_the_weakest_neighbour():
    places = [0.0, 1, 2, 3, 4, 5, 6, 7, 8]
    index = PlaceIndex(DIM)
    for k, place in enumerate(places):
        index.add(k, seen_at(place))
    loops = LoopCandidates(PlacesConfig(recent=2, consistent=1), index)
    alike = loops.propose(9, seen_at(2.5), [8], neighbours_on(places))
    strict = loops.propose(9, seen_at(2.5), [2], neighbours_on(places))
    assert alike and not strict


def test_forgetting_begins_the_count_anew():
    index = PlaceIndex(DIM)
    for k in range(6):
        index.add(k, seen_at(float(k)))
    loops = LoopCandidates(CONFIG, index)
    near = neighbours_on([float(k) for k in range(6)])
    assert loops.propose(20, seen_at(1.0), [], near) == []
    loops.forget()
    assert loops.propose(21, seen_at(1.1), [], near) == []
    assert loops.propose(22, seen_at(1.2), [], near) == [1]


def test_relocalisation_tries_every_part_of_the_map_before_the_second_best_of_one():
    places = [3.0, 3.1, 2.9, 3.2, 5.0, 9.0]
    index = PlaceIndex(DIM)
    for k, place in enumerate(places):
        index.add(k, seen_at(place))
    near = neighbours_on(places)
    assert relocalization_candidates(index, seen_at(3.0), 3, near) == [0, 4, 5]
    assert relocalization_candidates(index, seen_at(3.0), 6, near) == [0, 4, 5, 1, 2, 3]


def test_a_frame_without_features_is_nowhere():
    index = PlaceIndex(DIM)
    index.add(0, seen_at(1.0))
    nothing = np.zeros(DIM, np.float32)
    assert relocalization_candidates(index, nothing, 3, lambda k: []) == []
    assert LoopCandidates(PlacesConfig(consistent=1), index).propose(20, nothing, [], lambda k: []) == []
