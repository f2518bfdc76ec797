"""Maps that live: keyframes come and go, landmarks move and die, loops close. A step is a function of map and seed."""

from dataclasses import replace

import numpy as np
from synthetic_world import CAMERA, RIG, random_descriptors

from slam.geometry import exp_se3
from slam.mapfile.about import MapAbout
from slam.mapping.map import Map
from slam.tracking.placed import PlacedFrames
from slam.types import Features, ImuSamples, Loop, Mode, Observation

DIM = 16
FEATURES = 60
ABOUT = MapAbout.of_run("earlybird", "0" * 64, DIM, Mode.RGBD, RIG)
STEP_NS = 100_000_000


def seen_by(rng, step):
    """An Observation with all kinds of values; descriptors have no more digits than a file keeps."""
    xy, raw = rng.uniform(0, 400, (2, FEATURES, 2)).astype(np.float32)
    scores, depth_m, right_x = rng.uniform(0, 9, (3, FEATURES)).astype(np.float32)
    depth_m[::7] = right_x[::7] = np.nan
    descriptors = random_descriptors(rng, FEATURES, DIM).astype(np.float16).astype(np.float32)
    return Observation(step * STEP_NS, Features(xy, scores, descriptors, CAMERA.image_size), raw, depth_m, right_x)


def live(world, placed, seed):
    """One more step: a keyframe, its landmarks and frames, and something that happens to the rest of the map."""
    step = world.next_keyframe_id
    rng = np.random.default_rng((seed, step))
    add_keyframe(world, placed, rng, step)
    happen(world, placed, rng, step)


def add_keyframe(world, placed, rng, step):
    T_world_cam = exp_se3(rng.normal(0, 1, 6))
    recent = np.flatnonzero(world.alive)[-100:]
    landmark_ids = np.full(FEATURES, -1)
    seen = rng.permutation(recent)[:30]
    landmark_ids[: len(seen)] = seen
    samples = ImuSamples(step * STEP_NS + np.arange(4), rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
    keyframe = world.add_keyframe(10 * step, seen_by(rng, step), T_world_cam, landmark_ids, step // 9, samples)
    free = np.flatnonzero(keyframe.landmark_ids < 0)[:20]
    colors = rng.integers(0, 255, (len(free), 3), np.uint8)
    world.add_landmarks(step, rng.normal(0, 3, (len(free), 3)), free, colors)
    for i in range(3):
        placed.add(step * STEP_NS + i, T_world_cam @ exp_se3(rng.normal(0, 0.1, 6)), keyframe)
    placed.became(keyframe)
    if step % 2:
        moving = replace(world.keyframes[step], velocity_world=rng.normal(size=3), bias=rng.normal(size=6))
        world.keyframes[step] = moving


def happen(world, placed, rng, step):
    alive = np.flatnonzero(world.alive)
    some = rng.permutation(alive)[:8]
    world.count(alive[-40:], alive[-20:])
    world.remove_landmarks(some[:3])
    moved = [k for k in world.keyframes if k > step - 3]
    world.move(moved, some[4:], exp_se3(rng.normal(0, 0.1, 6)))
    if step % 4 == 3:
        gone, heir = world.keyframes[min(world.keyframes)], world.keyframes[step]
        placed.inherit(gone, heir)
        world.remove_keyframe(gone.keyframe_id, step)
    if step % 5 == 4:
        world.loops.append(Loop(step - 1, step, exp_se3(rng.normal(0, 1, 6)), 1.0, step))
        placed.scale({step: 1.5})


def lived(steps, seed=0):
    """A map and its frames after so many steps."""
    world, placed = Map(DIM), PlacedFrames()
    for _ in range(steps):
        live(world, placed, seed)
    return world, placed
