"""Stereo rectification: a point lies on one row of both images, at the disparity its depth tells."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from slam.camera import KANNALA_BRANDT, Camera, Rig
from slam.errors import CalibrationError
from slam.geometry import apply, exp_se3, invert
from slam.rig_file import load_rig
from slam.sources import open_source
from slam.sources.rectify import rectified

POINTS_BODY = np.random.default_rng(1).uniform([-0.5, -0.4, 2.0], [0.5, 0.4, 6.0], (200, 3))


def skewed_rig(model):
    """Two cameras that look past each other by 2 degrees, on a body turned away from the identity."""
    distortion = (-0.02, 0.01, -0.003, 0.001) if model == KANNALA_BRANDT else (-0.2, 0.05, 0.0005, -0.0003)
    left = Camera(640, 480, 400.0, 402.0, 322.0, 238.0, model, distortion)
    right = replace(left, fx=405.0, cx=317.0)
    T_left_right = exp_se3(np.array([0.01, -0.02, 0.03, 0.12, 0.002, -0.003]))
    return Rig("skewed", left, right, T_left_right, exp_se3(np.array([0.1, 0.2, -0.1, 0.03, -0.02, 0.05])))


def captured(camera, points_cam):
    return camera.distort(camera.project(points_cam))


def looked_up(maps, xy):
    """Captured pixels of rectified pixels (N, 2), by the rectification maps."""
    xy = xy.astype(np.float32)
    return np.column_stack([cv2.remap(each, xy[:, 0], xy[:, 1], cv2.INTER_LINEAR).ravel() for each in maps])


@pytest.mark.parametrize("model", ["radtan", KANNALA_BRANDT])
def test_rectified_pixels_come_from_where_the_cameras_saw_them(model):
    rig = skewed_rig(model)
    flat, rectifier = rectified(rig)
    points_left = apply(invert(rig.T_body_cam), POINTS_BODY)
    points_flat = apply(invert(flat.T_body_cam), POINTS_BODY)
    points_right = apply(invert(rig.T_left_right), points_left)
    xy_left = flat.left.project(points_flat)
    xy_right = flat.right.project(apply(invert(flat.T_left_right), points_flat))
    seen = np.all((xy_left > 5) & (xy_left < (634, 474)) & (xy_right > 5) & (xy_right < (634, 474)), axis=1)
    assert seen.sum() > 50
    for maps, xy, camera, points in (
        (rectifier.left_xy, xy_left, rig.left, points_left),
        (rectifier.right_xy, xy_right, rig.right, points_right),
    ):
        np.testing.assert_allclose(looked_up(maps, xy[seen]), captured(camera, points[seen]), atol=0.1)  # px


@pytest.mark.parametrize("model", ["radtan", KANNALA_BRANDT])
def test_the_disparity_is_baseline_times_focal_length_over_depth(model):
    flat, _ = rectified(skewed_rig(model))
    points_flat = apply(invert(flat.T_body_cam), POINTS_BODY)
    xy, xy_right = flat.left.project(points_flat), flat.right.project(points_flat - (flat.baseline_m, 0, 0))
    np.testing.assert_allclose(xy_right[:, 1], xy[:, 1], atol=1e-9)
    np.testing.assert_allclose(xy_right[:, 0], xy[:, 0] - flat.baseline_m * flat.left.fx / points_flat[:, 2], atol=1e-9)
    assert flat.baseline_m == pytest.approx(np.linalg.norm(skewed_rig(model).T_left_right[:3, 3]), abs=1e-6)


def test_a_rig_without_a_right_camera_is_refused():
    with pytest.raises(CalibrationError, match=r"stereo needs \[right\]"):
        rectified(load_rig("tum_fr1"))


def test_rows_of_recorded_stereo_agree(recorded):
    frame = next(iter(open_source("euroc", recorded / "sequences/euroc_v101_static_stereo_12")))
    sift = cv2.SIFT_create(600)
    keys_left, left = sift.detectAndCompute(frame.image, None)
    keys_right, right = sift.detectAndCompute(frame.right, None)
    pairs = cv2.BFMatcher(crossCheck=True).match(left, right)
    pairs = [pair for pair in pairs if pair.distance < 200]
    offsets = np.array([np.subtract(keys_left[p.queryIdx].pt, keys_right[p.trainIdx].pt) for p in pairs])
    assert len(pairs) > 100
    assert np.median(np.abs(offsets[:, 1])) < 0.7  # px
    assert np.mean(offsets[:, 0] > -1) > 0.9
