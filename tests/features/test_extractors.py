"""What holds for every row of the FEATURES table."""

import cv2
import numpy as np
import pytest

from slam.config import FeatureConfig
from slam.errors import ConfigError, WeightsError
from slam.features import CLASSICAL, FEATURES, LEARNED, make_extractor
from slam.features.weights import WEIGHTS
from slam.types import Features


@pytest.fixture(scope="module", params=FEATURES)
def extractor(request):
    weights = request.getfixturevalue("teacher")(request.param) if request.param in LEARNED else ""
    return make_extractor(FeatureConfig(name=request.param, max_keypoints=256, weights=weights))


def mutual(a: Features, b: Features) -> tuple[np.ndarray, np.ndarray]:
    similarity = a.descriptors @ b.descriptors.T
    best = similarity.argmax(1)
    index = np.flatnonzero(similarity.argmax(0)[best] == np.arange(len(a)))
    return a.xy[index], b.xy[best[index]]


def correct_share(a: Features, b: Features, H: np.ndarray, tolerance_px: float = 3.0) -> float:
    xy_a, xy_b = mutual(a, b)
    there = cv2.perspectiveTransform(xy_a[:, None].astype(np.float64), H)[:, 0]
    return float((np.linalg.norm(there - xy_b, axis=1) < tolerance_px).mean())


def test_features_have_the_promised_shapes_and_types(extractor, texture):
    features = extractor.extract(texture)
    assert 20 < len(features) <= 256
    assert features.xy.shape == (len(features), 2)
    assert features.descriptors.shape == (len(features), extractor.descriptor_dim)
    assert features.scores.shape == (len(features),)
    assert {a.dtype for a in (features.xy, features.scores, features.descriptors)} == {np.dtype(np.float32)}
    assert features.image_size == (320, 240)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert (features.xy >= -0.5).all() and (features.xy < [319.5, 239.5]).all()


def test_no_two_keypoints_share_a_position(extractor, texture):
    features = extractor.extract(texture)
    assert len(np.unique(features.xy, axis=0)) == len(features)


def test_a_flat_picture_has_no_features_and_no_error(extractor):
    features = extractor.extract(np.full((240, 320), 90, np.uint8))
    assert features.descriptors.shape == (len(features), extractor.descriptor_dim)
    assert len(features) < 20


def test_the_same_picture_gives_the_same_features(extractor, texture):
    once, again = extractor.extract(texture), extractor.extract(texture)
    np.testing.assert_array_equal(once.xy, again.xy)
    np.testing.assert_array_equal(once.descriptors, again.descriptors)


def test_odd_sizes_are_looked_at_too(extractor, texture):
    features = extractor.extract(texture[:203, :301])
    assert features.image_size == (301, 203)
    assert (features.xy[:, 0] < 301).all() and (features.xy[:, 1] < 203).all()


def test_a_shifted_picture_has_shifted_features(extractor, recorded):
    picture = cv2.imread(str(recorded / "eval_pairs/oxford_affine/leuven/img1.png"), cv2.IMREAD_GRAYSCALE)
    shift = np.array([[1, 0, -32], [0, 1, -32], [0, 0, 1.0]])  # whole cells of every network
    here, there = extractor.extract(picture[:320, :384]), extractor.extract(picture[32:352, 32:416])
    xy_a, xy_b = mutual(here, there)
    assert correct_share(here, there, shift) > 0.75
    assert np.abs(np.median(xy_a - xy_b, axis=0) - 32).max() < 0.1  # px


@pytest.mark.parametrize("scene", ["leuven", "bikes"])
def test_matches_of_a_real_pair_agree_with_its_homography(extractor, recorded, scene):
    folder = recorded / "eval_pairs/oxford_affine" / scene
    pictures = (cv2.imread(str(folder / f"img{i}.png"), cv2.IMREAD_GRAYSCALE) for i in (1, 2))
    a, b = (extractor.extract(cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)) for p in pictures)
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    H = half @ np.loadtxt(folder / "H1to2p") @ np.linalg.inv(half)
    assert correct_share(a, b, H) > {"xfeat": 0.45, "orb": 0.6}.get(extractor.name, 0.7)


def test_an_unknown_name_is_a_config_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'sift'"):
        make_extractor(FeatureConfig(name="sfit"))


def test_a_number_given_overrides_the_config(texture):
    assert len(make_extractor(FeatureConfig(name="sift"), max_keypoints=64).extract(texture)) == 64


def test_no_keypoints_at_all_is_a_config_error():
    with pytest.raises(ConfigError, match="at least 1"):
        make_extractor(FeatureConfig(name="orb", max_keypoints=0))


@pytest.mark.parametrize("name", LEARNED)
def test_missing_weights_name_the_command_that_gets_them(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EARLYBIRD_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=f"slam download weights {name}"):
        make_extractor(FeatureConfig(name=name))


def test_every_learned_extractor_has_a_row_of_weights():
    assert set(LEARNED) <= set(WEIGHTS)
    assert not set(CLASSICAL) & set(WEIGHTS)
