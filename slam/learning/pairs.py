"""Training pairs: two views of one scene with every keypoint's true place in the other view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from slam.learning.shards import Shards
from slam.types import Float32, Float64, Int64

FAR_AWAY_PX = 1e6  # where points of another scene project to


@dataclass(frozen=True, eq=False)
class Pair:
    """Keypoints of two views, strongest first, and their true places. NaN where a place is unknown."""

    xy_a: Float32  # (M, 2) px
    descriptors_a: Float32  # (M, D)
    size_a: tuple[int, int]  # (width, height) px
    xy_b: Float32  # (N, 2) px
    descriptors_b: Float32  # (N, D)
    size_b: tuple[int, int]
    a_in_b: Float64  # (M, 2) px, where the points of a are in b
    b_in_a: Float64  # (N, 2) px; compared with ``truth_a``
    truth_a: Float32  # (M, 2) px, true positions of a's points: xy_a unless a is a virtual view
    sigma_a: Float32  # (M,) px, how far xy_a may be from where b sees the points; inf where it is no prediction


class SceneShards(Shards):
    """Pairs from shards that ``slam.learning.cache`` wrote."""

    def pair(self, rng: np.random.Generator, overlapping: bool = True) -> Pair:
        """Two views of one scene, or of two scenes when they are not to overlap."""
        return plane_pair(*self.two_rows(rng, same_scene=overlapping))

    def descriptors(self, views: int) -> Float32:
        """(K, D) descriptors of the first views of the first shard, to initialise a projection from."""
        return np.concatenate([row["descriptors"][: row["count"]] for row in self.first(views)]).astype(np.float32)


def plane_pair(row_a: np.void, row_b: np.void) -> Pair:
    """The pair of two cached views; different scenes have nothing in common."""
    m, n = int(row_a["count"]), int(row_b["count"])
    xy_a, xy_b = row_a["xy"][:m].copy(), row_b["xy"][:n].copy()
    if row_a["scene"] == row_b["scene"]:
        a_in_b, b_in_a = _carried(row_a, row_b), _carried(row_b, row_a)
    else:
        a_in_b, b_in_a = np.full((m, 2), FAR_AWAY_PX), np.full((n, 2), FAR_AWAY_PX)
    return Pair(
        xy_a,
        row_a["descriptors"][:m].astype(np.float32),
        _size(row_a),
        xy_b,
        row_b["descriptors"][:n].astype(np.float32),
        _size(row_b),
        a_in_b,
        b_in_a,
        xy_a,
        no_prediction(m),
    )


def no_prediction(count: int) -> Float32:
    """(count,) infinite sigmas."""
    return np.full(count, np.inf, np.float32)


def _size(row: np.void) -> tuple[int, int]:
    return int(row["size"][0]), int(row["size"][1])


def _carried(row_a: np.void, row_b: np.void) -> Float64:
    """(M, 2) where each keypoint of a is in b, by the homography of the plane it lies on."""
    m = int(row_a["count"])
    H_b_a = row_b["homographies"] @ np.linalg.inv(row_a["homographies"])
    points = np.column_stack([row_a["xy"][:m].astype(np.float64), np.ones(m)])
    carried = np.einsum("nij,nj->ni", H_b_a[row_a["plane"][:m]], points)
    return carried[:, :2] / carried[:, 2:]


def subset(pair: Pair, index_a: Int64, index_b: Int64) -> Pair:
    """The pair with these points only, in this order."""
    return replace(
        pair,
        xy_a=pair.xy_a[index_a],
        descriptors_a=pair.descriptors_a[index_a],
        a_in_b=pair.a_in_b[index_a],
        truth_a=pair.truth_a[index_a],
        sigma_a=pair.sigma_a[index_a],
        xy_b=pair.xy_b[index_b],
        descriptors_b=pair.descriptors_b[index_b],
        b_in_a=pair.b_in_a[index_b],
    )


def strongest(total: int, count: int, rng: np.random.Generator) -> Int64:
    """(count,) indices of mostly strong keypoints (they come strongest first), in random order."""
    rank = np.arange(total) + rng.uniform(0, 0.6 * total, total)
    return rng.permutation(np.argsort(rank)[:count])


def stacked(pairs: Sequence[Pair], rng: np.random.Generator, most_a: int, most_b: int) -> dict[str, np.ndarray]:
    """A batch: every pair cut to as many points as the poorest one has, at most ``most_a`` and ``most_b``."""
    m = min(most_a, *(len(p.xy_a) for p in pairs))
    n = min(most_b, *(len(p.xy_b) for p in pairs))
    cut = [subset(p, strongest(len(p.xy_a), m, rng), strongest(len(p.xy_b), n, rng)) for p in pairs]
    return {f.name: np.stack([np.asarray(getattr(p, f.name), np.float32) for p in cut]) for f in fields(Pair)}
