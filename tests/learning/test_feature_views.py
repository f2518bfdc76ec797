"""What the extractor is trained on: places that two views share, and the bumps that it is to draw."""

import numpy as np
import pytest

from slam.config import FeatureConfig
from slam.features import make_extractor
from slam.learning.feature_pairs import SPREAD_PX, ViewShards, bumps, feature_batch, plane_view_pair
from slam.learning.feature_recordings import RecordedViews, posed_places
from slam.learning.feature_views import VIEW_SIZE, build_view_shard, places_in
from slam.rendering.render import RenderOptions, render_recording


@pytest.fixture(scope="module")
def shard(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("views") / "shard_0000.npy"
    sift = make_extractor(FeatureConfig(name="sift", max_keypoints=300))
    return build_view_shard(path, sorted(photos.glob("*.png")), sift, seed=3, scenes=4)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("room")
    render_recording(RenderOptions(seconds=0.4, fps=10.0, width=320, height=240, seed=4), folder)
    return folder


def test_places_go_to_the_other_view_and_come_back(shard):
    rows = np.load(shard)
    a, b = rows[0], rows[1]
    xy = a["xy"][: a["count"]]
    place, seen = places_in(b, a, xy)
    back, _ = places_in(a, b, place[seen].astype(np.float32))
    same_plane = np.isfinite(back).all(1)
    error_px = np.linalg.norm(back - xy[seen], axis=1)[same_plane]
    assert seen.sum() > 20
    assert np.median(error_px) < 1e-3


def test_a_place_behind_a_plane_is_not_seen(shard):
    rows = np.load(shard)
    for a, b in zip(rows[::4], rows[1::4], strict=True):
        xy = a["xy"][: a["count"]]
        place, seen = places_in(b, a, xy)
        column, line = np.round(place[seen]).astype(int).T
        own = a["plane"][np.round(xy[seen, 1]).astype(int), np.round(xy[seen, 0]).astype(int)]
        assert (b["plane"][line, column] == own).all()


def test_keypoints_that_other_views_confirm_are_the_strong_ones(shard):
    rows = np.load(shard)
    strength = np.concatenate([row["strength"][: row["count"]] for row in rows])
    assert strength.min() >= 0.3 - 1e-6
    assert strength.max() <= 1 + 1e-6
    assert (strength > 0.9).mean() > 0.05


def test_a_bump_has_its_top_at_the_keypoint_and_its_width():
    picture = bumps(np.array([[100.0, 50.0, 0.8], [200.0, 60.0, 0.5]], np.float32))
    assert picture.shape == VIEW_SIZE[::-1]
    assert picture[50, 100] == pytest.approx(0.8)
    assert picture[60, 200] == pytest.approx(0.5)
    assert picture[50, 101] == pytest.approx(0.8 * np.exp(-1 / (2 * SPREAD_PX**2)))
    assert np.count_nonzero(picture[100:]) == 0


def test_a_batch_shows_the_same_world_at_both_places(shard):
    source = ViewShards(shard.parent)
    batch = feature_batch(source, 3, np.random.default_rng(0), disturb=False)
    differences = []
    for i in range(3):
        known = batch["known"][i].numpy()
        a, b = (batch[name][i].numpy()[known].round().astype(int) for name in ("places_a", "places_b"))
        left, right = batch["pictures"][i, 0].numpy(), batch["pictures"][3 + i, 0].numpy()
        apart = np.abs(left[a[:, 1], a[:, 0]] - right[b[:, 1], b[:, 0]])
        shuffled = np.abs(left[a[:, 1], a[:, 0]] - right[np.roll(b, 5, 0)[:, 1], np.roll(b, 5, 0)[:, 0]])
        differences.append((np.median(apart), np.median(shuffled)))
    assert np.mean(differences, 0)[0] < 0.6 * np.mean(differences, 0)[1]


def test_pairs_of_one_scene_only(shard):
    rows = np.load(shard)
    pair = plane_view_pair(rows[0], rows[1], np.random.default_rng(0))
    assert len(pair.places[0]) == len(pair.places[1]) > 0
    assert (pair.places[1] >= 0).all() and (pair.places[1] < VIEW_SIZE).all()


def test_a_recordings_views_agree_through_their_depth(room, tmp_path):
    sift = make_extractor(FeatureConfig(name="sift", max_keypoints=300))
    views = RecordedViews(room, sift, tmp_path)
    rows = next(iter(tmp_path.glob("views_*.npy")))
    a, b = np.load(rows)[[0, 2]]
    xy = a["xy"][: a["count"]]
    place, seen = posed_places(b, a, xy, views.camera)
    back, _ = posed_places(a, b, place[seen].astype(np.float32), views.camera)
    error_px = np.linalg.norm(back - xy[seen], axis=1)
    assert seen.sum() > 30
    assert np.nanmedian(error_px) < 0.3
    assert len(views.pair(np.random.default_rng(0)).places[0]) > 0
