"""A round wall and a camera that walks round inside it: what it sees on one side it never sees from the other."""

from __future__ import annotations

import numpy as np
from synthetic_world import FRAME_NS, RIG, SyntheticWorld, blank_frame, nothing_seen, random_descriptors

from slam.config import FeatureConfig, MatcherConfig, SlamConfig
from slam.geometry import exp_se3, transform, umeyama
from slam.pipeline import Slam

CONFIG = SlamConfig(FeatureConfig(name="sift"), MatcherConfig(name="nearest"))
NOTHING = nothing_seen(128)
LAP = 120  # frames of a turn around the ring


def ring_world(seed=0, count=6000):
    """Points on and before a wall of 4 m radius."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, count), rng.uniform(3.0, 4.0, count)
    points = np.column_stack([radius * np.sin(angle), rng.uniform(-1.5, 1.5, count), radius * np.cos(angle)])
    return SyntheticWorld(points, random_descriptors(rng, count, 128))


RING = ring_world()


def at(step):
    """T_ring_cam at a step around a circle of 1 m radius, looking outwards."""
    turn = exp_se3(np.array([0.0, 2 * np.pi * step / LAP, 0.0, 0.0, 0.0, 0.0]))
    return turn @ transform(np.eye(3), [0.0, 0.05 * np.sin(step / 9), 1.0])


def run(mode, steps, config=CONFIG, noise_px=0.2, disparity_noise_px=0.1, world=RING, resets=(), **more):
    """A Slam, given ``more``, fed with the views at these steps, nothing where a step is None; and its Tracks.

    resets: before which of them a new map is asked for.
    """
    slam, tracks = Slam(RIG, mode, config, **more), []
    for i, step in enumerate(steps):
        if i in resets:
            slam.begin_anew()
        seen = NOTHING
        if step is not None:
            stamp_ns = i * FRAME_NS
            seen, _ = world.observe(at(step), i, noise_px, disparity_noise_px, mode.is_metric, 20, stamp_ns)
        tracks.append(slam.process(blank_frame(i), seen))
    slam.finish()
    return slam, tracks


def error_m(slam, steps):
    """Root mean square distance of the trajectory's camera centres from the truth, aligned, scaled where mono."""
    trajectory = slam.trajectory()
    truth = np.stack([at(steps[i])[:3, 3] for i in trajectory.stamps_ns // FRAME_NS])
    found = trajectory.T_world_cam[:, :3, 3]
    scale, T = umeyama(truth, found, with_scale=not slam.mode.is_metric)
    return float(np.sqrt(np.mean(np.sum((truth - scale * found @ T[:3, :3].T - T[:3, 3]) ** 2, 1))))
