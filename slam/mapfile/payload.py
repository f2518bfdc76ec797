"""What the rows of a map file hold, as bytes: arrays one after another, little-endian, counts first.

Descriptors are stored as float16: a map that was written and read has them rounded, everything else to the bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slam.tracking.placed import Place
from slam.types import Features, Float64, ImuSamples, Int64, Keyframe, Loop, Observation

BLOCK = 32  # landmarks in a row of the file: a change of one writes them all
PLACES = (
    ("points_world", "<f8", 3),
    ("directions", "<f8", 3),
    ("distances_m", "<f8", 0),
    ("colors", "<u1", 3),
    *(("born", "<i4", 0), ("predicted", "<i4", 0), ("found", "<i4", 0)),
)
LOOKS = (("descriptors", "<f2", -1),)  # -1: as wide as the extractor's
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a keyframe keeps of its frame."""

    frame_index: int
    observation: Observation
    imu: ImuSamples | None
    about: bytes  # a copy of the map's description


class _Fields:
    """Arrays taken out of a payload in the order in which they were put in."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at = payload, 0

    def take(self, dtype: str, *shape: int) -> NDArray[Any]:
        """A copy; ValueError beyond the end."""
        begin, self._at = self._at, self._at + math.prod(shape) * np.dtype(dtype).itemsize
        if min(shape) < 0 or self._at > len(self._payload):
            raise ValueError("fewer bytes than expected")
        array = np.frombuffer(self._payload[begin : self._at], dtype).reshape(shape)
        return array.astype(array.dtype.newbyteorder("="))

    def numbers(self, count: int) -> list[int]:
        return self.take("<i8", count).tolist()

    def pose(self) -> Float64:
        T = np.eye(4)
        T[:3] = self.take("<f8", 3, 4)
        return T

    def rest(self) -> bytes:
        return self._payload[self._at :]

    def end(self) -> None:
        if self._at != len(self._payload):
            raise ValueError("more bytes than expected")


def packed_view(keyframe: Keyframe, about: bytes) -> bytes:
    """Everything of a keyframe that was measured."""
    observation, imu, features = keyframe.observation, keyframe.imu, keyframe.observation.features
    samples = -1 if imu is None else len(imu.stamps_ns)
    counts = (*features.descriptors.shape, *features.image_size, samples)
    arrays = [
        _numbers(keyframe.frame_index, observation.stamp_ns, *counts),
        *(_floats(array) for array in (features.xy, observation.xy_raw, features.scores)),
        *(_floats(array) for array in (observation.depth_m, observation.right_x)),
        features.descriptors.astype("<f2"),
    ]
    if imu is not None:
        arrays += [imu.stamps_ns.astype("<i8"), imu.gyro_rad_s.astype("<f8"), imu.accel_m_s2.astype("<f8")]
    return _joined(arrays) + about


def unpacked_view(payload: bytes) -> View:
    """Raises ValueError when the payload is something else, as the others below."""
    fields = _Fields(payload)
    frame_index, stamp_ns, count, dim, width, height, samples = fields.numbers(7)
    xy, xy_raw = fields.take("<f4", count, 2), fields.take("<f4", count, 2)
    scores, depth_m, right_x = (fields.take("<f4", count) for _ in range(3))
    descriptors = fields.take("<f2", count, dim).astype(np.float32)
    imu = None
    if samples >= 0:
        stamps_ns = fields.take("<i8", samples)
        imu = ImuSamples(stamps_ns, fields.take("<f8", samples, 3), fields.take("<f8", samples, 3))
    features = Features(xy, scores, descriptors, (width, height))
    return View(frame_index, Observation(stamp_ns, features, xy_raw, depth_m, right_x), imu, fields.rest())


def packed_keyframe(keyframe: Keyframe) -> bytes:
    """Everything of a keyframe that the map may change."""
    velocity, bias = keyframe.velocity_world, keyframe.bias
    arrays = [
        _numbers(keyframe.submap_id, len(keyframe.landmark_ids), velocity is not None, bias is not None),
        _pose(keyframe.T_world_cam),
        keyframe.landmark_ids.astype("<i4"),
        *(array.astype("<f8") for array in (velocity, bias) if array is not None),
    ]
    return _joined(arrays)


def unpacked_keyframe(payload: bytes, keyframe_id: int, view: View) -> Keyframe:
    fields = _Fields(payload)
    submap_id, count, has_velocity, has_bias = fields.numbers(4)
    T_world_cam, landmark_ids = fields.pose(), fields.take("<i4", count).astype(np.int64)
    velocity = fields.take("<f8", 3) if has_velocity else None
    bias = fields.take("<f8", 6) if has_bias else None
    fields.end()
    if count != len(view.observation):
        raise ValueError("another number of features than its view")
    seen = view.observation, T_world_cam, landmark_ids
    return Keyframe(keyframe_id, view.frame_index, *seen, submap_id, view.imu, velocity, bias)


def packed_block(slots: Int64, columns: Columns, layout: tuple[tuple[str, str, int], ...]) -> bytes:
    """The living landmarks (A,) of a block; ``slots``: their places in it, ``columns``: (A, ...) each."""
    widths = [columns[name].shape[1] if width < 0 else width for name, _, width in layout]
    arrays = [_numbers(len(slots), *widths), slots.astype("<u1")]
    return _joined(arrays + [columns[name].astype(dtype) for name, dtype, _ in layout])


def unpacked_block(payload: bytes, layout: tuple[tuple[str, str, int], ...]) -> tuple[Int64, Columns]:
    """Places in the block (A,), and columns of what lives there (A, ...)."""
    fields = _Fields(payload)
    count, *widths = fields.numbers(1 + len(layout))
    slots = fields.take("<u1", count).astype(np.int64)
    shapes = [(count, width) if width else (count,) for width in widths]
    columns = {name: fields.take(dtype, *shape) for (name, dtype, _), shape in zip(layout, shapes)}
    fields.end()
    return slots, columns


def no_landmarks(descriptor_dim: int) -> Columns:
    """Columns (0, ...) of the same types as those of a block."""
    widths = [(name, dtype, descriptor_dim if width < 0 else width) for name, dtype, width in (*PLACES, *LOOKS)]
    return {
        name: np.zeros((0, width) if width else 0, np.dtype(dtype).newbyteorder("=")) for name, dtype, width in widths
    }


def packed_loop(loop: Loop) -> bytes:
    ids = _numbers(loop.keyframe_a, loop.keyframe_b, loop.inliers)
    return _joined([ids, _pose(loop.T_a_b), np.array([loop.scale_a_b], "<f8")])


def unpacked_loop(payload: bytes) -> Loop:
    fields = _Fields(payload)
    keyframe_a, keyframe_b, inliers = fields.numbers(3)
    T_a_b, scale = fields.pose(), fields.take("<f8", 1)
    fields.end()
    return Loop(keyframe_a, keyframe_b, T_a_b, float(scale[0]), inliers)


def packed_frame(place: Place) -> bytes:
    return _joined([_numbers(place.stamp_ns, place.keyframe_id, place.run), _pose(place.T_keyframe_cam)])


def unpacked_frame(payload: bytes) -> Place:
    fields = _Fields(payload)
    stamp_ns, keyframe_id, run = fields.numbers(3)
    T_keyframe_cam = fields.pose()
    fields.end()
    return Place(stamp_ns, keyframe_id, T_keyframe_cam, run)


def _numbers(*values: int) -> NDArray[Any]:
    return np.array(values, "<i8")


def _floats(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype("<f4", copy=False)


def _pose(T_a_b: Float64) -> NDArray[Any]:
    return T_a_b[:3].astype("<f8", copy=False)


def _joined(arrays: list[NDArray[Any]]) -> bytes:
    return b"".join(array.tobytes() for array in arrays)
