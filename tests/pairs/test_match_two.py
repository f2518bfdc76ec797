"""Two pictures matched: the story agrees with the matches, and the geometry with the truth."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera
from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.errors import ConfigError, SourceError
from slam.features import make_extractor
from slam.matching import make_matcher
from slam.pairs.picture import described, read_picture
from slam.pairs.two import match_two, tracing_matcher, with_keypoints
from slam.pairs.verify import inliers

CAMERA = Camera(640, 480, 524.8, 524.8, 319.5, 239.5)


@pytest.fixture(scope="module")
def found(demo_pair):
    return match_two(*demo_pair, SlamConfig(), verify="essential", camera=CAMERA)


def test_the_traced_matches_are_those_of_the_plain_matcher(found):
    plain = make_matcher(MatcherConfig(), "earlybird").match(found.features_a.view(), found.features_b.view())
    traced = found.trace.matches
    assert len(plain) > 150 and np.array_equal(plain.index_a, traced.index_a)
    assert np.array_equal(plain.index_b, traced.index_b) and np.array_equal(plain.confidence, traced.confidence)
    assert (plain.exit_layer, plain.pruned) == (traced.exit_layer, traced.pruned)


def test_the_points_that_left_are_the_pruned_share(found):
    trace = found.trace
    left = np.concatenate([trace.left_a, trace.left_b])
    assert (left > 0).mean() == pytest.approx(trace.matches.pruned) and trace.matches.pruned > 0.02
    assert left.max() < trace.matches.exit_layer
    assert not trace.left_a[trace.matches.index_a].any() and not trace.left_b[trace.matches.index_b].any()


def test_a_match_stands_since_the_layer_from_which_every_cap_gives_it(found):
    config = replace(SlamConfig(), matcher=MatcherConfig(exit="off"))
    full = tracing_matcher(config).traced(found.features_a.view(), found.features_b.view())
    matcher = make_matcher(config.matcher, "earlybird")
    a, b = found.features_a.view(), found.features_b.view()
    given = [pairs(matcher.match(a, b, max_layers=cap)) for cap in range(1, 7)]
    for pair, since in zip(
        sorted(pairs(full.matches)), full.found_after[np.argsort(full.matches.index_a)], strict=True
    ):
        missing = [cap for cap in range(1, 7) if pair not in given[cap - 1]]
        assert since == max(missing, default=0) + 1
    assert len(set(full.found_after.tolist())) > 1


def pairs(matches):
    return set(zip(matches.index_a.tolist(), matches.index_b.tolist(), strict=True))


def test_most_matches_of_the_demo_obey_an_essential_matrix(found):
    assert found.inlier.mean() > 0.8
    rows = dict(found.rows())
    assert rows["matches"] == str(len(found.trace.matches)) and rows["exit layer"].endswith(" of 6")
    assert rows["inliers (essential)"].startswith(str(found.inlier.sum()))


def test_a_matcher_without_layers_has_no_story(demo_pair):
    config = SlamConfig(features=FeatureConfig(name="sift"), matcher=MatcherConfig(name="nearest"))
    found = match_two(*demo_pair, with_keypoints(config, 200))
    assert len(found.trace.matches) > 40 and not found.trace.found_after.any() and not found.trace.left_a.any()
    assert "exit layer" not in dict(found.rows()) and dict(found.rows())["keypoints"] == "200 and 200"


@pytest.mark.parametrize("model", ["fundamental", "homography"])
def test_a_shift_is_found_among_strangers(model):
    rng = np.random.default_rng(3)
    a = rng.uniform(0, 400, (120, 2)).astype(np.float32)
    b = a + np.float32([13, 7])
    b[:40] = rng.uniform(0, 400, (40, 2))
    inlier = inliers(model, a, b)
    assert inlier[40:].all() and inlier[:40].sum() <= (12 if model == "fundamental" else 2)


def test_too_few_matches_agree_on_nothing():
    few = np.zeros((3, 2), np.float32)
    assert not inliers("homography", few, few).any() and not inliers("fundamental", few[:0], few[:0]).any()
    many = np.zeros((30, 2), np.float32)  # all in one place: no model at all
    assert inliers("homography", many, many).shape == (30,)


def test_positions_of_a_shrunk_picture_are_those_of_the_whole_one(demo_grey):
    extractor = make_extractor(FeatureConfig(max_keypoints=300))
    whole, shrunk = described(extractor, demo_grey), described(extractor, demo_grey, 480)
    assert shrunk.image_size == (640, 480) and shrunk.xy[:, 0].max() > 600
    distance = np.linalg.norm(whole.xy[:, None] - shrunk.xy[None], axis=2).min(1)
    near = whole.xy[distance < 2][:, None] - shrunk.xy[None]
    offset = near[np.arange(len(near)), np.linalg.norm(near, axis=2).argmin(1)]
    assert len(offset) > 100 and np.abs(np.median(offset, axis=0)).max() < 0.15  # px; a missed half pixel is 0.17


def test_a_picture_is_never_enlarged(demo_grey):
    extractor = make_extractor(FeatureConfig(max_keypoints=50))
    assert np.array_equal(described(extractor, demo_grey, 4000).xy, described(extractor, demo_grey).xy)


def test_what_cannot_be_matched_is_said(demo_pair, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((8, 40), np.uint8))
    with pytest.raises(SourceError, match="40 x 8 px, too small"):
        read_picture(tmp_path / "tiny.png")
    with pytest.raises(ConfigError, match="--verify affine: is unknown"):
        match_two(*demo_pair, SlamConfig(), verify="affine")
    with pytest.raises(ConfigError, match="needs the camera"):
        match_two(*demo_pair, SlamConfig(), verify="essential")
    with pytest.raises(ConfigError, match="no use for a camera"):
        match_two(*demo_pair, SlamConfig(), verify="homography", camera=CAMERA)
