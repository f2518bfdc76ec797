"""The matcher of tracking: which answers are audited, what an audit changes, and what it leaves alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matching_views import make_view, moved

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.errors import ConfigError
from slam.learning.start import fresh_network
from slam.matching import make_matcher
from slam.matching.calibration import ExitPath, ExitStep, ExitTable, exit_file, sha256_of, write_exit_table
from slam.matching.lightglue import NetworkShape
from slam.matching.video import video_matcher
from slam.matching.weights import save_weights
from slam.types import Mode

PLAIN_A = make_view(80, 1)
B, _ = moved(PLAIN_A, 0.4, 2)
A = replace(PLAIN_A, sigma_px=np.full(80, 9.0, np.float32))  # as the map predicts it
NEVER = 1 + 1 / 1024
FULL = ExitStep((NEVER,) * 3, -1.0, -1.0, 0.0, 0.0, 0.0, 4.0, 4.0)
FAST = ExitStep((0.0,) * 3, 0.5, -1.0, 0.02, 0.01, 0.01, 1.0, 1.0)  # always leaves after the first layer


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(5)
    shape = NetworkShape(width=128, heads=2, layers=4, input_dim=128)
    network = fresh_network(shape, np.concatenate([make_view(400, i).descriptors for i in range(3)]))
    with torch.no_grad():
        network.log_assignment["0"].final_proj.weight[16:] = 0.0  # the first answers are rough
    save_weights(tmp_path / "small.pt", network, {})
    return tmp_path / "small.pt"


def calibrate(weights):
    paths = tuple(ExitPath(512, group, 300, 150, "ab" * 32, (FULL, FAST), ()) for group in ("predicted", "plain"))
    write_exit_table(exit_file(weights), ExitTable("sift", 4, 0.1, sha256_of(weights), "hb", 0.05, 0, paths))


def opened(weights, left_ms=math.inf, **settings):
    matcher = MatcherConfig(
        weights=str(weights), runtime="torch", filter_threshold=0.0, **({"audit_share": 1.0} | settings)
    )
    config = SlamConfig(features=FeatureConfig(name="sift"), matcher=matcher)
    return video_matcher(make_matcher(matcher, "sift"), config, Mode.RGBD, lambda: left_ms)


def test_an_audit_of_a_calibrated_exit_moves_its_level(weights):
    calibrate(weights)
    video = opened(weights, exit_eps=0.02)
    video.begin(0)
    early = video.match(A, B)
    video.audit()
    report = video.report
    assert early.exit_layer == 1 and report.count == 1 and report.loss > 0.02
    assert report.level < 0.02 and video.match(A, B).exit_layer == 4  # full depth, until trust comes back
    assert video.match(PLAIN_A, B).exit_layer == 1  # pairs without a prediction keep their own promise


def test_pairs_without_a_prediction_are_not_audited(weights):
    calibrate(weights)
    video = opened(weights, exit_eps=0.02)
    video.begin(0)
    video.match(PLAIN_A, B)
    video.audit()
    assert video.report.count == 0


def test_without_a_calibration_the_audit_only_observes(weights):
    video = opened(weights, depth_confidence=0.01)
    for index in range(3):
        video.begin(index)
        before = video.match(A, B)
        video.audit()
    assert video.report.count == 3 and math.isnan(video.report.level)
    assert video.match(A, B).exit_layer == before.exit_layer


def test_settings_that_narrow_the_calibration_are_only_observed(weights):
    calibrate(weights)
    video = opened(weights, max_layers=3)
    video.begin(0)
    video.match(A, B)
    video.audit()
    assert video.report.count == 1 and math.isnan(video.report.level)


def test_a_pair_is_audited_once_and_only_when_asked(weights):
    video = opened(weights)
    video.begin(0)
    video.match(A, B)
    assert video.report.count == 0
    video.audit()
    video.audit()
    assert video.report.count == 1


def test_only_the_frames_of_the_share_are_audited(weights):
    video = opened(weights, audit_share=0.1)
    for index in range(100):
        video.begin(index)
        video.match(replace(A, xy=A.xy[:8], descriptors=A.descriptors[:8], sigma_px=A.sigma_px[:8]), B)
        video.audit()
    assert 3 <= video.report.count <= 20


def test_neither_hurried_answers_nor_those_of_limited_depth_are_audited(weights):
    for left_ms, max_layers in ((0.0, 0), (math.inf, 2)):
        video = opened(weights, left_ms, depth_confidence=-1.0)
        video.begin(0)
        assert video.match(A, B, max_layers=max_layers).hurried == (max_layers == 0)
        video.audit()
        assert video.report.count == 0


def test_no_share_no_exit_or_no_layers_mean_no_audit(weights):
    assert opened(weights, audit_share=0.0).report is None and opened(weights, exit="off").report is None
    nearest = opened(weights, name="nearest")
    nearest.begin(0)
    assert len(nearest.match(A, B)) and nearest.report is None


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_one_clear_error(weights, share):
    with pytest.raises(ConfigError, match=r"matcher\.audit_share: must lie between 0 and 1"):
        opened(weights, audit_share=share)
