"""Views as the map predicts them, and how sure they are of it."""

import numpy as np
import pytest

from slam.learning.losses import ground_truth
from slam.learning.mixture import to_tensors
from slam.learning.pairs import SceneShards, stacked
from slam.learning.virtual import virtual


@pytest.fixture(scope="module")
def predictions(shards):
    """Sixty predicted views of pairs with something in common, with the pairs they were made from."""
    rng, scenes = np.random.default_rng(0), SceneShards(shards)
    pairs = [scenes.pair(rng) for _ in range(60)]
    return [(pair, virtual(pair, rng, drop_unseen=False)) for pair in pairs]


def test_half_of_the_predictions_do_not_say_how_sure_they_are(predictions):
    silent = [np.isinf(seen.sigma_a).all() for _, seen in predictions]
    assert all(np.isinf(seen.sigma_a).all() or np.isfinite(seen.sigma_a).all() for _, seen in predictions)
    assert 0.3 < np.mean(silent) < 0.7


def test_most_claimed_sigmas_are_of_the_error_s_size(predictions):
    ratio = []
    for _, seen in predictions:
        if np.isfinite(seen.sigma_a).all():
            error = np.linalg.norm(seen.xy_a - seen.a_in_b, axis=1)
            ratio.append(np.median(error / seen.sigma_a))
    assert 0.5 < np.median(ratio) < 2.0  # about 1.2 for a Gaussian in the plane
    assert 0.02 < np.mean(np.array(ratio) > 4) < 0.35  # wrong ones


def test_a_prediction_keeps_truth_and_takes_the_size_of_the_picture_it_is_predicted_in(predictions):
    for pair, seen in predictions[:10]:
        assert seen.size_a == pair.size_b and len(seen.sigma_a) == len(seen.xy_a)
        before, after = (
            len(ground_truth(to_tensors(stacked([p], np.random.default_rng(1), 999, 999))[0]).pair)
            for p in (pair, seen)
        )
        assert after == before


def test_of_two_scenes_every_prediction_is_wrong_and_nothing_matches(shards):
    rng, scenes = np.random.default_rng(2), SceneShards(shards)
    seen = [virtual(scenes.pair(rng, overlapping=False), rng, drop_unseen=True) for _ in range(20)]
    assert {bool(np.isfinite(p.sigma_a).all()) for p in seen} == {True, False}
    batch, _ = to_tensors(stacked(seen, rng, 60, 60))
    assert len(ground_truth(batch).pair) == 0


def test_sigmas_of_a_batch_are_normalised_and_infinite_without_a_prediction(shards):
    rng = np.random.default_rng(3)
    pair = SceneShards(shards).pair(rng)
    seen = [virtual(pair, rng, drop_unseen=False) for _ in range(8)]
    batch, split = to_tensors(stacked([pair, *seen], rng, 50, 50))
    assert batch["sigma"].shape == (9, split) and batch["sigma"][0].isinf().all()
    known = batch["sigma"][batch["sigma"].isfinite()]
    assert float(known.min()) >= 1 / 176 and float(known.max()) < 0.6  # 352 px wide
