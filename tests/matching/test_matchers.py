"""The table of matchers, and what any of them must do."""

import numpy as np
import pytest
from matching_views import make_view, moved

from slam.config import MatcherConfig
from slam.errors import ConfigError, WeightsError
from slam.matching import MATCHERS, WEIGHTS, make_matcher, packaged_weights
from slam.matching.nearest import NearestMatcher
from slam.types import MatchView

NOTHING = MatchView(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), (640, 480))


@pytest.fixture(params=MATCHERS)
def matcher(request):
    return make_matcher(MatcherConfig(name=request.param), "sift")


def test_matches_are_one_to_one_and_ascending(matcher):
    a = make_view(150, 1)
    b, _ = moved(a, 0.3, 2)
    found = matcher.match(a, b)
    assert len(found) > 20
    assert np.all(np.diff(found.index_a) > 0) and len(np.unique(found.index_b)) == len(found)
    assert found.index_a.dtype == found.index_b.dtype == np.int64 and found.confidence.dtype == np.float32
    assert np.all((found.confidence >= 0) & (found.confidence <= 1))
    assert 0 <= found.exit_layer <= matcher.num_layers


def test_matches_are_the_right_ones(matcher):
    a = make_view(150, 1)
    b, order = moved(a, 0.2, 2)
    found = matcher.match(a, b)
    assert np.mean(order[found.index_b] == found.index_a) > 0.95


def test_an_empty_view_has_no_matches(matcher):
    a = make_view(10, 3)
    for views in ((NOTHING, a), (a, NOTHING), (NOTHING, NOTHING)):
        assert len(matcher.match(*views)) == 0


def test_a_single_point_on_either_side_is_no_trouble(matcher):
    a, one = make_view(10, 4), make_view(1, 5)
    for views in ((a, one), (one, a), (one, one)):
        assert len(matcher.match(*views)) <= 1


def test_many_pairs_give_the_answers_of_one_by_one(matcher):
    pairs = [(moved(make_view(60, i), 0.3, i)[0], make_view(60, i)) for i in range(3)] + [(NOTHING, NOTHING)]
    many = matcher.match_many(pairs)
    for found, expected in zip(many, [matcher.match(*pair) for pair in pairs], strict=True):
        assert np.array_equal(found.index_b, expected.index_b)
        assert np.array_equal(found.confidence, expected.confidence)


def test_views_that_nobody_may_write_are_matched_without_a_warning(matcher, recwarn):
    a, b = make_view(30, 6), make_view(30, 7)
    for view in (a, b):
        view.xy.flags.writeable = view.descriptors.flags.writeable = False
    matcher.match(a, b)
    assert not recwarn.list


def test_a_misspelt_matcher_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'lightglue'"):
        make_matcher(MatcherConfig(name="lightgleu"), "sift")


def test_features_without_weights_are_an_error_that_names_the_way_out():
    with pytest.raises(WeightsError, match=r"none come with features 'orb'.*--matcher nearest"):
        make_matcher(MatcherConfig(), "orb")


def test_descriptors_of_another_length_are_one_clear_error():
    with pytest.raises(WeightsError, match="length 128, got 64"):
        make_matcher(MatcherConfig(), "sift").match(make_view(5, 8, 64), make_view(5, 9, 64))


@pytest.mark.parametrize("features", WEIGHTS)
def test_every_row_of_the_weights_table_has_its_file_and_card(features):
    path = packaged_weights(features)
    assert path.is_file() and path.with_suffix(".md").is_file()
    assert path.stat().st_size < 3_000_000
    assert make_matcher(MatcherConfig(), features).num_layers > 0


def test_the_ratio_drops_what_has_a_close_rival():
    a = make_view(60, 10)
    b, _ = moved(a, 0.0, 11)
    twins = MatchView(np.concatenate([b.xy, b.xy]), np.concatenate([b.descriptors, b.descriptors]), b.image_size)
    assert len(NearestMatcher(0.9).match(a, b)) == 60
    assert len(NearestMatcher(0.9).match(a, twins)) == 0
