"""Samples integrate to the motion they were made of, biases and noise do what their derivatives say."""

import numpy as np
import pytest
from flights import NOISE, T_BODY_CAM, handheld
from scipy.spatial.transform import Rotation

from slam.geometry import rotation_angle_rad
from slam.inertial.integration import NO_BIAS, integrate, preintegrate, turned
from slam.inertial.samples import SampleBuffer, cut
from slam.types import ImuSamples

TIMES_S = np.arange(0.0, 1.5, 0.005)


def exact(seed=1):
    poses, gyro, accel, gravity, velocities = handheld(TIMES_S, seed)
    return ImuSamples(np.round(TIMES_S * 1e9).astype(np.int64), gyro, accel), poses, gravity, velocities


@pytest.mark.parametrize("seed", range(3))
def test_exact_samples_give_the_exact_motion_back(seed):
    samples, poses, gravity, velocities = exact(seed)
    R_a_b, position_a, velocity_a = integrate(samples)
    seconds, R_world_a = TIMES_S[-1], poses[0, :3, :3]
    position = poses[0, :3, 3] + velocities[0] * seconds + 0.5 * gravity * seconds**2 + R_world_a @ position_a
    velocity = velocities[0] + gravity * seconds + R_world_a @ velocity_a
    assert rotation_angle_rad(R_a_b.T @ R_world_a.T @ poses[-1, :3, :3]) < 2e-4
    np.testing.assert_allclose(position, poses[-1, :3, 3], atol=2e-3)  # m
    np.testing.assert_allclose(velocity, velocities[-1], atol=2e-3)  # m/s


def test_the_lever_arm_matters():
    """The camera's own acceleration is not the body's: frames that are mixed up miss the motion."""
    samples, poses, _, _ = exact()
    wrong = ImuSamples(samples.stamps_ns, samples.gyro_rad_s @ T_BODY_CAM[:3, :3], samples.accel_m_s2)
    R_wrong, _, _ = integrate(wrong)
    assert rotation_angle_rad(R_wrong.T @ poses[0, :3, :3].T @ poses[-1, :3, :3]) > 0.05


def test_the_gyro_alone_gives_the_turn():
    samples = exact()[0]
    np.testing.assert_allclose(turned(samples, np.zeros(3)), integrate(samples)[0], atol=1e-12)


@pytest.mark.parametrize("axis", range(6))
def test_a_bias_moves_the_motion_as_its_derivative_says(axis):
    samples, bias = exact()[0], np.zeros(6)
    bias[axis] = 1e-5
    known = preintegrate(samples, NO_BIAS, NOISE)
    R, position, velocity = integrate(samples, bias)
    turn = Rotation.from_matrix(known.R_a_b.T @ R).as_rotvec()
    change = np.r_[turn, position - known.position_a, velocity - known.velocity_a] / bias[axis]
    column = known.by_bias[:, axis]
    assert np.linalg.norm(change - column) < 0.01 * np.linalg.norm(column)  # a turn within a step is its own tangent


def test_noise_spreads_the_motion_as_its_covariance_says():
    samples, rng = exact()[0], np.random.default_rng(0)
    known, off, white = preintegrate(samples, NO_BIAS, NOISE), [], np.sqrt(NOISE.rate_hz)
    for _ in range(300):
        gyro = samples.gyro_rad_s + white * NOISE.gyro_density * rng.normal(size=samples.gyro_rad_s.shape)
        accel = samples.accel_m_s2 + white * NOISE.accel_density * rng.normal(size=samples.accel_m_s2.shape)
        R, position, velocity = integrate(ImuSamples(samples.stamps_ns, gyro, accel))
        turn = Rotation.from_matrix(known.R_a_b.T @ R).as_rotvec()
        off.append(np.r_[turn, position - known.position_a, velocity - known.velocity_a])
    ratio = np.std(off, axis=0) / np.sqrt(np.diag(known.covariance))
    assert ratio.min() > 0.6 and ratio.max() < 1.2  # the mid-point rule shares a sample between two steps


def test_a_cut_between_two_samples_interpolates():
    samples = ImuSamples(np.array([0, 10, 20]), np.diag([0.0, 10.0, 20.0]), np.zeros((3, 3)))
    part = cut(samples, 5, 20, max_gap_ns=50)
    assert part.stamps_ns.tolist() == [5, 10, 20]
    np.testing.assert_allclose(part.gyro_rad_s[0], 0.5 * (samples.gyro_rad_s[0] + samples.gyro_rad_s[1]))


def test_missing_samples_are_nothing_rather_than_a_guess():
    buffer, stamps_ns = SampleBuffer(200.0, keep_s=10.0), np.arange(0, 2 * 10**9, 5_000_000)
    kept = (stamps_ns < 5 * 10**8) | (stamps_ns > 9 * 10**8)
    buffer.add(ImuSamples(stamps_ns[kept], np.zeros((kept.sum(), 3)), np.zeros((kept.sum(), 3))))
    assert buffer.between(10**8, 4 * 10**8) is not None
    assert buffer.between(4 * 10**8, 10**9) is None and buffer.between(19 * 10**8, 25 * 10**8) is None


def test_samples_that_come_late_or_twice_take_their_places():
    samples, buffer = exact()[0], SampleBuffer(200.0, keep_s=10.0)
    for rows in (slice(100, 200), slice(0, 120), slice(200, 300)):
        buffer.add(ImuSamples(samples.stamps_ns[rows], samples.gyro_rad_s[rows], samples.accel_m_s2[rows]))
    assert len(buffer) == 300
    again = buffer.between(int(samples.stamps_ns[0]), int(samples.stamps_ns[-1]))
    np.testing.assert_array_equal(again.accel_m_s2, samples.accel_m_s2)
