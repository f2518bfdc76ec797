"""What the weights that come with the program must show on pairs nobody trained on."""

import pytest

from slam.config import FeatureConfig, MatcherConfig
from slam.features import make_extractor
from slam.learning.evaluate import compare_on_pairs, depth_pairs, epipolar_pairs, homography_pairs
from slam.matching import make_matcher
from slam.matching.nearest import NearestMatcher
from slam.sources import open_source


@pytest.fixture(scope="module")
def matchers():
    return {"ours": make_matcher(MatcherConfig(), "sift"), "nearest": NearestMatcher(0.9)}


def assert_more_inliers_before_the_last_layer(matchers, pairs):
    scores = compare_on_pairs(matchers, pairs)
    assert scores["ours"].inliers > scores["nearest"].inliers
    assert 1 <= scores["ours"].exit_layer < matchers["ours"].num_layers


@pytest.mark.parametrize("scene", ["graf", "boat", "leuven", "bikes"])
def test_it_beats_the_nearest_neighbour_under_a_homography(recorded, matchers, scene):
    pairs = list(homography_pairs(recorded / "eval_pairs/oxford_affine" / scene, make_extractor(FeatureConfig())))
    assert_more_inliers_before_the_last_layer(matchers, pairs)


def test_it_beats_the_nearest_neighbour_in_a_room(recorded, matchers):
    source = open_source("tum", recorded / "sequences/sevenscenes_300", max_frames=120)
    pairs = list(depth_pairs(source, make_extractor(FeatureConfig()), gap=10, step=20, inlier_px=5.0))
    assert_more_inliers_before_the_last_layer(matchers, pairs)


def test_it_beats_the_nearest_neighbour_on_the_road(recorded, matchers):
    source = open_source("kitti", recorded / "sequences/kitti_stereo_30")
    pairs = list(epipolar_pairs(source, make_extractor(FeatureConfig()), gap=3, step=6))
    assert_more_inliers_before_the_last_layer(matchers, pairs)
