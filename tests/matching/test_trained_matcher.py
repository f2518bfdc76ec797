"""What the shipped weights can do, on pictures made here: a textured wall seen from elsewhere."""

import cv2
import numpy as np
import pytest

from slam.config import MatcherConfig
from slam.features.sift import SiftExtractor
from slam.matching import make_matcher
from slam.types import MatchView

SIZE = (480, 360)


def wall(seed):
    """Blobs and rectangles of all sizes, some of them repeated."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.uniform(60, 190, (12, 16)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(260):
        corner, side = rng.uniform((0, 0), SIZE), np.exp(rng.uniform(1.2, 3.6, 2))
        box = cv2.boxPoints((tuple(corner), tuple(side), float(rng.uniform(0, 90)))).astype(np.int32)
        cv2.fillConvexPoly(image, box, float(rng.uniform(0, 255)))
    return image


def seen(image, H, seed, blur=0.6, noise=3.0):
    rng = np.random.default_rng(seed)
    warped = cv2.GaussianBlur(cv2.warpPerspective(image, H, SIZE, borderMode=cv2.BORDER_REFLECT_101), (0, 0), blur)
    return np.clip(warped + rng.normal(0, noise, warped.shape), 0, 255).astype(np.uint8)


def view_of(image):
    found = SiftExtractor(300).extract(image)
    return MatchView(found.xy, found.descriptors, found.image_size)


def pair(H, seed=0, **conditions):
    image = wall(seed)
    return view_of(seen(image, np.eye(3), seed + 1)), view_of(seen(image, H, seed + 2, **conditions))


def inliers(matches, a, b, H, within_px=3.0):
    carried = np.column_stack([a.xy[matches.index_a], np.ones(len(matches))]) @ H.T
    return int((np.linalg.norm(carried[:, :2] / carried[:, 2:] - b.xy[matches.index_b], axis=1) < within_px).sum())


EASY = np.array([[1.0, 0.01, 3.0], [-0.01, 1.0, -2.0], [0, 0, 1]])
HARD = np.array([[0.75, -0.35, 120.0], [0.25, 0.9, -40.0], [5e-4, -4e-4, 1]])


@pytest.fixture(scope="module")
def matcher():
    return make_matcher(MatcherConfig(), "sift")


def test_an_easy_pair_stops_before_a_hard_one(matcher):
    easy, hard = matcher.match(*pair(EASY)), matcher.match(*pair(HARD, blur=1.5, noise=9.0))
    assert 1 <= easy.exit_layer < hard.exit_layer <= matcher.num_layers
    assert len(easy) > len(hard)


def test_more_true_matches_than_the_nearest_neighbour_before_the_last_layer(matcher):
    nearest = make_matcher(MatcherConfig(name="nearest"), "sift")
    ours, baseline, depth = 0, 0, 0
    for seed in range(4):
        a, b = pair(HARD, seed, blur=1.0, noise=6.0)
        found = matcher.match(a, b)
        ours, baseline = ours + inliers(found, a, b, HARD), baseline + inliers(nearest.match(a, b), a, b, HARD)
        depth += found.exit_layer
    assert ours > baseline
    assert depth / 4 < matcher.num_layers


def test_two_walls_that_have_nothing_in_common_give_hardly_a_match(matcher):
    a, b = view_of(seen(wall(5), np.eye(3), 1)), view_of(seen(wall(6), np.eye(3), 2))
    assert len(matcher.match(a, b)) < 0.08 * len(a.xy)


def test_the_same_pair_gives_the_same_answer_every_time(matcher):
    a, b = pair(HARD)
    first, again = matcher.match(a, b), make_matcher(MatcherConfig(), "sift").match(a, b)
    assert np.array_equal(first.index_b, again.index_b) and np.array_equal(first.confidence, again.confidence)


def test_early_exit_keeps_nearly_all_inliers_of_the_full_network(matcher):
    full = make_matcher(MatcherConfig(depth_confidence=-1.0, width_confidence=-1.0), "sift")
    a, b = pair(EASY, 3)
    early, deep = matcher.match(a, b), full.match(a, b)
    assert deep.exit_layer == full.num_layers
    assert inliers(early, a, b, EASY) >= 0.95 * inliers(deep, a, b, EASY)
