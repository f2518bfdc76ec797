"""Exit files: written, read, refused, and what the matcher makes of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matching_views import make_view

from slam.config import MatcherConfig
from slam.errors import ConfigError, WeightsError
from slam.matching.calibration import (
    ExitLevel,
    ExitPath,
    ExitStep,
    ExitTable,
    exit_file,
    group_of,
    read_exit_table,
    sha256_of,
    write_exit_table,
)
from slam.matching.early_exit import ExitPolicy, chosen_exit, is_sure, published_thresholds

FULL = ExitStep((1 + 1 / 1024,) * 3, -1.0, -1.0, 0.0, 0.0, 0.0, 4.0, 4.0)
SLOW = ExitStep((0.875, 1 + 1 / 1024, 0.5), 0.9, -1.0, 0.009, 0.004, 0.001, 3.5, 3.5)
FAST = ExitStep((0.75, 0.625, 0.5), 0.8, 0.99, 0.04, 0.02, 0.01, 2.0, 1.75)
LEVEL = ExitLevel(0.02, 1, "", 0.004, 0.001, 3.5, {"scene frames": [30.0, 0.004, 0.001, 3.5]})


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "small.pt"
    path.write_bytes(b"weights of a small network")
    return path


@pytest.fixture
def table(weights):
    steps = {"predicted": (FULL, SLOW, FAST), "plain": (FULL, replace(SLOW, bound=0.03))}
    paths = tuple(
        ExitPath(points, group, 300, 150, "ab" * 32, steps[group], (LEVEL,))
        for points in (256, 1024)
        for group in ("predicted", "plain")
    )
    table = ExitTable("sift", 4, 0.1, sha256_of(weights), "hb", 0.05, 0, paths)
    write_exit_table(exit_file(weights), table)
    return table


def test_a_table_comes_back_as_it_was_written_and_twice_the_same_bytes(table, weights):
    file = exit_file(weights)
    assert file.name == "small.pt.exit.toml"
    assert read_exit_table(file, weights) == table
    first = file.read_bytes()
    write_exit_table(file, table)
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    ("eps", "thresholds"), [(0.005, FULL.thresholds), (0.02, SLOW.thresholds), (0.05, FAST.thresholds)]
)
def test_the_fastest_step_within_eps_is_taken(table, weights, eps, thresholds):
    policy = ExitPolicy.calibrated(exit_file(weights), eps, 512, "predicted")
    assert policy.thresholds[:-1] == thresholds and policy.max_layers == 4
    assert policy.leaving == published_thresholds(4)
    assert policy.may_exit == (eps > 0.005)


def test_a_threshold_out_of_reach_forbids_the_exit_even_when_every_unsure_point_has_left():
    policy = ExitPolicy.of_step(SLOW, 4)
    nobody = torch.zeros(0)
    assert is_sure(nobody, 0, 100, policy) and not is_sure(nobody, 1, 100, policy)


def test_the_nearest_keypoint_count_is_taken(table):
    assert [table.path_for(n, "plain").points for n in (1, 600, 640, 700, 5000)] == [256, 256, 1024, 1024, 1024]


def test_other_weights_are_one_clear_error(table, weights):
    weights.write_bytes(b"weights of another network")
    with pytest.raises(WeightsError, match=r"calibrated for other weights than small\.pt .*calibrate-exit"):
        ExitPolicy.calibrated(exit_file(weights), 0.02, 512, "plain")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 2", "format = 1", "not of format 2; run 'slam calibrate-exit' again"),
        ('group = "plain"', 'group = "predicted"', "no calibrated paths for predicted and plain pairs"),
        ("delta = 0.05", "", "ExitTable has other entries"),
        ("bound = 0.009", "", "ExitStep has other entries"),
        ("format = 2", "format =", "not valid TOML"),
    ],
)
def test_a_damaged_file_is_one_clear_error(table, weights, old, new, message):
    file = exit_file(weights)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(WeightsError, match=message):
        read_exit_table(file, weights)


def test_a_missing_file_names_the_command(weights):
    with pytest.raises(WeightsError, match="slam calibrate-exit"):
        ExitPolicy.calibrated(exit_file(weights), 0.02, 512, "plain")


def test_without_a_calibration_the_published_rule_is_used_and_the_note_says_why(weights):
    choice = chosen_exit(MatcherConfig(), weights, 4)
    assert choice.for_pair(512, "plain") == choice.for_pair(9, "predicted") == ExitPolicy.published(0.95, 0.99, 4)
    assert "published rule: no small.pt.exit.toml" in choice.note


def test_the_matcher_takes_the_calibrated_exit_for_every_keypoint_count_and_group(table, weights):
    choice = chosen_exit(MatcherConfig(exit_eps=0.02, max_layers=3), weights, 4)
    policy = choice.for_pair(200, "predicted")
    assert policy.thresholds[:-1] == SLOW.thresholds and policy.max_layers == 3
    assert choice.for_pair(200, "plain").thresholds[:-1] == FULL.thresholds
    full = "full depth at 256 keypoints (plain), 1024 keypoints (plain), nothing faster is certified"
    assert choice.note == f"exit calibrated: risk at most 0.02 with confidence 0.95; {full}"
    everywhere = chosen_exit(MatcherConfig(exit_eps=0.04), weights, 4)
    assert everywhere.note == "exit calibrated: risk at most 0.04 with confidence 0.95"


def test_the_other_exits_need_no_file_and_wrong_ones_are_errors(table, weights):
    assert not chosen_exit(MatcherConfig(exit="off"), weights, 4).for_pair(9, "plain").may_exit
    assert chosen_exit(MatcherConfig(exit="published"), weights, 4).note == "exit by the published rule"
    with pytest.raises(ConfigError, match="must be one of calibrated"):
        chosen_exit(MatcherConfig(exit="caliberated"), weights, 4)
    with pytest.raises(ConfigError, match="exit_eps"):
        chosen_exit(MatcherConfig(exit_eps=0.0), weights, 4)


def test_minus_one_forbids_exit_and_pruning_whatever_the_rule(table, weights):
    config = MatcherConfig(exit_eps=0.05, depth_confidence=-1.0)
    policy = chosen_exit(config, weights, 4).for_pair(512, "predicted")
    assert not policy.may_exit and policy.may_prune
    assert not chosen_exit(replace(config, width_confidence=-1.0), weights, 4).for_pair(512, "predicted").may_prune


def test_a_filter_that_was_not_calibrated_is_said(table, weights):
    note = chosen_exit(MatcherConfig(filter_threshold=0.2), weights, 4).note
    assert "not for filter_threshold 0.2, it was calibrated at 0.1" in note


def test_a_pair_is_predicted_when_some_of_its_places_are(weights):
    view = make_view(3, 1)
    assert group_of(view) == "plain"
    nowhere, somewhere = (np.array([np.inf, np.nan, last], np.float32) for last in (np.inf, 4.0))
    assert group_of(replace(view, sigma_px=nowhere)) == "plain"
    assert group_of(replace(view, sigma_px=somewhere)) == "predicted"
