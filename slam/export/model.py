"""What a map knows, as reconstruction programs see it: pictures with poses, points, and who saw what where."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.errors import MapError
from slam.export.map_export import Part, chosen_submap, frames_of_run
from slam.geometry import apply, invert
from slam.mapfile.contents import LoadedMap
from slam.rig_file import rig_from_values
from slam.types import Float64, Int64, Keyframe, Uint8


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture: where it was taken, and the landmarks it sees in front of it. One that is no keyframe sees none."""

    image_id: int  # from 1
    picture_name: str  # without its ending
    stamp_ns: int
    T_world_cam: Float64  # (4, 4)
    xy: Float64  # (N, 2) ideal pinhole px, (0, 0) is the centre of the top-left pixel
    point_index: Int64  # (N,) rows of Model.points_world
    error_px: Float64  # (N,) distance between xy and where the point projects


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One sub-map. Every point is seen by at least one shot."""

    camera: Camera  # of the undistorted pictures
    shots: tuple[Shot, ...]  # keyframes in the order of their stamps, then other frames likewise
    points_world: Float64  # (L, 3)
    colors: Uint8  # (L, 3) RGB

    def point_errors_px(self) -> Float64:
        """Mean reprojection error of each point (L,)."""
        index = np.concatenate([shot.point_index for shot in self.shots])
        errors = np.concatenate([shot.error_px for shot in self.shots])
        count = len(self.points_world)
        return np.bincount(index, errors, count) / np.bincount(index, minlength=count)

    @property
    def mean_error_px(self) -> float:
        """Of all observations; NaN without any."""
        errors = np.concatenate([shot.error_px for shot in self.shots])
        return float(errors.mean()) if len(errors) else float("nan")


def model_of(loaded: LoadedMap, part: Part, every: int = 0) -> Model:
    """The sub-map asked for, with every so-manieth frame of its last run beside the keyframes; 0 for none of them.

    Raises MapError when the map has no keyframe, or not that sub-map.
    """
    submap_id = chosen_submap(loaded, part)
    camera = ideal(captured_by(loaded))
    keyframes = sorted(loaded.world.submap(submap_id), key=lambda k: (k.observation.stamp_ns, k.keyframe_id))
    seen = [_seen(loaded, keyframe, camera) for keyframe in keyframes]
    landmark_ids = np.unique(np.concatenate([ids for _, ids, _ in seen]))
    if not len(landmark_ids):
        raise MapError(f"sub-map {submap_id} has no landmark that a keyframe sees; there is nothing to export")
    shots = [_shot(k, landmark_ids, *what) for k, what in zip(keyframes, seen, strict=True)]
    others = _others(loaded, part, every, shots) if every else ()
    world = loaded.world
    return Model(camera, (*shots, *others), world.points_world[landmark_ids], world.colors[landmark_ids])


def captured_by(loaded: LoadedMap) -> Camera:
    """The camera whose pictures the map is of, distorted as it was (rectified in stereo)."""
    return rig_from_values(tomllib.loads(loaded.about.rig), loaded.about.rig_name, "the map's rig").left


def ideal(camera: Camera) -> Camera:
    """The same without distortion."""
    return Camera(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)


def _seen(loaded: LoadedMap, keyframe: Keyframe, camera: Camera) -> tuple[Float64, Int64, Float64]:
    """Pixels, landmark ids and errors (px) of what a keyframe sees in front of it."""
    index = np.flatnonzero(keyframe.landmark_ids >= 0)
    ids = keyframe.landmark_ids[index]
    xy = keyframe.observation.features.xy[index].astype(np.float64)
    projected = camera.project(apply(invert(keyframe.T_world_cam), loaded.world.points_world[ids]))
    is_known = loaded.world.alive[ids] & ~np.isnan(projected).any(axis=1)
    return xy[is_known], ids[is_known], np.linalg.norm(xy - projected, axis=1)[is_known]


def _shot(keyframe: Keyframe, landmark_ids: Int64, xy: Float64, ids: Int64, error_px: Float64) -> Shot:
    rows = np.searchsorted(landmark_ids, ids).astype(np.int64)
    name, stamp_ns = f"keyframe_{keyframe.keyframe_id:06d}", keyframe.observation.stamp_ns
    return Shot(keyframe.keyframe_id + 1, name, stamp_ns, keyframe.T_world_cam, xy, rows, error_px)


def _others(loaded: LoadedMap, part: Part, every: int, shots: list[Shot]) -> list[Shot]:
    """Every so-manieth frame that has a pose, those left out that are keyframes."""
    _, frames = frames_of_run(loaded, part)
    is_keyframe = {shot.stamp_ns for shot in shots}
    chosen = [i for i in range(0, len(frames), every) if int(frames.stamps_ns[i]) not in is_keyframe]
    first_id = max(shot.image_id for shot in shots) + 1
    nothing = np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0)
    return [
        Shot(first_id + i, f"frame_{i:06d}", int(frames.stamps_ns[i]), frames.T_world_cam[i], *nothing) for i in chosen
    ]
