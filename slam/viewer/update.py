"""What a viewer is shown: the map, the current picture with its matches, and a line of figures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from slam.types import Bool, Float32, Float64, Frame, MapSnapshot, Track, Uint8

IMAGE_WIDTH_PX = 480  # what is sent: small enough to cross to another process ten times a second
MAX_POINTS = 50_000  # drawn, and sent


@dataclass(frozen=True, slots=True, eq=False)
class ViewerUpdate:
    """One look at a run, copied, so that the run may go on."""

    snapshot: MapSnapshot
    image: Uint8  # (H, W, 3) RGB, small
    xy: Float32  # (N, 2) px in ``image``
    is_matched: Bool  # (N,) whether the feature is tied to a landmark
    exit_layer: int  # 0 where nothing was matched
    num_layers: int  # of the matcher, 0 for a matcher without layers
    figures: tuple[tuple[str, str], ...]  # name and value, in the order to be read
    T_world_cam: Float64 | None = None  # (4, 4), None when not tracked
    ground_truth_world: Float64 | None = None  # (F, 3) camera centres, aligned to the map


def viewer_update(
    frame: Frame,
    track: Track,
    snapshot: MapSnapshot,
    *,
    num_layers: int,
    fps: float,
    ground_truth_world: Float64 | None = None,
    said: str = "",
) -> ViewerUpdate:
    """The update after ``frame`` was answered with ``track``; the picture is made small, the map is thinned.

    ``said``: what came of the last command, "" when there was none.
    """
    image, scale = _small(frame)
    return ViewerUpdate(
        snapshot=_thinned(snapshot),
        image=image,
        xy=((track.xy_raw + 0.5) * scale - 0.5).astype(np.float32),
        is_matched=track.landmark_ids >= 0,
        exit_layer=track.exit_layer,
        num_layers=num_layers,
        figures=_figures(track, snapshot, fps) + ((("asked", said),) if said else ()),
        T_world_cam=track.T_world_cam,
        ground_truth_world=ground_truth_world,
    )


def _small(frame: Frame) -> tuple[Uint8, float]:
    image = frame.color if frame.color is not None else cv2.cvtColor(frame.image, cv2.COLOR_GRAY2RGB)
    scale = min(1.0, IMAGE_WIDTH_PX / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _thinned(snapshot: MapSnapshot) -> MapSnapshot:
    count = len(snapshot.points_world)
    if count <= MAX_POINTS:
        return snapshot
    chosen = np.linspace(0, count - 1, MAX_POINTS).astype(np.int64)
    return MapSnapshot(
        snapshot.points_world[chosen],
        snapshot.colors[chosen],
        snapshot.keyframe_ids,
        snapshot.T_world_keyframes,
        snapshot.trajectory_world,
    )


def _figures(track: Track, snapshot: MapSnapshot, fps: float) -> tuple[tuple[str, str], ...]:
    status = f"{track.status.value}: {track.reason}" if track.reason else track.status.value
    return (
        ("status", status),
        ("fps", f"{fps:.1f}"),
        ("inliers", str(track.inliers)),
        ("keyframes", str(len(snapshot.keyframe_ids))),
        ("landmarks", str(len(snapshot.points_world))),
        ("frame", str(track.index)),
    )
