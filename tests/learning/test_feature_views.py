"""What the extractor is trained on: corners of two views, and where each is in the other."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from slam.config import FeatureConfig
from slam.features import make_extractor
from slam.learning.feature_pairs import (
    VIEW_SIZE,
    ViewShards,
    common,
    corners,
    feature_batch,
    plane_view_pair,
)
from slam.learning.feature_recordings import RecordedViews, posed_places
from slam.learning.feature_views import build_view_shard, places_in
from slam.rendering.options import RenderOptions
from slam.rendering.render import render_recording


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


def test_a_batch_shows_the_same_world_at_both_places(shard):
    batch = feature_batch(ViewShards(shard.parent), 6, np.random.default_rng(0), disturb=False)
    differences = []
    for i in range(6):
        seen = batch["seen"][i].numpy()
        a, b = (batch[name][i].numpy()[seen].round().astype(int) for name in ("xy", "places"))
        left, right = batch["pictures"][i, 0].numpy(), batch["pictures"][6 + i, 0].numpy()
        apart = np.abs(left[a[:, 1], a[:, 0]] - right[b[:, 1], b[:, 0]])
        shuffled = np.abs(left[a[:, 1], a[:, 0]] - right[np.roll(b, 5, 0)[:, 1], np.roll(b, 5, 0)[:, 0]])
        differences.append((np.median(apart), np.median(shuffled)))
    assert np.mean(differences, 0)[0] < 0.6 * np.mean(differences, 0)[1]


def test_places_lie_inside_and_rows_without_a_corner_are_marked(shard):
    batch = feature_batch(ViewShards(shard.parent), 4, np.random.default_rng(1))
    places = batch["places"][batch["seen"]]
    assert (places >= 0).all() and (places[:, 0] < VIEW_SIZE[0]).all() and (places[:, 1] < VIEW_SIZE[1]).all()
    assert not (batch["seen"] & ~batch["real"]).any()
    assert (batch["taught"][~batch["real"]] == 0).all()
    assert 0.05 < (batch["taught"][batch["real"]] > 0).float().mean() < 0.95


def test_the_teachers_keypoints_turn_with_the_picture(shard):
    row = np.load(shard)[0]
    plain = plane_view_pair(row, row)
    rng = np.random.default_rng(0)
    own = corners(plain, 0, np.eye(3), rng, disturb=False)
    taught = np.column_stack([own.xy, np.ones(len(own.xy))]).astype(np.float32)
    turn = np.vstack([cv2.getRotationMatrix2D((159.5, 119.5), 30.0, 1.0), [0, 0, 1]])
    turned = corners(replace(plain, keypoints=(taught, taught)), 0, turn, rng, disturb=False)
    beside = taught + np.float32([7, 0, 0])
    far = corners(replace(plain, keypoints=(beside, beside)), 0, turn, rng, disturb=False)
    assert (turned.taught > 0).mean() > 0.8
    assert (far.taught > 0).mean() < 0.4


def test_views_of_one_scene_share_keypoints(shard):
    rows = np.load(shard)
    assert common(plane_view_pair(rows[0], rows[1])) > 20


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
    assert common(views.pair(np.random.default_rng(0))) > 0
