"""Near pairs and best pairs, against every pair that there is."""

import numpy as np
import pytest

from slam.tracking.neighbours import is_best, pairs_along


@pytest.mark.parametrize("seed", range(4))
def test_pairs_along_a_line_are_those_nearer_than_the_radius(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 40, count).astype(np.float32) / 4 for count in (30, 50))  # with ties, and at the radius
    index_a, index_b = pairs_along(a, b, 1.5)
    near = np.abs(a[:, None] - b[None]) < 1.5
    assert set(zip(index_a, index_b)) == set(zip(*near.nonzero())) and len(index_a) == near.sum()
    assert (np.diff(index_a) >= 0).all()


def test_without_points_there_is_no_pair():
    none, some = np.zeros(0, np.float32), np.ones(3, np.float32)
    assert [len(found) for a, b in ((none, some), (some, none)) for found in pairs_along(a, b, 1.0)] == [0] * 4
    assert is_best(np.zeros(0, np.int64), none).shape == (0,)


def test_every_owner_has_one_best_pair_the_first_of_equal_ones():
    owner = np.array([2, 0, 2, 0, 2, 5])
    similarity = np.array([0.1, 0.7, 0.9, 0.7, 0.9, -1.0], np.float32)
    assert is_best(owner, similarity).tolist() == [False, True, True, False, False, True]
