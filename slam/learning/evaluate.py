"""How many true matches matchers find on pairs that nobody trained on, and how deep they go for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera
from slam.errors import SourceError
from slam.features import Extractor
from slam.learning.depth_pairs import POSE_WITHIN_NS, keypoint_depth, reprojected
from slam.matching import Matcher
from slam.sources import Source
from slam.sources.stamps import associate
from slam.types import Bool, Features, Float32, Float64, Frame, MatchView

Judge = Callable[[Float32, Float32], Bool]  # which of the matched points (K, 2) of a and (K, 2) of b are right
INLIER_PX = 3.0


@dataclass(frozen=True, eq=False)
class JudgedPair:
    """Two views and how to tell true matches from false ones."""

    name: str
    a: MatchView
    b: MatchView
    judge: Judge


@dataclass(frozen=True)
class Score:
    """Means over the pairs."""

    pairs: int
    matches: float
    inliers: float
    precision: float  # inliers over matches, pooled
    exit_layer: float
    pruned: float
    ms: float


def compare_on_pairs(matchers: Mapping[str, Matcher], pairs: Sequence[JudgedPair]) -> dict[str, Score]:
    """The score of every matcher on the same pairs. Raises SourceError when there are no pairs."""
    if not pairs:
        raise SourceError("compare: no pairs; check the folder and the gap between frames")
    return {name: score(matcher, pairs) for name, matcher in matchers.items()}


def score(matcher: Matcher, pairs: Sequence[JudgedPair]) -> Score:
    """Means of one matcher over all pairs."""
    rows = []
    for pair in pairs:
        started = time.perf_counter()
        found = matcher.match(pair.a, pair.b)
        ms = 1e3 * (time.perf_counter() - started)
        right = pair.judge(pair.a.xy[found.index_a], pair.b.xy[found.index_b])
        rows.append((len(found), right.sum(), found.exit_layer, found.pruned, ms))
    matches, inliers, exit_layer, pruned, ms = np.mean(rows, axis=0).tolist()
    return Score(len(pairs), matches, inliers, inliers / max(matches, 1e-9), exit_layer, pruned, ms)


def homography_pairs(folder: Path, extractor: Extractor) -> Iterator[JudgedPair]:
    """img1 against every other image of a folder with ``H1toNp`` files (Mikolajczyk & Schmid 2005)."""
    first = extractor.extract(_grey(folder / "img1.png")).view()
    for path in sorted(folder.glob("H1to*p")):
        number = path.name.removeprefix("H1to").removesuffix("p")
        other = extractor.extract(_grey(folder / f"img{number}.png")).view()
        yield JudgedPair(f"{folder.name}/1-{number}", first, other, homography_judge(np.loadtxt(path)))


def depth_pairs(
    source: Source, extractor: Extractor, gap: int, step: int, inlier_px: float = INLIER_PX
) -> Iterator[JudgedPair]:
    """Frames i and i + gap of an RGB-D recording, i = 0, step, ...; judged by depth and ground-truth poses."""
    frames = [frame for frame in source if frame.index % step == 0 or (frame.index - gap) % step == 0]
    by_index = {frame.index: frame for frame in frames}
    for a in frames:
        b = by_index.get(a.index + gap)
        if a.index % step or b is None:
            continue
        judge = depth_judge(a, b, source, inlier_px)
        view_a, view_b = (_undistorted(extractor.extract(frame.image), source.rig.left) for frame in (a, b))
        yield JudgedPair(f"{source.path.name}/{a.index}-{b.index}", view_a, view_b, judge)


def epipolar_pairs(source: Source, extractor: Extractor, gap: int, step: int) -> Iterator[JudgedPair]:
    """Frames i and i + gap of any recording; judged by the fundamental matrix that fits most of a matcher's matches."""
    kept: dict[int, MatchView] = {}
    for frame in source:
        if frame.index % step == 0 or (frame.index - gap) % step == 0:
            kept[frame.index] = _undistorted(extractor.extract(frame.image), source.rig.left)
    for index, view in kept.items():
        if index % step == 0 and index + gap in kept:
            yield JudgedPair(f"{source.path.name}/{index}-{index + gap}", view, kept[index + gap], consensus)


def homography_judge(H_b_a: Float64, inlier_px: float = INLIER_PX) -> Judge:
    """True within ``inlier_px`` of where the homography (3, 3) carries a's point."""

    def judge(xy_a: Float32, xy_b: Float32) -> Bool:
        carried = np.column_stack([xy_a, np.ones(len(xy_a))]) @ H_b_a.T
        return np.linalg.norm(carried[:, :2] / carried[:, 2:] - xy_b, axis=1) < inlier_px

    return judge


def depth_judge(a: Frame, b: Frame, source: Source, inlier_px: float) -> Judge:
    """True within ``inlier_px`` of where depth and the poses carry a's point; unknown depth counts as wrong."""
    T_world_a, T_world_b = (_true_pose(frame, source) for frame in (a, b))
    camera, depth_m = source.rig.left, a.depth_m
    if depth_m is None:
        raise SourceError(f"{source.path}: no depth in frame {a.index}; judge by depth in an RGB-D recording only")

    def judge(xy_a: Float32, xy_b: Float32) -> Bool:
        known_m = keypoint_depth(camera.distort(xy_a), depth_m)
        expected = reprojected(xy_a, known_m, T_world_a, T_world_b, camera)
        return np.linalg.norm(expected - xy_b, axis=1) < inlier_px

    return judge


def consensus(xy_a: Float32, xy_b: Float32) -> Bool:
    """Inliers of the fundamental matrix that most matches agree on, within 1 px (USAC, fixed seed)."""
    if len(xy_a) < 8:
        return np.zeros(len(xy_a), bool)
    cv2.setRNGSeed(0)
    _, inlier = cv2.findFundamentalMat(xy_a, xy_b, cv2.USAC_ACCURATE, 1.0, 0.999, 5000)
    return np.zeros(len(xy_a), bool) if inlier is None else inlier[:, 0] > 0


def _true_pose(frame: Frame, source: Source) -> Float64:
    poses = source.ground_truth
    found = {} if poses is None else associate([frame.stamp_ns], poses.stamps_ns.tolist(), POSE_WITHIN_NS)
    if poses is None or not found:
        raise SourceError(f"{source.path}: no ground-truth pose for frame {frame.index}; choose another recording")
    return poses.T_world_cam[found[0]]


def _undistorted(features: Features, camera: Camera) -> MatchView:
    return MatchView(camera.undistort(features.xy), features.descriptors, features.image_size)


def _grey(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SourceError(f"image {path}: cannot be read; check the folder")
    return image
