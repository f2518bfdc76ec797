"""The held-out pairs that exits are calibrated on, in sequences: pairs of one sequence depend on each other.

A sequence is a synthetic scene, or a stretch of a recording. Its pairs are always the same, made anew when asked for.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from slam.config import FeatureConfig
from slam.errors import SourceError
from slam.features import make_extractor
from slam.learning.cache import build_shard, photographs
from slam.learning.depth_pairs import RecordingPairs
from slam.learning.pairs import FAR_AWAY_PX, Pair, plane_pair, subset
from slam.learning.virtual import virtual
from slam.matching.calibration import GROUPS, PLAIN, PREDICTED
from slam.types import Bool, Int64, MatchView

INLIER_PX = 3.0
STRETCH_FRAMES = 24  # of a recording that make a sequence, at most
LEAST_POINTS = 16  # of either side
UNSEEN_DROPPED = 0.5  # share of virtual views without the points that fall outside, as in training
KIND_SHARES = {  # of the pairs of a group, as they are in use; side a of all predicted ones claims to know its places
    PREDICTED: {"virtual": 0.9, "unrelated": 0.1},
    PLAIN: {"frames": 0.55, "virtual": 0.35, "unrelated": 0.1},
}
SILENT = {PREDICTED: 0.0, PLAIN: 1.0}  # share of virtual views that say nothing of their error


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """A pair as the matcher gets it, with what is true of it."""

    kind: str  # where it comes from and what KIND_SHARES calls it: "scene frames", "recording virtual", ...
    pair: Pair

    @property
    def views(self) -> tuple[MatchView, MatchView]:
        """Both sides; a carries sigma_px when it is a prediction."""
        pair = self.pair
        sigma = pair.sigma_a if np.isfinite(pair.sigma_a).any() else None
        return (
            MatchView(pair.xy_a, pair.descriptors_a, pair.size_a, sigma),
            MatchView(pair.xy_b, pair.descriptors_b, pair.size_b),
        )

    def inliers(self, index_a: Int64, index_b: Int64) -> Bool:
        """(K,) which matches are within INLIER_PX of the truth; unknown places are not."""
        return np.linalg.norm(self.pair.a_in_b[index_a] - self.pair.xy_b[index_b], axis=1) < INLIER_PX


class Origin(Protocol):
    """Something that related pairs can be drawn from."""

    name: str

    def related(self, rng: np.random.Generator) -> Pair:
        """Two views of it."""
        ...


class Scene:
    """The cached views (V,) of one synthetic scene."""

    name = "scene"

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows

    def related(self, rng: np.random.Generator) -> Pair:
        """Two different views."""
        a, b = rng.choice(len(self._rows), 2, replace=False)
        return plane_pair(self._rows[a], self._rows[b])


class Stretch:
    """Frames ``first`` to ``end`` (not included) of a recording."""

    name = "recording"

    def __init__(self, recording: RecordingPairs, first: int, end: int) -> None:
        self._recording, self._first, self._end = recording, first, end

    def related(self, rng: np.random.Generator) -> Pair:
        """Two frames, near ones more often: the logarithm of the gap is uniform."""
        gap = int(np.exp(rng.uniform(0.0, np.log(self._end - self._first))))
        a = int(rng.integers(self._first, self._end - gap))
        a, b = (a, a + gap) if rng.random() < 0.5 else (a + gap, a)
        return self._recording.between(a, b)


class HeldOut:
    """Sequences of pairs of one group with at most ``points`` keypoints per view, in random order.

    Both groups are drawn from the same sequences, each its own pairs: they are certified one by one.
    """

    def __init__(self, origins: Sequence[Origin], points: int, group: str, pairs_each: int, seed: int) -> None:
        if len(origins) < 2:
            raise SourceError("calibration: fewer than two sequences; give photographs, shards or more recordings")
        order = np.random.default_rng(seed).permutation(len(origins))
        self._origins = [origins[i] for i in order]
        self.group, self._points, self._pairs_each, self._seed = group, points, pairs_each, seed

    def __len__(self) -> int:
        return len(self._origins)

    def pairs(self, sequence: int) -> Iterator[LabelledPair]:
        """The pairs of a sequence; those with hardly any keypoints are left out."""
        rng = np.random.default_rng((self._seed, sequence, GROUPS.index(self.group)))
        shares = KIND_SHARES[self.group]
        for kind in rng.choice(list(shares), self._pairs_each, p=list(shares.values())):
            pair = self._drawn(sequence, str(kind), rng)
            if min(len(pair.xy_a), len(pair.xy_b)) >= LEAST_POINTS:
                yield LabelledPair(f"{self._origins[sequence].name} {kind}", pair)

    def sha256(self) -> str:
        """Hexadecimal digest of all pairs."""
        digest = hashlib.sha256()
        for sequence in range(len(self)):
            for labelled in self.pairs(sequence):
                for field in fields(Pair):
                    digest.update(np.ascontiguousarray(getattr(labelled.pair, field.name)).tobytes())
        return digest.hexdigest()

    def _drawn(self, sequence: int, kind: str, rng: np.random.Generator) -> Pair:
        pair = self._origins[sequence].related(rng)
        if kind == "unrelated":
            other = (sequence + int(rng.integers(1, len(self)))) % len(self)
            pair = unrelated(pair, self._origins[other].related(rng))
        if kind == "virtual" or self.group == PREDICTED:
            pair = virtual(pair, rng, rng.random() < UNSEEN_DROPPED, SILENT[self.group])
        return subset(pair, _first(len(pair.xy_a), self._points), _first(len(pair.xy_b), self._points))


def unrelated(first: Pair, second: Pair) -> Pair:
    """Side a of one pair and side b of another: nothing in common."""
    nowhere_a, nowhere_b = (np.full((len(xy), 2), FAR_AWAY_PX) for xy in (first.xy_a, second.xy_b))
    return replace(
        first,
        xy_b=second.xy_b,
        descriptors_b=second.descriptors_b,
        size_b=second.size_b,
        a_in_b=nowhere_a,
        b_in_a=nowhere_b,
    )


def fingerprint(features: FeatureConfig) -> str:
    """A name for what an extractor finds, weights included: a digest of its features of one picture."""
    noise = np.random.default_rng(0).integers(0, 256, (15, 20), dtype=np.uint8)
    found = make_extractor(features).extract(noise.repeat(16, 0).repeat(16, 1))
    digest = hashlib.sha256(found.xy.tobytes() + found.descriptors.tobytes()).hexdigest()
    return f"{features.name}_{features.max_keypoints}_{digest[:12]}"


def scenes_of(images: Path, features: FeatureConfig, scenes: int, cache: Path, seed: int) -> list[Origin]:
    """Synthetic scenes: those of a folder of shards, or ``scenes`` new ones of held-out photographs, kept in ``cache``.

    Raises SourceError when there are neither shards nor photographs, or the shards are of other features.
    """
    shards = sorted(images.glob("shard_*.npy")) if images.is_dir() else []
    if not shards:
        name = f"scenes_{images.stem}_{scenes}_{seed}.npy"
        shards = [cache / name]
        if not shards[0].is_file():
            photos = photographs(images, cache.parent / "images")["val"]
            build_shard(shards[0], photos, features, seed, scenes)
    return [Scene(rows) for path in shards for rows in _by_scene(path)]


def stretches_of(recordings: Sequence[Path], features: FeatureConfig, cache: Path) -> list[Origin]:
    """The stretches of all recordings, at most STRETCH_FRAMES long and equal within a recording.

    recordings: folders in TUM layout, or folders of such folders. Raises SourceError when one cannot be read.
    """
    origins: list[Origin] = []
    for path in itertools.chain.from_iterable(map(_recordings_in, recordings)):
        recording = RecordingPairs(path, features, cache)
        parts = -(-len(recording) // STRETCH_FRAMES)
        bounds = np.linspace(0, len(recording), parts + 1).astype(int).tolist()
        origins += [Stretch(recording, first, end) for first, end in itertools.pairwise(bounds)]
    return origins


def _recordings_in(folder: Path) -> list[Path]:
    """The folder itself, or the recordings in it."""
    inner = sorted(path.parent for path in folder.glob("*/rgb.txt"))
    return inner if inner and not (folder / "rgb.txt").is_file() else [folder]


def _by_scene(path: Path) -> list[np.ndarray]:
    try:
        rows = np.load(path, mmap_mode="r")
        scene = rows["scene"].copy()
    except (OSError, ValueError, IndexError) as error:
        raise SourceError(f"shard {path}: is not one of 'slam train matcher'; delete it") from error
    ends = [0, *(np.flatnonzero(np.diff(scene)) + 1).tolist(), len(rows)]
    return [rows[first:end] for first, end in itertools.pairwise(ends) if end - first > 1]  # left on disk


def _first(total: int, points: int) -> Int64:
    return np.arange(min(total, points), dtype=np.int64)
