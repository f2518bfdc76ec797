"""The corridor: a walk comes back to where it began, keeps clear of the walls, and never sees the other side."""

import numpy as np
import pytest

from slam.errors import ConfigError
from slam.rendering.circuit import RING, build_circuit
from slam.rendering.options import RenderOptions, rgbd_camera
from slam.rendering.raycaster import Raycaster
from slam.rendering.scenes import path_through

WALK = RenderOptions(scene="circuit", seconds=120.0, loops=3, seed=4, width=64, height=48)
LAP_S = WALK.seconds / WALK.loops


@pytest.fixture(scope="module")
def raycaster():
    return Raycaster(build_circuit(seed=4))


def test_a_walk_is_back_at_its_start_after_every_round():
    path = path_through(WALK)
    times = np.linspace(0.0, LAP_S, 50)
    first, second = path.positions(times), path.positions(times + LAP_S)
    assert np.linalg.norm(first - second, axis=1).max() < 0.03  # m, the hand's jitter
    turned = path.rotations(times).inv() * path.rotations(times + LAP_S)
    assert np.rad2deg(turned.magnitude()).max() < 2.0


def test_a_walk_goes_at_the_pace_of_a_person_all_around():
    path, times = path_through(WALK), np.linspace(0.0, LAP_S, 400)
    pace = np.linalg.norm(path.positions(times, 1)[:, :2], axis=1)
    assert pace.min() > 0.3 and pace.max() < 1.6  # m/s
    assert abs(np.sum(pace) * LAP_S / len(times) - RING.length_m) < 0.2 * RING.length_m


@pytest.mark.slow
def test_a_walk_keeps_clear_of_walls_and_furniture(raycaster):
    path = path_through(WALK)
    camera = rgbd_camera(WALK)
    for T_world_cam in path.poses(np.linspace(0.0, LAP_S, 40)):
        view = raycaster.render(T_world_cam, camera)
        assert np.isfinite(view.depth_m).all()  # the corridor is closed
        assert view.depth_m.min() > 0.15  # m


@pytest.mark.slow
def test_the_other_side_of_the_block_is_out_of_sight(raycaster):
    path, camera = path_through(WALK), rgbd_camera(WALK)
    starts = [path.poses(np.array([t]))[0] for t in (0.0, 0.5 * LAP_S)]
    faces = [np.unique(raycaster.render(T_world_cam, camera).face) for T_world_cam in starts]
    assert len(np.intersect1d(*faces)) <= 0.1 * min(map(len, faces))


def test_a_walk_needs_the_corridor():
    with pytest.raises(ConfigError, match="'walk' is unknown in the room"):
        path_through(RenderOptions(motion="walk"))
    with pytest.raises(ConfigError, match="scene 'maze' is unknown"):
        path_through(RenderOptions(scene="maze"))
