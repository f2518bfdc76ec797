"""A world with a known answer: described points on and between the walls of a room, and a walking camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slam.camera import Camera, Rig
from slam.geometry import apply, exp_se3, inside, invert, transform
from slam.types import Features, Frame, Observation

CAMERA = Camera(640, 480, 500.0, 505.0, 322.0, 238.0)
RIG = Rig("synthetic", CAMERA, depth_baseline_m=0.1)
START = exp_se3(np.array([0.2, -0.3, 0.1, 0.4, -0.2, 0.3]))  # T_room_cam of the first frame, away from identity
FRAME_NS = 33_333_333


@dataclass(frozen=True, eq=False)
class SyntheticWorld:
    """points_world (M, 3) metres and their unit descriptors (M, D)."""

    points_world: np.ndarray
    descriptors: np.ndarray

    def visible_ids(self, T_world_cam):
        """Rows of the points that the camera sees."""
        points_cam = apply(invert(T_world_cam), self.points_world)
        return np.flatnonzero(inside(np.nan_to_num(CAMERA.project(points_cam), nan=-1.0), CAMERA.image_size))

    def observe(self, T_world_cam, seed=0, noise_px=0.0, disparity_noise_px=0.0, depth=True, clutter=0, stamp_ns=0):
        """The Observation from here, and the row of the point behind each feature, -1 for clutter."""
        rng = np.random.default_rng(seed)
        ids = rng.permutation(self.visible_ids(T_world_cam))
        points_cam = apply(invert(T_world_cam), self.points_world[ids])
        xy = CAMERA.project(points_cam) + rng.normal(0, noise_px, (len(ids), 2))
        disparity_px = RIG.baseline_m * CAMERA.fx / points_cam[:, 2]
        disparity_px += rng.normal(0, disparity_noise_px, len(ids))
        seen = unit(self.descriptors[ids] + rng.normal(0, 0.02, (len(ids), self.descriptors.shape[1])))
        if not depth:
            disparity_px[:] = np.nan
        xy = np.concatenate([xy, rng.uniform((0, 0), (639, 479), (clutter, 2))])
        seen = np.concatenate([seen, random_descriptors(rng, clutter, self.descriptors.shape[1])])
        disparity_px = np.concatenate([disparity_px, np.full(clutter, np.nan)])
        observation = observation_of(xy, seen, disparity_px, stamp_ns)
        return observation, np.concatenate([ids, np.full(clutter, -1)])


def observation_of(xy, descriptors, disparity_px, stamp_ns=0):
    """An Observation of the synthetic camera; the disparity is NaN where there is no depth."""
    xy = xy.astype(np.float32)
    features = Features(xy, np.ones(len(xy), np.float32), descriptors.astype(np.float32), CAMERA.image_size)
    depth_m = (RIG.baseline_m * CAMERA.fx / disparity_px).astype(np.float32)
    return Observation(stamp_ns, features, xy, depth_m, (xy[:, 0] - disparity_px).astype(np.float32))


def nothing_seen(descriptor_dim=64, stamp_ns=0):
    return observation_of(np.zeros((0, 2)), np.zeros((0, descriptor_dim)), np.zeros(0), stamp_ns)


def make_world(count=700, descriptor_dim=64, seed=0):
    """A room of 6 x 4 x 6 m seen from near its middle: half the points on the walls, half within."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-3, -2, 1.0], [3, 2, 6.0], (count, 3))
    wall = rng.integers(0, 5, count // 2)
    axis, far = np.array([0, 0, 1, 1, 2])[wall], np.array([-3.0, 3.0, -2.0, 2.0, 6.0])[wall]
    points[np.arange(count // 2), axis] = far
    return SyntheticWorld(points, random_descriptors(rng, count, descriptor_dim))


def plane_world(count=300, descriptor_dim=64, seed=0):
    """A flat wall 4 m ahead."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-2.5, 2.5, count), rng.uniform(-2, 2, count), np.full(count, 4.0)])
    return SyntheticWorld(points, random_descriptors(rng, count, descriptor_dim))


def random_descriptors(rng, count, descriptor_dim):
    return unit(rng.normal(size=(count, descriptor_dim)))


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def walk(count, length_m=1.0):
    """T_room_cam (count, 4, 4): a smooth path of about this length, with all six freedoms."""
    s = np.linspace(0.0, 1.0, count)
    turns = np.column_stack([0.10 * np.sin(3 * s), 0.15 * np.sin(2 * s), 0.05 * np.sin(4 * s)])
    steps = np.column_stack([0.9 * s, 0.15 * np.sin(4 * s), 0.3 * s**2]) * length_m
    return np.stack(
        [START @ exp_se3(np.r_[turn, 0, 0, 0]) @ transform(np.eye(3), step) for turn, step in zip(turns, steps)]
    )


def blank_frame(index):
    return Frame(index, index * FRAME_NS, np.zeros((CAMERA.height, CAMERA.width), np.uint8))


def from_first(T_world_cam):
    """The poses (N, 4, 4) in the frame of the first one: a map's world."""
    return invert(T_world_cam[0]) @ T_world_cam
