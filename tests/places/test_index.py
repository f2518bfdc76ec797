"""The index against brute force."""

import numpy as np
import pytest

from slam.places.index import PlaceIndex
from slam.places.vlad import unit


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(3).normal(size=(700, 16)).astype(np.float32))


@pytest.fixture
def index(vectors):
    filled = PlaceIndex(16)
    for keyframe_id, vector in enumerate(vectors):
        filled.add(keyframe_id, vector)
    return filled


def test_it_answers_as_brute_force_does(index, vectors):
    query = unit(vectors[5] + vectors[600])
    cosines = vectors @ query
    expected = np.argsort(-cosines)[:10].tolist()
    found = index.query(query, 10)
    assert [k for k, _ in found] == expected
    assert [s for _, s in found] == pytest.approx(cosines[expected], abs=2e-6)


def test_excluded_keyframes_are_not_answered(index, vectors):
    best = [k for k, _ in index.query(vectors[5], 6)]
    assert best[0] == 5
    assert [k for k, _ in index.query(vectors[5], 3, excluded={best[0], best[2], 10_000})] == [best[1], *best[3:5]]


def test_removed_keyframes_are_gone_and_the_others_stay(index, vectors):
    for keyframe_id in range(0, 700, 3):
        index.remove(keyframe_id)
    index.remove(0)
    assert len(index) == 466 and 3 not in index and 4 in index
    kept = [k for k in range(700) if k % 3]
    order = np.argsort(-(vectors[kept] @ vectors[1]))[:20]
    assert [k for k, _ in index.query(vectors[1], 20)] == [kept[i] for i in order]
    assert np.array_equal(index.vector(698), vectors[698])


def test_equal_vectors_are_answered_by_their_ids_wherever_they_lie(vectors):
    index = PlaceIndex(16)
    for keyframe_id in (9, 4, 7, 2, 30, 11, 5):
        index.add(keyframe_id, vectors[0])
    index.remove(4)
    assert [k for k, _ in index.query(vectors[0], 10)] == [2, 5, 7, 9, 11, 30]


def test_a_keyframe_given_again_has_its_new_vector(index, vectors):
    index.add(8, vectors[20])
    assert len(index) == 700
    assert [k for k, _ in index.query(vectors[20], 2)] == [8, 20]


def test_a_zero_vector_matches_nothing_and_is_matched_by_nothing(index, vectors):
    nothing = np.zeros(16, np.float32)
    assert index.query(nothing, 5) == []
    index.add(8, nothing)
    assert 8 not in index and len(index) == 699
    assert 8 not in [k for k, _ in index.query(-vectors[8], 700)]


def test_an_empty_index_answers_nothing(vectors):
    index = PlaceIndex(16)
    assert index.query(vectors[0], 5) == []
    assert index.similarities(vectors[0], [1, 2]).shape == (0,)


def test_similarities_are_those_of_the_keyframes_that_are_there(index, vectors):
    found = index.similarities(vectors[1], [700, 3, 2])
    assert found == pytest.approx(vectors[[3, 2]] @ vectors[1], abs=2e-6)
