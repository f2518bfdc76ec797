"""Observations: depth is read at the pixel as captured, and not across edges."""

import numpy as np
import pytest
from synthetic_world import RIG

from slam.config import FeatureConfig
from slam.rig_file import load_rig
from slam.tracking.observe import Observer, sample_depth
from slam.types import Frame, Mode

SIFT = FeatureConfig(name="sift", max_keypoints=200)


def wall(depth_m=2.0):
    return np.full((480, 640), depth_m, np.float32)


def speckled(seed=0):
    return np.random.default_rng(seed).integers(0, 255, (60, 80), np.uint8).repeat(8, 0).repeat(8, 1)


def test_depth_is_the_middle_of_its_neighbours():
    depth_m = wall()
    depth_m[99:102, 199:202] = [[2.0, 2.01, 2.02], [2.03, 2.04, 2.05], [2.06, 2.07, 2.08]]
    assert sample_depth(depth_m, np.array([[200.4, 99.6]], np.float32)) == pytest.approx([2.04])


def test_an_edge_has_no_depth():
    depth_m = wall()
    depth_m[:, 300:] = 3.0
    depth = sample_depth(depth_m, np.array([[298, 50], [299, 50], [300, 50], [301, 50]], np.float32))
    assert np.isnan(depth).tolist() == [False, True, True, False]


def test_unknown_depth_stays_unknown_and_a_few_holes_do_not_matter():
    depth_m = wall()
    depth_m[100:103, 100:103] = 0.0
    depth_m[200, 200] = 0.0
    depth = sample_depth(depth_m, np.array([[101, 101], [200, 200], [201, 200]], np.float32))
    np.testing.assert_array_equal(np.isnan(depth), [True, False, False])
    assert np.isnan(sample_depth(0 * depth_m, np.array([[5, 5]], np.float32))).all()


def test_the_corners_of_the_picture_have_depth_too():
    corners = np.array([[0, 0], [639, 479], [639.4, -0.4]], np.float32)
    np.testing.assert_array_equal(sample_depth(wall(), corners), 2.0)
    assert sample_depth(wall(), np.zeros((0, 2), np.float32)).shape == (0,)


def test_a_depth_camera_gives_the_right_x_of_its_virtual_second_camera():
    seen = Observer(RIG, Mode.RGBD, SIFT).observe(Frame(0, 7, speckled(), depth_m=wall()))
    assert len(seen) > 100 and seen.stamp_ns == 7
    np.testing.assert_allclose(seen.depth_m, 2.0)
    np.testing.assert_allclose(seen.features.xy[:, 0] - seen.right_x, 0.1 * 500 / 2.0, atol=1e-3)  # px


def test_pixels_are_undistorted_and_the_captured_ones_kept():
    camera = load_rig("tum_fr1").left
    seen = Observer(load_rig("tum_fr1"), Mode.MONO, SIFT).observe(Frame(0, 0, speckled()))
    np.testing.assert_array_equal(seen.features.xy, camera.undistort(seen.xy_raw))
    assert np.abs(seen.features.xy - seen.xy_raw).max() > 5.0  # px
    assert np.isnan(seen.depth_m).all() and np.isnan(seen.right_x).all()


def test_a_frame_without_its_depth_or_right_picture_is_seen_without_depth():
    for mode in (Mode.RGBD, Mode.STEREO):
        assert np.isnan(Observer(RIG, mode, SIFT).observe(Frame(0, 0, speckled())).depth_m).all()


def test_a_stereo_pair_gives_depth():
    image = speckled()
    right = np.roll(image, -10, axis=1)
    seen = Observer(RIG, Mode.STEREO, SIFT).observe(Frame(0, 0, image, right=right))
    known = np.isfinite(seen.depth_m)
    assert known.mean() > 0.5
    assert np.median(seen.depth_m[known]) == pytest.approx(0.1 * 500 / 10.0, rel=0.01)  # m


def test_a_blank_picture_has_no_features():
    for mode, extra in ((Mode.RGBD, {"depth_m": wall()}), (Mode.STEREO, {"right": np.zeros((480, 640), np.uint8)})):
        seen = Observer(RIG, mode, SIFT).observe(Frame(0, 0, np.zeros((480, 640), np.uint8), **extra))
        assert len(seen) == len(seen.depth_m) == len(seen.right_x) == 0
