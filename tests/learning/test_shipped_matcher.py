"""What the weights that come with the program must show on pairs nobody trained on."""

import pytest

from slam.config import FeatureConfig, MatcherConfig
from slam.features import make_extractor
from slam.learning.evaluate import compare_on_pairs, depth_pairs, epipolar_pairs, homography_pairs
from slam.matching import make_matcher
from slam.matching.nearest import NearestMatcher
from slam.sources import open_source

SCENES = ("graf", "boat", "leuven", "bikes")


@pytest.fixture(scope="module", params=["earlybird", "sift"])
def features(request):
    return request.param


@pytest.fixture(scope="module")
def extractor(features):
    return make_extractor(FeatureConfig(name=features))


@pytest.fixture(scope="module")
def matchers(features):
    return {"ours": make_matcher(MatcherConfig(), features), "nearest": NearestMatcher(0.9)}


def assert_more_inliers(matchers, pairs):
    scores = compare_on_pairs(matchers, pairs)
    assert scores["ours"].inliers > scores["nearest"].inliers
    return scores["ours"]


def test_it_beats_the_nearest_neighbour_under_homographies(recorded, extractor, matchers):
    folder = recorded / "eval_pairs/oxford_affine"
    pairs = [pair for scene in SCENES for pair in homography_pairs(folder / scene, extractor)]
    assert_more_inliers(matchers, pairs)


def test_it_beats_the_nearest_neighbour_in_a_room(recorded, extractor, matchers):
    source = open_source("tum", recorded / "sequences/sevenscenes_300", max_frames=120)
    pairs = list(depth_pairs(source, extractor, gap=10, step=20, inlier_px=5.0))
    assert_more_inliers(matchers, pairs)


def test_it_leaves_early_where_frames_follow_each_other(recorded, extractor, matchers):
    source = open_source("tum", recorded / "sequences/sevenscenes_300", max_frames=120)
    pairs = list(depth_pairs(source, extractor, gap=1, step=20, inlier_px=5.0))
    assert assert_more_inliers(matchers, pairs).exit_layer < matchers["ours"].num_layers - 1


def test_it_beats_the_nearest_neighbour_on_the_road(recorded, extractor, matchers):
    source = open_source("kitti", recorded / "sequences/kitti_stereo_30")
    pairs = list(epipolar_pairs(source, extractor, gap=3, step=6))
    assert_more_inliers(matchers, pairs)  # calibrated exits may need all layers here
