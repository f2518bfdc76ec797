"""Whatever a camera does, nothing is thrown, and every frame has a status and, where it was not placed, a reason."""

import numpy as np
import pytest
from ring_world import CONFIG, NOTHING, RING, at
from synthetic_world import FRAME_NS, RIG, blank_frame, plane_world

from slam.geometry import exp_se3
from slam.pipeline import Slam
from slam.types import Mode, TrackStatus

WALL = plane_world(count=60, descriptor_dim=128)  # hardly any texture, and flat


def still(rng, pose, count):
    return [(RING, pose)] * count


def turn(rng, pose, count):
    """About the camera's own centre, at up to 90 degrees per second."""
    step = exp_se3(np.r_[rng.uniform(-1, 1, 3) * np.radians(3.0), 0, 0, 0])
    poses = [pose]
    while len(poses) < count:
        poses.append(poses[-1] @ step)
    return [(RING, T) for T in poses]


def walk(rng, pose, count):
    begin = int(rng.integers(0, 120))
    return [(RING, at(begin + i)) for i in range(count)]


def jump(rng, pose, count):
    return [(RING, at(float(rng.uniform(0, 120)))) for _ in range(count)]


def wall(rng, pose, count):
    return [(WALL, exp_se3(np.r_[0, 0, 0, 0.02 * i, 0, 0])) for i in range(count)]


def dark(rng, pose, count):
    return [(None, pose)] * count


KINDS = (still, turn, walk, jump, wall, dark)


def sequence(rng):
    """Three to five stretches of random kinds, the last of them long enough to begin a new sub-map."""
    frames, pose = [], at(float(rng.uniform(0, 120)))
    for _ in range(int(rng.integers(3, 6))):
        frames += KINDS[int(rng.integers(len(KINDS)))](rng, pose, int(rng.integers(2, 14)))
        pose = frames[-1][1]
    return frames + KINDS[int(rng.integers(len(KINDS)))](rng, pose, 34)


def check(seed):
    rng = np.random.default_rng(seed)
    mode = Mode.MONO if seed % 2 else Mode.RGBD
    slam = Slam(RIG, mode, CONFIG)
    for i, (world, T) in enumerate(sequence(rng)):
        args = (seed + i, 0.5, 0.3, mode.is_metric, 10, i * FRAME_NS)
        track = slam.process(blank_frame(i), NOTHING if world is None else world.observe(T, *args)[0])
        assert isinstance(track.status, TrackStatus) and (track.reason or track.is_tracked)
        assert not track.is_tracked or np.isfinite(track.T_world_cam).all()
    slam.finish()
    assert np.isfinite(slam.map.points_world).all()
    assert np.isfinite(slam.trajectory().T_world_cam).all()
    return {keyframe.submap_id for keyframe in slam.map.keyframes.values()}


@pytest.mark.parametrize("seed", range(6))
def test_a_degenerate_motion_is_answered_with_a_status_and_a_reason(seed):
    check(seed)


@pytest.mark.slow
def test_a_hundred_degenerate_motions_are_answered_and_some_make_new_submaps():
    assert sum(len(check(seed)) > 1 for seed in range(100)) > 5
