"""A pair of pictures as matchers see it: two views of keypoints, with every point's true place in the other view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from slam.evaluation.matching_pairs import Picture, PicturePair
from slam.evaluation.matching_scores import possible_matches
from slam.features import Extractor
from slam.geometry import inside
from slam.learning.depth_pairs import keypoint_depth, reprojected
from slam.types import Bool, Float64, Int64, MatchView

INLIER_PX = 3.0  # a match is right within it of the true place


@dataclass(frozen=True, eq=False)
class Case:
    """What to match, and the truth to judge by."""

    name: str
    pair: PicturePair
    a: MatchView
    b: MatchView
    a_in_b: Float64  # (M, 2) px, true places of a's points in b; NaN where unknown
    truth_a: MatchView  # a as it was photographed, the same points; a itself unless a is a prediction

    @cached_property
    def possible(self) -> int:
        """The most right matches there can be."""
        return possible_matches(self.a_in_b, self.b.xy, INLIER_PX)


class Keypoints:
    """The views of pictures by one extractor, each picture looked at once."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._views: dict[int, tuple[Picture, MatchView]] = {}

    def case(self, pair: PicturePair) -> Case:
        """The pair with the keypoints of both pictures."""
        a, b = self.view(pair.a), self.view(pair.b)
        return Case(pair.name, pair, a, b, places(a, pair), a)

    def view(self, picture: Picture) -> MatchView:
        """The keypoints of a picture, undistorted."""
        if id(picture) not in self._views:
            found = self._extractor.extract(picture.image)
            camera = picture.camera
            xy = found.xy if camera is None else camera.undistort(found.xy)
            self._views[id(picture)] = picture, MatchView(xy, found.descriptors, found.image_size)
        return self._views[id(picture)][1]


def places(view: MatchView, pair: PicturePair) -> Float64:
    """(M, 2) where points of a are in b: by the homography, or by depth and poses; NaN where that is unknown."""
    nowhere = np.full((len(view.xy), 2), np.nan)
    if pair.H_b_a is not None:
        h = np.column_stack([view.xy, np.ones(len(view.xy))]) @ pair.H_b_a.T
        return h[:, :2] / h[:, 2:]
    a, b = pair.a, pair.b
    if a.depth_m is None or a.camera is None or a.T_world_cam is None or b.T_world_cam is None or not len(view.xy):
        return nowhere
    depth_m = keypoint_depth(a.camera.distort(view.xy), a.depth_m)
    return reprojected(view.xy, depth_m, a.T_world_cam, b.T_world_cam, a.camera)


def is_known(places: Float64) -> Bool:
    """(M,) of places (M, 2)."""
    return np.isfinite(places[:, 0]) & np.isfinite(places[:, 1])


def with_points(case: Case, index: Int64) -> Case:
    """The case with these points of a only."""
    a, truth = (
        MatchView(v.xy[index], v.descriptors[index], v.image_size, None if v.sigma_px is None else v.sigma_px[index])
        for v in (case.a, case.truth_a)
    )
    return replace(case, a=a, a_in_b=case.a_in_b[index], truth_a=truth)


def mapped(case: Case) -> Case:
    """The case with those points of a that a map would expect in b: known place, inside of b's picture."""
    known = is_known(case.a_in_b)
    known[known] = inside(case.a_in_b[known], case.b.image_size)
    return with_points(case, np.flatnonzero(known))


def predicted(case: Case, error_px: float, sigma_px: float, seed: int) -> Case:
    """a as the map predicts it: its points at their places in b, off by what a wrong pose and wrong depths do.

    The error of the pose is a shift of length ``error_px`` in a random direction, that of each point another tenth of
    it. Points without a known place stay where they are, their sigma infinite: no prediction.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    shift = error_px * np.array([np.cos(angle), np.sin(angle)])
    off = shift + rng.normal(0, 0.1 * error_px, case.a_in_b.shape)
    known = is_known(case.a_in_b)
    xy = np.where(known[:, None], case.a_in_b + off, case.a.xy).astype(np.float32)
    sigma = np.where(known, sigma_px, np.inf).astype(np.float32)
    return replace(case, a=MatchView(xy, case.a.descriptors, case.b.image_size, sigma))


def built(pairs: Sequence[PicturePair], extractor: Extractor) -> list[Case]:
    """Every pair with the keypoints of one extractor."""
    keypoints = Keypoints(extractor)
    return [keypoints.case(pair) for pair in pairs]
