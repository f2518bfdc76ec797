import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from slam.errors import ConfigError
from slam.rendering.box_motion import BOX_MOTIONS as MOTIONS
from slam.rendering.box_motion import make_path
from slam.rendering.motion import GRAVITY_WORLD, body_motion
from slam.rendering.options import RenderOptions
from slam.rendering.render import T_BODY_LEFT
from slam.rendering.room import CLEAR_MAX, CLEAR_MIN
from slam.rendering.scenes import path_through


def path_of(motion="handheld", seconds=6.0, loops=0, speed=1.0, seed=11):
    return make_path(motion, CLEAR_MIN, CLEAR_MAX, seconds, loops, speed, seed)


def test_double_integration_of_the_inertial_samples_gives_the_path_back():
    times = np.arange(0.0, 1.0, 0.005)
    truth = body_motion(path_of(), T_BODY_LEFT, times)
    R_world_body = Rotation.from_quat(np.roll(truth.quats_wxyz[0], -1))
    position, velocity = truth.positions_world[0].copy(), truth.velocities_world[0].copy()
    for i in range(len(times) - 1):
        turn = 0.5 * (truth.gyro_rad_s[i] + truth.gyro_rad_s[i + 1]) * 0.005
        R_next = R_world_body * Rotation.from_rotvec(turn)
        accel = 0.5 * (R_world_body.apply(truth.accel_m_s2[i]) + R_next.apply(truth.accel_m_s2[i + 1])) + GRAVITY_WORLD
        position += velocity * 0.005 + 0.5 * accel * 0.005**2
        velocity += accel * 0.005
        R_world_body = R_next
    assert np.linalg.norm(position - truth.positions_world[-1]) < 2e-3  # metres
    assert np.linalg.norm(velocity - truth.velocities_world[-1]) < 2e-3  # m/s


def test_angular_velocity_and_acceleration_are_the_derivatives_of_the_rotation():
    path, times, step = path_of(), np.linspace(0.5, 5.0, 20), 1e-5
    turned = path.rotations(times - step).inv() * path.rotations(times + step)
    omega, alpha = path.angular(times)
    np.testing.assert_allclose(turned.as_rotvec() / (2 * step), omega, atol=1e-6)  # rad/s
    later, earlier = path.angular(times + step)[0], path.angular(times - step)[0]
    np.testing.assert_allclose((later - earlier) / (2 * step), alpha, atol=1e-5)  # rad/s^2


def test_a_still_body_feels_gravity_only():
    motion = body_motion(path_of("still"), T_BODY_LEFT, np.linspace(0, 1, 5))
    np.testing.assert_allclose(np.linalg.norm(motion.accel_m_s2, axis=1), 9.81, atol=1e-12)
    np.testing.assert_allclose(motion.gyro_rad_s, 0.0, atol=1e-12)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("loops", [0, 2])
def test_the_camera_stays_in_the_clear_volume(motion, loops):
    positions = path_of(motion, 20.0, loops, 1.5).positions(np.linspace(0, 20, 2000))
    assert (positions > CLEAR_MIN).all()
    assert (positions < CLEAR_MAX).all()


def test_a_hand_moves_calmly():
    for seed in range(8):
        path, times = path_of(loops=1, seed=seed), np.linspace(0, 6, 1200)
        speed = np.linalg.norm(path.positions(times, 1), axis=1)
        assert 0.2 < speed.mean() < 0.6  # m/s
        assert np.degrees(np.linalg.norm(path.angular(times)[0], axis=1)).max() < 35  # deg/s


def test_loops_come_back_but_for_the_tremor():
    start, middle, end = path_of(seconds=12.0, loops=2).poses(np.array([0.0, 6.0, 12.0]))
    for T_world_cam in (middle, end):
        assert np.linalg.norm(T_world_cam[:3, 3] - start[:3, 3]) < 0.02  # metres
        assert Rotation.from_matrix(T_world_cam[:3, :3].T @ start[:3, :3]).magnitude() < np.radians(1.5)


def test_a_pure_rotation_turns_on_the_spot():
    path, times = path_of("rotation"), np.linspace(0, 6, 100)
    assert np.ptp(path.positions(times), axis=0).max() == 0
    assert np.linalg.norm(path.angular(times)[0], axis=1).max() > np.radians(5)


def test_an_unknown_motion_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'dance'.*handheld"):
        path_through(RenderOptions(motion="dance"))
