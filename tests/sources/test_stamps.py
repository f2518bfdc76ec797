"""Order in time."""

from itertools import combinations

import numpy as np
import pytest

from slam.sources.stamps import associate, rising

MS = 1_000_000


def test_rising_stamps_all_stay():
    assert rising([1, 2, 5, 9]) == [True] * 4
    assert rising([]) == []


@pytest.mark.parametrize(
    "stamps, dropped",
    [([1, 2, 3, 3, 4], 3), ([1, 2, 3, 2, 4, 5], 3), ([1, 3, 2, 4], 2), ([1, 2, 90, 3, 4], 2), ([50, 2, 3, 4], 0)],
)
def test_one_stamp_out_of_place_costs_only_itself(stamps, dropped):
    assert rising(stamps) == [i != dropped for i in range(len(stamps))]


def test_as_few_stamps_as_possible_are_dropped():
    rng = np.random.default_rng(3)
    for _ in range(30):
        stamps = rng.integers(0, 8, 8).tolist()
        kept = [stamp for stamp, keep in zip(stamps, rising(stamps)) if keep]
        longest = max(n for n in range(1, 9) for part in combinations(stamps, n) if all(np.diff(part) > 0))
        assert np.all(np.diff(kept) > 0)
        assert len(kept) == longest


def test_association_takes_the_nearest_first_and_each_once():
    assert associate([0, 10 * MS, 100 * MS], [9 * MS, 12 * MS, 300 * MS], 20 * MS) == {1: 0, 0: 1}


def test_association_reaches_its_limit_and_no_further():
    assert associate([0], [20 * MS], 20 * MS) == {0: 0}
    assert associate([0], [20 * MS + 1], 20 * MS) == {}


def test_a_stamp_out_of_place_takes_no_partner_away():
    assert associate([0, 40 * MS, 80 * MS, 5 * MS, 120 * MS], [5 * MS, 120 * MS], 20 * MS) == {0: 0, 4: 1}
