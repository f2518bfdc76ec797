"""The training of the extractor: its losses, and the command from photographs to weights."""

import json

import numpy as np
import pytest
import torch

from slam.errors import ConfigError
from slam.features.earlybird import EarlybirdExtractor
from slam.learning.feature_losses import contrast
from slam.learning.train_features import FeatureTrainOptions, fresh_extractor, train_features


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


def test_a_fresh_extractor_finds_keypoints_to_be_rare():
    logits, grid = fresh_extractor().eval()(torch.zeros(1, 1, 48, 64))
    assert logits.shape == (1, 1, 48, 64)
    assert grid.shape == (1, 64, 6, 8)
    assert logits.sigmoid().mean() < 0.05


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
    assert {"step", "detection", "description", "matched", "confirmed"} <= set(lines[-1])


def test_a_resumed_training_goes_on_where_it_was(photos, tmp_path):
    train_features(options(photos, tmp_path, steps=2))
    report = train_features(options(photos, tmp_path, steps=4, resume=True))
    assert report.steps == 4


def test_nothing_to_resume_is_one_clear_error(photos, tmp_path):
    with pytest.raises(ConfigError, match="no checkpoint"):
        train_features(options(photos, tmp_path, steps=1, resume=True))


def test_superpoint_may_not_teach(photos, tmp_path):
    with pytest.raises(ConfigError, match="licence"):
        train_features(FeatureTrainOptions(images=photos, out=tmp_path, teacher="superpoint", scenes=4))
