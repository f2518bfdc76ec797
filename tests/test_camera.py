"""Cameras: distorting undoes undistorting, rays undo projection, and both agree with the formulas."""

import numpy as np
import pytest

from slam.camera import KANNALA_BRANDT, RADTAN, Camera, Rig
from slam.rig_file import load_rig

CAMERAS = {
    "fr1": load_rig("tum_fr1").left,
    "euroc": load_rig("euroc").left,
    "fisheye": Camera(640, 480, 300.0, 301.0, 322.0, 238.0, KANNALA_BRANDT, (-0.02, 0.01, -0.003, 0.001)),
    "ideal": Camera(640, 480, 500.0, 510.0, 320.0, 240.0),
}


@pytest.fixture(params=CAMERAS)
def camera(request):
    return CAMERAS[request.param]


def pixels(camera, share=0.8):
    """A grid over the middle of the image."""
    margin = (1 - share) / 2
    x, y = (np.linspace(margin * size, (1 - margin) * size, 9) for size in camera.image_size)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def test_distort_undoes_undistort(camera):
    xy_raw = pixels(camera)
    np.testing.assert_allclose(camera.distort(camera.undistort(xy_raw)), xy_raw, atol=0.05)  # px


def test_rays_undo_projection(camera):
    points_cam = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 6], (50, 3))
    rays = camera.rays(camera.project(points_cam))
    np.testing.assert_allclose(rays * points_cam[:, 2:], points_cam, atol=1e-12)


def test_points_behind_the_camera_have_no_pixel(camera):
    xy = camera.project(np.array([[0.1, 0.1, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert np.isnan(xy[:2]).all()
    np.testing.assert_allclose(xy[2], (camera.cx, camera.cy))


def test_no_pixels_stay_no_pixels(camera):
    assert camera.undistort(np.zeros((0, 2), np.float32)).shape == (0, 2)
    assert camera.distort(np.zeros((0, 2), np.float32)).shape == (0, 2)


def test_radtan_is_the_formula():
    camera = Camera(640, 480, 500.0, 510.0, 320.0, 240.0, RADTAN, (0.1, -0.05, 0.002, -0.003, 0.01))
    k1, k2, p1, p2, k3 = camera.distortion
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    x_raw = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    y_raw = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    expected = [[500 * x_raw + 320, 510 * y_raw + 240]]
    np.testing.assert_allclose(camera.distort(camera.project(np.array([[x, y, 1.0]]))), expected, atol=1e-3)


def test_kannala_brandt_is_the_formula():
    camera = CAMERAS["fisheye"]
    x, y = 0.6, -0.4
    r = np.hypot(x, y)
    a = np.arctan(r)
    a_raw = a + sum(k * a ** (2 * i + 3) for i, k in enumerate(camera.distortion))
    expected = [[camera.fx * x / r * a_raw + camera.cx, camera.fy * y / r * a_raw + camera.cy]]
    np.testing.assert_allclose(camera.distort(camera.project(np.array([[x, y, 1.0]]))), expected, atol=1e-3)


def test_a_camera_without_distortion_leaves_pixels_alone():
    xy = pixels(CAMERAS["ideal"])
    np.testing.assert_array_equal(CAMERAS["ideal"].undistort(xy), xy)


def test_the_baseline_is_the_projector_s_until_there_is_a_right_camera():
    assert Rig("depth", CAMERAS["ideal"], depth_baseline_m=0.07).baseline_m == 0.07
    assert load_rig("euroc").baseline_m == pytest.approx(0.11008, abs=1e-5)  # m
