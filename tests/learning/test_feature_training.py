"""The training of the extractor: its losses, and the command from photographs to weights."""

import json

import numpy as np
import pytest
import torch

from slam.errors import ConfigError
from slam.features.earlybird import EarlybirdExtractor
from slam.learning.feature_losses import contrast, found_again, mutual
from slam.learning.train_features import FeatureTrainOptions, first_extractor, train_features


def spread_places(count):
    return torch.tensor([[[20.0 * i, 10.0] for i in range(count)]])


def test_descriptors_that_tell_all_places_apart_cost_nothing():
    a = torch.eye(8)[None]
    known = torch.ones(1, 8, dtype=torch.bool)
    assert contrast(a, a, spread_places(8), spread_places(8), known) < 1e-6


def test_equal_descriptors_cost_the_logarithm_of_their_number():
    a = torch.ones(1, 8, 4) / 2
    known = torch.ones(1, 8, dtype=torch.bool)
    assert contrast(a, a, spread_places(8), spread_places(8), known).item() == pytest.approx(np.log(8), abs=1e-5)


def test_neighbours_and_unknown_places_are_left_out():
    a = torch.ones(1, 8, 4) / 2
    known = torch.arange(8)[None] < 4
    near = torch.zeros(1, 8, 2)
    assert contrast(a, a, near, near, known).abs() < 1e-5
    assert contrast(a, a, spread_places(8), spread_places(8), known).item() == pytest.approx(np.log(4), abs=1e-5)


def two_views(places, seen=None):
    """A batch of one pair with corners at 10 x, 20 y; ``places`` of a's corners in b, b's in a where they came from."""
    xy = torch.tensor([[[10.0, 20.0], [30.0, 20.0], [50.0, 20.0]]])
    real = torch.ones(1, 3, dtype=torch.bool)
    there = torch.tensor([places])
    seen = real if seen is None else torch.tensor([seen])
    return {
        "xy": torch.cat([xy, xy]),
        "real": torch.cat([real, real]),
        "places": torch.cat([there, xy]),
        "seen": torch.cat([seen, seen]),
    }


def test_a_corner_is_found_again_when_the_other_view_has_one_at_its_place():
    again, partner = found_again(two_views([[10.5, 20.0], [30.0, 23.0], [30.0, 20.0]], [True, True, True]))
    assert again[0].tolist() == [True, False, True]
    assert partner[0].tolist() == [0, 1, 1]


def test_what_the_other_view_does_not_see_is_not_found_again():
    again, _ = found_again(two_views([[10.0, 20.0], [30.0, 20.0], [50.0, 20.0]], [True, False, True]))
    assert again[0].tolist() == [True, False, True]


def test_a_match_counts_when_it_is_both_ones_best_and_the_true_partner():
    batch = two_views([[10.0, 20.0], [30.0, 20.0], [50.0, 20.0]])
    a = torch.eye(3)[None]
    confused = torch.eye(3)[None, [0, 2, 1]]
    partner = torch.arange(3)[None]
    assert mutual(a, a, batch, partner)[0].tolist() == [True, True, True]
    assert mutual(a, confused, batch, partner)[0].tolist() == [True, False, False]


def options(photos, out, **changed):
    return FeatureTrainOptions(images=photos, out=out, teacher="sift", scenes=4, minutes=5.0, batch=2, **changed)


def test_a_short_training_goes_from_photographs_to_an_extractor(photos, tmp_path):
    report = train_features(options(photos, tmp_path, steps=3))
    extractor = EarlybirdExtractor(100, report.weights)
    found = extractor.extract(np.random.default_rng(0).integers(0, 255, (120, 160)).astype(np.uint8))
    lines = [json.loads(line) for line in report.log.read_text().splitlines()]
    assert report.steps == 3
    assert report.pairs == 6
    assert found.descriptors.shape[1] == 64
    assert {"step", "detection", "description", "repeated", "right", "precision"} <= set(lines[-1])


def test_a_resumed_training_goes_on_where_it_was(photos, tmp_path):
    train_features(options(photos, tmp_path, steps=2))
    report = train_features(options(photos, tmp_path, steps=4, resume=True))
    assert report.steps == 4


def test_a_training_may_begin_with_what_another_one_learnt(photos, tmp_path):
    train_features(options(photos, tmp_path, steps=2))
    checkpoint = tmp_path / "checkpoint.pt"
    learnt = torch.load(checkpoint, weights_only=True)["average"]
    begun = first_extractor(checkpoint).state_dict()
    assert all(torch.equal(begun[name], value) for name, value in learnt.items())
    with pytest.raises(ConfigError, match="start: no checkpoint"):
        first_extractor(tmp_path / "nothing.pt")


def test_nothing_to_resume_is_one_clear_error(photos, tmp_path):
    with pytest.raises(ConfigError, match="no checkpoint"):
        train_features(options(photos, tmp_path, steps=1, resume=True))


def test_superpoint_may_not_teach(photos, tmp_path):
    with pytest.raises(ConfigError, match="licence"):
        train_features(FeatureTrainOptions(images=photos, out=tmp_path, teacher="superpoint", scenes=4))
