"""The drawing of a pair shows what it says it shows."""

import cv2
import numpy as np
import pytest
from command_line import called

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.errors import ConfigError
from slam.pairs.drawing import draw_matches, placed
from slam.pairs.picture import Picture
from slam.pairs.two import match_two

HEAD = np.array([0, 34])  # px above the pictures


@pytest.fixture(scope="module")
def found(demo_pair):
    return match_two(*demo_pair, SlamConfig(), verify="fundamental")


def near(image, xy, color, reach=3):
    """Whether a pixel near a place has about that colour (BGR)."""
    x, y = np.round(xy).astype(int)
    patch = image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].reshape(-1, 3).astype(int)
    return np.abs(patch - color).max(1).min() < 40


def drawn(found, path, coloring="confidence"):
    draw_matches(found, path, coloring)
    return cv2.imread(str(path))


def test_points_that_stayed_without_a_match_have_blue_rings(found, tmp_path):
    image = drawn(found, tmp_path / "m.png")
    alone = (found.trace.left_a == 0) & ~np.isin(np.arange(len(found.features_a)), found.trace.matches.index_a)
    place = placed(found.a, found.b)[0]
    places = place.points(found.features_a.xy[alone]) + HEAD
    seen = [near(image, xy, (255, 196, 124), 5) for xy in places]
    assert len(seen) > 10 and np.mean(seen) > 0.9


def test_outliers_are_red_at_both_ends(found, tmp_path):
    image = drawn(found, tmp_path / "m.png")
    wrong = ~found.inlier
    places = placed(found.a, found.b)
    for place, features, index in zip(
        places, (found.features_a, found.features_b), (found.trace.matches.index_a, found.trace.matches.index_b)
    ):
        seen = [near(image, xy, (77, 77, 255)) for xy in place.points(features.xy[index[wrong]]) + HEAD]
        assert len(seen) > 3 and np.mean(seen) > 0.7


def test_wide_pictures_lie_below_each_other_and_others_side_by_side():
    wide, tall = Picture("w", np.zeros((100, 330), np.uint8)), Picture("t", np.zeros((300, 200), np.uint8))
    a, b = placed(wide, wide)
    assert (b.x, b.y) == (0, pytest.approx(a.height + 12)) and a.width == b.width
    a, b = placed(wide, tall)
    assert b.y == 0 and b.x == pytest.approx(a.width + 12) and a.height == pytest.approx(b.height)
    assert b.points(np.float32([[-0.5, -0.5]]))[0].tolist() == [b.x, 0]


def test_a_hostile_name_and_a_matcher_without_layers_are_drawn(demo_pair, tmp_path):
    path = tmp_path / "$x_{$ \n\t.jpg"
    path.write_bytes(demo_pair[0].read_bytes())
    config = SlamConfig(features=FeatureConfig(name="orb", max_keypoints=50), matcher=MatcherConfig(name="nearest"))
    found = match_two(path, demo_pair[1], config)
    assert drawn(found, tmp_path / "out" / "m.png", "layer").shape[1] == 1760


def test_pictures_without_any_point_are_drawn(tmp_path):
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((60, 80), np.uint8))
    found = match_two(tmp_path / "black.png", tmp_path / "black.png", SlamConfig(), verify="homography")
    assert len(found.trace.matches) == 0 and drawn(found, tmp_path / "m.png") is not None


def test_bad_ways_to_draw_are_refused(found, tmp_path):
    with pytest.raises(ConfigError, match="--color rainbow: is unknown"):
        draw_matches(found, tmp_path / "m.png", "rainbow")
    with pytest.raises(ConfigError, match=r"end it with \.png"):
        draw_matches(found, tmp_path / "m.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_matches(found, tmp_path / "file" / "m.png")


def test_the_command_prints_and_draws(monkeypatch, capsys, demo_pair, tmp_path):
    out = tmp_path / "matches.png"
    asked = (*demo_pair, "--out", out, "--verify", "essential", "--intrinsics", "524.8,524.8,319.5,239.5")
    answer = called(monkeypatch, capsys, "match", *asked, "--set", "matcher.exit=off")
    assert answer.code == 0 and "6 of 6" in answer.out and "inliers (essential)" in answer.out and out.is_file()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "needs two images"),
        (("missing.jpg", "missing.jpg"), "missing.jpg: cannot be read"),
        (("a.jpg", "b.jpg", "--resize", "-3"), "--resize -3"),
        (("a.jpg", "b.jpg", "--keypoints", "0"), "must be at least 1"),
        (("a.jpg", "b.jpg", "--features", "siftt"), "did you mean 'sift'"),
    ],
)
def test_the_command_names_what_is_wrong(monkeypatch, capsys, demo_pair, tmp_path, asked, said):
    monkeypatch.chdir(tmp_path)
    for name, path in zip(("a.jpg", "b.jpg"), demo_pair, strict=True):
        (tmp_path / name).write_bytes(path.read_bytes())
    answer = called(monkeypatch, capsys, "match", *asked)
    assert answer.code == 2 and said in answer.err and "Traceback" not in answer.err
