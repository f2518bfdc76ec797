"""The inertial start finds scale, gravity and biases, says how well, and refuses what can't be seen."""

import numpy as np
import pytest
from flights import BIAS, T_BODY_CAM, flight

from slam.config import InertialConfig
from slam.inertial.initialization import InertialStart, NotYet, inertial_start, turn_to_gravity

CONFIG = InertialConfig()
ANY = InertialConfig(max_scale_sigma=1.0, max_gravity_sigma_deg=90.0)


def started(flown, config=CONFIG, with_scale=True):
    found = inertial_start(flown.chain, T_BODY_CAM, config, with_scale)
    assert isinstance(found, InertialStart), found
    return found


def test_an_exact_flight_gives_everything_back():
    flown = flight(noise=0.0)
    found = started(flown)
    assert abs(found.scale / flown.scale - 1) < 5e-3
    down = found.R_new_old @ flown.gravity_world / 9.81
    assert np.rad2deg(np.arccos(np.clip(down[1], -1, 1))) < 0.3
    np.testing.assert_allclose(found.bias[3:], BIAS[3:], atol=3e-4)  # rad/s
    np.testing.assert_allclose(found.velocities_world, flown.velocities_world @ found.R_new_old.T, atol=0.03)  # m/s


def test_the_scale_is_as_well_known_as_it_says():
    off, sigmas = [], []
    for seed in range(20):
        flown = flight(seed=seed)
        found = started(flown, ANY)
        off.append(np.log(found.scale / flown.scale))
        sigmas.append(found.scale_sigma)
    surprise = np.mean((np.array(off) / sigmas) ** 2)
    assert np.abs(off).max() < 0.25 and 0.1 < surprise < 2.0  # 20 draws of 1 lie in 0.48 .. 1.71


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_is_within_ten_percent(seed):
    flown = flight(seed=seed, seconds=4.5)
    found = inertial_start(flown.chain, T_BODY_CAM, CONFIG, with_scale=True)
    if isinstance(found, InertialStart):
        assert abs(found.scale / flown.scale - 1) < 0.1
    else:
        assert found.reason.startswith("needs")


@pytest.mark.parametrize("kind", ["straight", "turning"])
def test_without_acceleration_there_is_no_scale_and_it_says_so(kind):
    found = inertial_start(flight(kind).chain, T_BODY_CAM, CONFIG, with_scale=True)
    assert isinstance(found, NotYet) and "scale" in found.reason


def test_where_scale_is_known_gravity_alone_is_enough():
    flown = flight(scale=1.0)
    found = started(flown, with_scale=False)
    assert found.scale == 1.0 and found.scale_sigma == 0.0
    down = found.R_new_old @ flown.gravity_world / 9.81
    assert np.rad2deg(np.arccos(down[1])) < 3 * np.rad2deg(found.gravity_sigma_rad) + 0.1


def test_a_short_flight_waits_for_more():
    found = inertial_start(flight(seconds=1.0).chain, T_BODY_CAM, CONFIG, with_scale=True)
    assert isinstance(found, NotYet) and found.reason.startswith("needs 8 keyframes over 2 s")


def test_a_wrong_extrinsic_rotation_is_not_believed():
    turned = T_BODY_CAM.copy()
    turned[:3, :3] = turned[:3, :3] @ np.diag([-1.0, -1.0, 1.0])
    assert isinstance(inertial_start(flight().chain, turned, CONFIG, with_scale=True), NotYet)


def test_two_starts_are_the_same_to_the_bit():
    first, again = started(flight(seed=3), ANY), started(flight(seed=3), ANY)
    assert (first.scale, first.bias.tobytes()) == (again.scale, again.bias.tobytes())


@pytest.mark.parametrize("gravity", [[0, 9.81, 0], [0, -9.81, 0], [3.0, 8.0, -4.0]])
def test_the_world_is_turned_until_gravity_points_along_y(gravity):
    R = turn_to_gravity(np.array(gravity, np.float64))
    np.testing.assert_allclose(R @ gravity / np.linalg.norm(gravity), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
