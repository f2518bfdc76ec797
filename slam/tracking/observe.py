"""From a frame to an Observation: features in an ideal pinhole camera, each with its depth where it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slam.camera import Rig
from slam.config import FeatureConfig
from slam.features import Extractor, make_extractor
from slam.tracking.stereo import match_rows
from slam.types import Features, Float32, Frame, Mode, Observation

MAX_DEPTH_SPREAD = 0.06  # of the 3x3 neighbourhood, relative: an edge of an object has no depth


class Observer:
    """Extracts and measures. Keeps no state between frames, so that frames may be observed ahead of time."""

    def __init__(self, rig: Rig, mode: Mode, config: FeatureConfig) -> None:
        self._rig, self._mode = rig, mode
        count = config.stereo_max_keypoints if mode is Mode.STEREO else config.max_keypoints
        self._extractor: Extractor = make_extractor(config, count)
        self._extractor_right: Extractor = make_extractor(config, count)

    def observe(self, frame: Frame) -> Observation:
        """Observation of a frame; every array has one row per feature."""
        found = self._extractor.extract(frame.image)
        xy = self._rig.left.undistort(found.xy)
        depth_m, right_x = self._measure_depth(frame, found, xy)
        return Observation(frame.stamp_ns, replace(found, xy=xy), found.xy, depth_m, right_x)

    def _measure_depth(self, frame: Frame, found: Features, xy: Float32) -> tuple[Float32, Float32]:
        baseline_px = np.float32(self._rig.baseline_m * self._rig.left.fx)
        unknown = np.full(len(found), np.nan, np.float32)
        if self._mode is Mode.RGBD and frame.depth_m is not None:
            depth_m = sample_depth(frame.depth_m, found.xy)
            return depth_m, xy[:, 0] - baseline_px / depth_m
        if self._mode is Mode.STEREO and frame.right is not None:
            max_disparity_px = baseline_px / 0.3  # nothing nearer than 0.3 m
            found_right = self._extractor_right.extract(frame.right)
            right_x = match_rows(frame.image, frame.right, found, found_right, float(max_disparity_px))
            return baseline_px / (xy[:, 0] - right_x), right_x
        return unknown, unknown


def sample_depth(depth_m: Float32, xy_raw: Float32) -> Float32:
    """Depth (N,) at pixels (N, 2): the median of the 3x3 around, NaN where it is unknown or an edge runs through."""
    height, width = depth_m.shape
    x = np.clip(np.rint(xy_raw[:, 0]).astype(int), 1, width - 2)
    y = np.clip(np.rint(xy_raw[:, 1]).astype(int), 1, height - 2)
    offsets = np.arange(-1, 2)
    patches = depth_m[y[:, None, None] + offsets[:, None], x[:, None, None] + offsets].reshape(-1, 9)
    patches = np.where(patches > 0, patches, np.nan)
    known = np.isfinite(patches).sum(1) >= 6
    result = np.full(len(xy_raw), np.nan, np.float32)
    spread = np.nanmax(patches[known], 1) - np.nanmin(patches[known], 1)
    middle = np.nanmedian(patches[known], 1)
    result[known] = np.where(spread < MAX_DEPTH_SPREAD * middle, middle, np.nan)
    return result
