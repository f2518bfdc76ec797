"""Pairs and the true places of their keypoints, by law."""

import numpy as np
import pytest
from bench_data import H_2_1, bench_data

from slam.camera import Camera, Rig
from slam.errors import SourceError
from slam.evaluation.matching_cases import built, mapped, predicted
from slam.evaluation.matching_pairs import ROOM, homography_set, posed_sets, stranger_set
from slam.evaluation.matching_registration import color_view, registered
from slam.features.sift import SiftExtractor
from slam.sources import open_source

DEPTH_CAMERA = Camera(64, 48, 58.5, 58.5, 32.0, 24.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return bench_data(tmp_path_factory.mktemp("bench"), 8)


@pytest.fixture(scope="module")
def case(data):
    pairs = posed_sets(open_source("tum", data / ROOM), (3,), 1)[3]
    return built(pairs, SiftExtractor(200))[0]


def test_the_homography_says_where_points_are(data):
    (case,) = built(homography_set(data), SiftExtractor(50))
    h = H_2_1 @ np.append(case.a.xy[0], 1)
    np.testing.assert_allclose(case.a_in_b[0], h[:2] / h[2], atol=1e-3)  # px


def test_every_gap_has_pairs_with_the_same_first_frames(data):
    sets = posed_sets(open_source("tum", data / ROOM), (1, 4), 2)
    names = {gap: [pair.a.name for pair in pairs] for gap, pairs in sets.items()}
    assert names[1] == names[4] and len(names[1]) == 2
    assert sets[4][0].b.name.endswith("/4")


def test_a_recording_shorter_than_the_gap_is_one_clear_error(data):
    with pytest.raises(SourceError, match="no two frames 60 apart"):
        posed_sets(open_source("tum", data / ROOM), (60,), 2)


def test_a_folder_without_pictures_is_one_clear_error(tmp_path):
    with pytest.raises(SourceError, match="holds eval_pairs"):
        homography_set(tmp_path)


def test_pictures_of_other_places_know_no_truth(data):
    pairs = stranger_set(data, [data / ROOM])
    assert pairs and all(pair.T_b_a is None and pair.H_b_a is None for pair in pairs)
    assert np.isnan(built(pairs[:1], SiftExtractor(20))[0].a_in_b).all()


def test_depth_and_poses_put_points_close_to_where_they_are_seen_again(case):
    known = mapped(case)
    nearest = np.linalg.norm(known.a_in_b[:, None] - case.b.xy[None], axis=2).min(1)
    assert 0 < len(known.a.xy) <= len(case.a.xy)
    assert np.median(nearest) < 2.0  # px
    assert 0 < case.possible <= len(case.a.xy)


def test_a_prediction_is_off_by_what_it_says_and_keeps_what_it_does_not_know(case):
    guided = predicted(case, error_px=10.0, sigma_px=4.0, seed=1)
    known = np.isfinite(case.a_in_b).all(1)
    off = np.linalg.norm(guided.a.xy[known] - case.a_in_b[known], axis=1)
    assert np.median(off) == pytest.approx(10.0, abs=1.0)  # px
    np.testing.assert_array_equal(guided.a.sigma_px[known], 4.0)
    assert np.isinf(guided.a.sigma_px[~known]).all()
    np.testing.assert_array_equal(guided.a.xy[~known], case.a.xy[~known])


def test_depth_moves_to_where_a_camera_of_another_focal_length_sees_it():
    depth_m = np.zeros((48, 64), np.float32)
    depth_m[24, 52], depth_m[24, 32] = 2.0, 3.0
    moved = registered(depth_m, DEPTH_CAMERA, Camera(64, 48, 29.25, 29.25, 32.0, 24.0))
    assert moved[24, 42] == 2.0 and moved[24, 32] == 3.0  # 20 px from the middle become 10
    assert np.count_nonzero(moved) == 2


def test_only_recordings_without_registration_are_registered():
    depth_m = np.ones((48, 64), np.float32)
    assert color_view(Rig("room", DEPTH_CAMERA), depth_m)[1] is depth_m
    assert color_view(Rig("sevenscenes", DEPTH_CAMERA), depth_m)[0].fx == 525.0
