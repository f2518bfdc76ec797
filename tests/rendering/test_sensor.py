from dataclasses import replace

import numpy as np

from slam.camera import Camera
from slam.rendering import sensor
from slam.rendering.raycaster import View

CAMERA = Camera(96, 72, 78.0, 80.0, 47.5, 35.5)


def wall(depth_m=2.0):
    shape = (72, 96)
    color = np.random.default_rng(0).uniform(0, 255, (*shape, 3)).astype(np.float32)
    depth = np.full(shape, depth_m, np.float32)
    return View(color, depth, np.ones(shape, np.float32), np.zeros(shape, np.int64))


def test_depth_noise_grows_with_the_square_of_the_distance():
    deviations = [
        sensor.measured_depth(wall(z), 1.0, np.random.default_rng(1)).astype(float).std() for z in (1.0, 2.0, 4.0)
    ]
    expected = [0.0012 + 0.0019 * (z - 0.4) ** 2 for z in (1.0, 2.0, 4.0)]
    np.testing.assert_allclose(deviations, expected, rtol=0.45)  # metres


def test_depth_is_unknown_out_of_range_at_grazing_angles_and_at_jumps():
    assert not sensor.measured_depth(wall(0.3), 1.0, np.random.default_rng(0)).any()
    assert not sensor.measured_depth(wall(9.0), 1.0, np.random.default_rng(0)).any()
    grazing = replace(wall(), cosine=np.full((72, 96), 0.01, np.float32))
    assert (sensor.measured_depth(grazing, 1.0, np.random.default_rng(0)) == 0).mean() > 0.95
    step = wall()
    step.depth_m[:, 48:] = 3.0
    depth = sensor.measured_depth(step, 1.0, np.random.default_rng(0))
    assert (depth[:, 47:49] == 0).mean() > 0.6
    assert (depth[:, :40] > 0).all()


def test_exact_depth_stays_exact_without_noise():
    assert (sensor.measured_depth(wall(1.2345), 0.0, np.random.default_rng(0)) == np.float32(1.2345)).all()


def test_a_still_camera_does_not_blur_and_a_turning_one_blurs_along_its_way():
    view = wall()
    assert sensor.motion_blurred(view, CAMERA, np.eye(4)) is view.color
    sideways = np.eye(4)
    sideways[0, 3] = 0.2  # 7.8 px at 2 m
    blurred = sensor.motion_blurred(view, CAMERA, sideways)
    inner = blurred[10:-10, 10:-10]
    assert np.abs(np.diff(inner, axis=1)).mean() < 0.4 * np.abs(np.diff(inner, axis=0)).mean()


def test_image_noise_has_the_stated_deviation():
    grey = np.full((72, 96), 100.0, np.float32)
    exact = sensor.captured(grey, 1.0, 0.0, np.random.default_rng(0)).astype(float)
    noisy = sensor.captured(grey, 1.0, 1.0, np.random.default_rng(0)).astype(float)
    sigma = np.sqrt(sensor.READ_SIGMA**2 + sensor.SHOT_FACTOR * 95)
    assert abs((noisy - exact).std() - sigma) < 0.35  # grey levels, rounding included
    assert exact[0, 0] < exact[36, 48]  # vignetting


def test_exposure_changes_slowly_and_little():
    times = np.arange(0, 10, 1 / 30)
    gain = sensor.exposure_gain(times, np.random.default_rng(0))
    assert 0.75 < gain.min() < gain.max() < 1.3
    assert np.abs(np.diff(gain)).max() < 0.02
