import numpy as np

from slam.features.spread import by_strength, spread_out

SIZE = (640, 480)


def cloud(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 1, (count, 2)) * SIZE
    scores = rng.uniform(0, 1, count) + 5 * (xy[:, 0] < 100)  # the left side is by far the strongest
    return xy.astype(np.float32), scores.astype(np.float32)


def test_a_strong_side_does_not_take_all_the_keypoints():
    xy, scores = cloud()
    globally = by_strength(scores)[:256]
    assert (xy[globally, 0] < 100).all()
    kept = spread_out(xy, scores, 256, SIZE)
    assert len(kept) == len(set(kept)) == 256
    assert np.histogram2d(*xy[kept].T, bins=4, range=[[0, 640], [0, 480]])[0].min() >= 4


def test_few_keypoints_are_all_kept_strongest_first():
    xy, scores = cloud(100)
    kept = spread_out(xy, scores, 256, SIZE)
    assert sorted(kept) == list(range(100))
    assert (np.diff(scores[kept]) <= 0).all()


def test_the_strongest_of_every_cell_is_kept():
    xy, scores = cloud()
    assert by_strength(scores)[0] in spread_out(xy, scores, 64, SIZE)


def test_equal_scores_give_the_same_choice_every_time():
    xy, _ = cloud()
    same = np.ones(len(xy), np.float32)
    np.testing.assert_array_equal(spread_out(xy, same, 99, SIZE), spread_out(xy, same, 99, SIZE))


def test_nothing_gives_nothing():
    assert len(spread_out(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), 9, SIZE)) == 0
