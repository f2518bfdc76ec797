"""What travels through the system, in travel order, and the conventions it travels by.

Frame -> Features -> Observation -> Matches -> Track -> Keyframe -> Loop -> Correction -> MapSnapshot

Conventions
  T_a_b      (4, 4) float64, ``p_a = T_a_b @ p_b``; inner names cancel: ``T_world_cam @ T_cam_imu``
  frames     ``world`` (first keyframe's camera), ``cam`` (left camera: x right, y down, z forward), ``right``,
             ``body`` (the IMU), ``gt`` (the ground truth's world)
  xy         (N, 2) float32 pixels, x first; (0, 0) is the centre of the top-left pixel
  stamp_ns   int nanoseconds of the device's clock, the only time unit inside
  missing    -1 for an id or index, NaN for a float
Every array is written by nobody after the object that holds it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Uint8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]


class Mode(Enum):
    """Which measurements a source gives; decides scale and how landmarks are born."""

    RGBD = "rgbd"
    STEREO = "stereo"
    MONO = "mono"

    @property
    def is_metric(self) -> bool:
        return self is not Mode.MONO


class TrackStatus(Enum):
    """What became of a frame."""

    INITIALIZING = "initializing"  # no map yet
    TRACKING = "tracking"
    RELOCALIZED = "relocalized"  # found again after LOST
    LOST = "lost"


@dataclass(frozen=True, slots=True, eq=False)
class ImuSamples:
    """Inertial samples between the previous frame and this one."""

    stamps_ns: Int64  # (M,)
    gyro_rad_s: Float64  # (M, 3) body
    accel_m_s2: Float64  # (M, 3) body, specific force


def joined_samples(parts: Sequence[ImuSamples]) -> ImuSamples:
    """Samples of steps that follow each other, as one step's."""
    return ImuSamples(
        np.concatenate([part.stamps_ns for part in parts]),
        np.concatenate([part.gyro_rad_s for part in parts]),
        np.concatenate([part.accel_m_s2 for part in parts]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One moment of a recording or camera, as the sensor gave it."""

    index: int  # position in the source, skipped frames counted
    stamp_ns: int
    image: Uint8  # (H, W) grey, left camera, distorted as captured (rectified in stereo)
    color: Uint8 | None = None  # (H, W, 3) RGB, for people to look at
    depth_m: Float32 | None = None  # (H, W) z-depth, 0 where unknown
    right: Uint8 | None = None  # (H, W) grey, rectified: row y of image is row y of right
    imu: ImuSamples | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MatchView:
    """One side of a match: keypoints in a picture, real or predicted from the map."""

    xy: Float32  # (N, 2) px
    descriptors: Float32  # (N, D) unit length
    image_size: tuple[int, int]  # (width, height) px
    sigma_px: Float32 | None = None  # (N,) px, how far xy may be from where b sees the points; None: no prediction


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What an extractor found in one image."""

    xy: Float32  # (N, 2) px in the image as given
    scores: Float32  # (N,) higher is stronger
    descriptors: Float32  # (N, D) unit length
    image_size: tuple[int, int]  # (width, height) px

    def __len__(self) -> int:
        return len(self.xy)

    def view(self, index: Int64 | None = None) -> MatchView:
        """All of them, or those of an index (M,), as one side of a match."""
        if index is None:
            return MatchView(self.xy, self.descriptors, self.image_size)
        return MatchView(self.xy[index], self.descriptors[index], self.image_size)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """The features of one frame, brought to an ideal pinhole camera, with what is known of their depth."""

    stamp_ns: int
    features: Features  # xy undistorted: ideal pinhole px
    xy_raw: Float32  # (N, 2) px in the image as captured, to draw and to look depth up
    depth_m: Float32  # (N,) z-depth, NaN where unknown
    right_x: Float32  # (N,) px, x - baseline_m * fx / depth: real in stereo, virtual with a depth camera, else NaN

    def __len__(self) -> int:
        return len(self.xy_raw)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Correspondences between two views, and how hard they were to find."""

    index_a: Int64  # (K,) ascending
    index_b: Int64  # (K,)
    confidence: Float32  # (K,) in [0, 1]
    exit_layer: int = 0  # layers run, 1 .. num_layers; 0 for a matcher without layers
    pruned: float = 0.0  # share of all points dropped before the exit, in [0, 1]
    hurried: bool = False  # left unsure, for lack of time
    emptied: bool = False  # ended because a view had no point left to match: no claim of being sure

    def __len__(self) -> int:
        return len(self.index_a)

    @staticmethod
    def none(exit_layer: int = 0) -> Matches:
        empty = np.zeros(0, np.int64)
        return Matches(empty, empty, np.zeros(0, np.float32), exit_layer)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The answer for one frame."""

    index: int
    stamp_ns: int
    status: TrackStatus
    reason: str  # "" when all is well, else why
    T_world_cam: Float64 | None  # None when not tracked
    landmark_ids: Int64  # (N,) per feature of the frame, -1 for none
    xy_raw: Float32  # (N, 2) px of the features, as captured
    features: int = 0
    matches: int = 0
    inliers: int = 0
    exit_layer: int = 0
    pruned: float = 0.0
    keyframe_id: int = -1  # of the keyframe this frame became, -1 for none
    ms: dict[str, float] = field(default_factory=dict)  # stage -> milliseconds
    hurried: bool = False  # the matcher left unsure, for lack of time
    submap_id: int = 0  # whose world T_world_cam is in
    covariance: Float64 | None = None  # (6, 6) of T_world_cam in its tangent, rotation first; None: unknown

    @property
    def is_tracked(self) -> bool:
        return self.T_world_cam is not None


@dataclass(frozen=True, slots=True, eq=False)
class Keyframe:
    """A frame that the map keeps. Its pose and landmark_ids are replaced by the Map, and only there."""

    keyframe_id: int
    frame_index: int
    observation: Observation
    T_world_cam: Float64  # (4, 4), ``world`` is that of its sub-map
    landmark_ids: Int64  # (N,) per feature, -1 for none
    submap_id: int = 0  # keyframes of different sub-maps have different, unrelated worlds
    imu: ImuSamples | None = None  # since the keyframe before it in its sub-map; None where some are missing
    velocity_world: Float64 | None = None  # (3,) m/s of the body; None until the inertial start
    bias: Float64 | None = None  # (6,) accelerometer (m/s^2), then gyro (rad/s); None until the inertial start


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """Two keyframes seen to show the same place: a measurement between their poses."""

    keyframe_a: int
    keyframe_b: int
    T_a_b: Float64  # (4, 4), translation in units of a's world
    scale_a_b: float = 1.0  # lengths in a's world over the same lengths in b's; 1 where scale is known
    inliers: int = 0  # matches that agree


@dataclass(frozen=True, slots=True, eq=False)
class InertialStates:
    """Velocities and biases of consecutive keyframes."""

    keyframe_ids: Int64  # (C,)
    velocities_world: Float64  # (C, 3) m/s of the body
    biases: Float64  # (C, 6) accelerometer (m/s^2), then gyro (rad/s)
    covariances: Float64  # (C, 9, 9) of velocity and bias


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What the graph found: better poses and points, and observations to forget."""

    keyframe_ids: Int64  # (K,)
    T_world_cam: Float64  # (K, 4, 4)
    landmark_ids: Int64  # (L,)
    points_world: Float64  # (L, 3)
    covariances: Float64  # (K, 6, 6) of the poses, in the camera's tangent, rotation (rad) first, then m
    outlier_keyframe_ids: Int64  # (O,) observations to drop: keyframe and
    outlier_landmark_ids: Int64  # (O,) landmark
    error_px: float = float("nan")  # robust reprojection RMS after optimisation
    ms: float = 0.0  # time the optimisation took
    failure: str = ""  # why nothing was corrected, "" when all is well; the kind, and after a colon its figures
    set_aside: dict[str, int] = field(default_factory=dict)  # what could not be used, kind -> how many; often empty
    joint_covariance: Float64 | None = None  # (6K, 6K) of the poses to each other, the edge not held; None: unknown
    out_of_time: bool = False  # ended by its time limit: the best until then
    states: InertialStates | None = None  # where there are inertial samples


@dataclass(frozen=True, slots=True, eq=False)
class PoseCorrection:
    """What the pose graph found: where keyframes lie when the loops between them are believed."""

    keyframe_ids: Int64  # (K,)
    T_world_cam: Float64  # (K, 4, 4)
    scale: Float64  # (K,) factor of all lengths seen from the keyframe; 1 where scale is known
    believed: Bool  # (E,) which loops agree with the others and with the path between them
    ms: float = 0.0
    failure: str = ""  # why nothing was corrected, "" when all is well
    set_aside: dict[str, int] = field(default_factory=dict)  # as in a Correction
    out_of_time: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MapSnapshot:
    """A copy of the map for viewers and writers."""

    points_world: Float32  # (L, 3)
    colors: Uint8  # (L, 3) RGB
    keyframe_ids: Int64  # (K,)
    T_world_keyframes: Float64  # (K, 4, 4)
    trajectory_world: Float64  # (F, 3) camera centres of the tracked frames so far
