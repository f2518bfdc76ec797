"""Pictures of lenses of both kinds, brought to the ideal pinhole camera that the exported poses are of."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import KANNALA_BRANDT, Camera
from slam.export.model import ideal
from slam.export.pictures import undistorted, undistorted_depth, undistortion
from slam.types import Frame

RADTAN = Camera(320, 240, 180.0, 182.0, 158.0, 121.0, distortion=(-0.28, 0.07, 0.0004, -0.0003))
FISHEYE = replace(RADTAN, distortion_model=KANNALA_BRANDT, distortion=(0.02, -0.01, 0.004, -0.001))
LENSES = pytest.mark.parametrize("camera", [RADTAN, FISHEYE], ids=["radtan", "fisheye"])


def waves(xy):
    """(N, 3) what an ideal camera sees at these pixels, smooth and different everywhere."""
    x, y = xy.T
    return np.column_stack([np.sin(x / 19) + np.cos(y / 23), np.sin((x + y) / 31), np.cos((x - 2 * y) / 37)])


def pixels(camera):
    return (
        np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), -1).reshape(-1, 2).astype(np.float32)
    )


def captured(camera):
    """What the lens makes of it: RGB (H, W, 3), and a depth that is the ideal picture's x."""
    seen_xy = camera.undistort(pixels(camera)).astype(np.float64)
    color = np.rint(128 + 60 * waves(seen_xy)).astype(np.uint8).reshape(camera.height, camera.width, 3)
    depth_m = (1 + seen_xy[:, 0] / 100).astype(np.float32).reshape(camera.height, camera.width)
    return Frame(0, 0, color[..., 0].copy(), color, depth_m)


def inside(camera):
    """(H, W) ideal pixels that the lens saw."""
    x, y = undistortion(camera)
    return (x >= 1) & (x <= camera.width - 2) & (y >= 1) & (y <= camera.height - 2)


@LENSES
def test_an_undistorted_picture_is_what_the_ideal_camera_sees(camera):
    made = undistorted(captured(camera), undistortion(camera))[..., ::-1]  # BGR, as OpenCV writes it
    true = (128 + 60 * waves(pixels(ideal(camera)).astype(np.float64))).reshape(made.shape)
    assert inside(camera).mean() > 0.9
    assert np.abs(made - true)[inside(camera)].max() < 2.0  # grey levels, of rounding and interpolation


@LENSES
def test_grey_pictures_and_depth_go_the_same_way(camera):
    frame = captured(camera)
    grey = undistorted(replace(frame, color=None), undistortion(camera))
    true = (128 + 60 * waves(pixels(camera).astype(np.float64))[:, 0]).reshape(grey.shape)
    assert np.abs(grey - true)[inside(camera)].max() < 2.0
    depth_m = undistorted_depth(frame, undistortion(camera))
    x = pixels(camera)[:, 0].reshape(depth_m.shape)
    assert np.abs(depth_m - (1 + x / 100))[inside(camera)].max() < 0.015  # m: the nearest pixel, 0.01 m apart


def test_a_camera_without_distortion_leaves_pictures_as_they_are():
    camera = ideal(RADTAN)
    frame = captured(camera)
    assert undistortion(camera) is None
    np.testing.assert_array_equal(undistorted(frame, None), frame.color[..., ::-1])
    assert undistorted_depth(frame, None) is frame.depth_m
