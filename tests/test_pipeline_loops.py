"""Two and a third times round a ring: the drift that a lap leaves is taken away when its start is seen again."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ring_world import CONFIG, LAP, error_m, run

from slam.geometry import invert
from slam.types import Mode

STEPS = tuple(range(2 * LAP + 40))
MODES = [Mode.RGBD, pytest.param(Mode.MONO, marks=pytest.mark.slow)]
OPEN = replace(CONFIG, loops=replace(CONFIG.loops, close=False))


@cache
def walked(mode, closing=True):
    return run(mode, STEPS, CONFIG if closing else OPEN, noise_px=1.0, disparity_noise_px=1.0)


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_loop_takes_most_of_the_drift_away(mode):
    slam, tracks = walked(mode)
    assert slam.back_end.loops.closed >= 1 and slam.back_end.loops.refused == 0
    assert error_m(slam, STEPS) < 0.6 * error_m(walked(mode, closing=False)[0], STEPS)
    first = next(i for i, track in enumerate(tracks) if track.is_tracked)
    assert all(track.is_tracked for track in tracks[first:])


@pytest.mark.parametrize("mode", MODES)
def test_once_a_loop_is_closed_the_second_lap_adds_little_to_the_map(mode):
    closed, still_open = walked(mode)[0].map, walked(mode, closing=False)[0].map
    assert len(closed.keyframes) < 0.7 * len(still_open.keyframes)
    assert closed.num_alive < 0.7 * still_open.num_alive


def test_landmarks_seen_from_both_ends_of_the_loop_became_one():
    slam, _ = walked(Mode.RGBD)
    assert slam.back_end.loops.fused > 50
    late = [k for k in slam.map.keyframes.values() if k.frame_index > LAP + 20]
    ids = np.concatenate([k.landmark_ids for k in late])
    early = slam.map.born[np.unique(ids[ids >= 0])] < late[0].keyframe_id // 2
    assert early.mean() > 0.3  # landmarks of the first lap, seen in the second


@pytest.mark.parametrize("mode", MODES)
def test_what_a_loop_measured_fits_the_map_that_it_bent(mode):
    world = walked(mode)[0].map
    depth = np.median(np.linalg.norm(world.points_world[world.alive[: world.num_landmarks].nonzero()[0]], axis=1))
    assert world.loops
    for loop in world.loops:
        a, b = (world.keyframes[k].T_world_cam for k in (loop.keyframe_a, loop.keyframe_b))
        off = invert(a @ loop.T_a_b) @ b
        assert np.linalg.norm(off[:3, 3]) < 0.02 * depth and abs(np.log(loop.scale_a_b)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_two_runs_with_loops_are_the_same_to_the_bit(mode):
    again, _ = run(mode, STEPS, CONFIG, noise_px=1.0, disparity_noise_px=1.0)
    first, _ = walked(mode)
    assert first.trajectory().T_world_cam.tobytes() == again.trajectory().T_world_cam.tobytes()
    assert first.map.points_world.tobytes() == again.map.points_world.tobytes()
