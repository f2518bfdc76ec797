"""Training of a place vocabulary: k-means and two eigenvalue problems, minutes on one core, the same in every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slam.config import FeatureConfig
from slam.errors import ConfigError
from slam.features import make_extractor
from slam.learning.cache import SCENES_PER_SHARD, VIEWS_PER_SCENE, build_shard, photographs
from slam.learning.places_views import PlaceViews, joined, recorded_views, scene_views, whole_scene_views
from slam.learning.places_whitening import k_means, learned_whitening, principal_axes
from slam.places.vlad import DIM, PlaceDescriber, aggregated, weights_sha256
from slam.places.vocabulary import Vocabulary, write_vocabulary
from slam.types import Features, Float32

CENTRES = 32
POINT_DIM = 32  # numbers of a descriptor that are aggregated: its principal components
SHARPNESS = 15.0  # of the shares: a point's logit falls by this times its squared distance from a centre
SAMPLES = 60_000  # descriptors that k-means looks at
HELD_OUT_SCENES = 200
VOCABULARY = "places.npz"

Progress = Callable[[int, int], None]  # views made, all of them


@dataclass(frozen=True)
class PlaceTrainOptions:
    """What to make a place vocabulary of."""

    images: Path  # folder or tar of photographs, with manifest.csv (file, split) or without
    out: Path  # folder for the cache of features and the vocabulary
    recordings: tuple[Path, ...] = ()  # RGB-D recordings in TUM layout with ground truth, rendered or real
    features: str = "earlybird"  # a row of slam.features.FEATURES
    feature_weights: str = ""  # of the extractor, "" for those that belong to its name
    keypoints: int = 512  # extracted per view
    scenes: int = 2400  # synthetic, of four views each
    seed: int = 0


@dataclass(frozen=True)
class PlaceTrainReport:
    """What a training made."""

    vocabulary: Path
    views: int
    pairs: int  # of views that show one place
    minutes: float
    recall: float  # at 1, of held-out scenes: a view's most similar one is of its scene


def train_places(options: PlaceTrainOptions, on_progress: Progress = lambda *_: None) -> PlaceTrainReport:
    """Make a vocabulary and write ``places.npz`` into ``options.out``; views that are in the cache are not made again.

    Raises ConfigError for too few scenes, SourceError when photographs or recordings cannot be read, WeightsError
    without the extractor's weights.
    """
    least = 2 * DIM // VIEWS_PER_SCENE
    if options.scenes < least:
        raise ConfigError(f"scenes: {options.scenes} are too few to find {DIM} directions; give at least {least}")
    began = time.monotonic()
    held_out, *shards = prepared_shards(options, on_progress)
    views = training_views(options, shards)
    vocabulary = made_vocabulary(options, views)
    path = options.out / VOCABULARY
    write_vocabulary(path, vocabulary)
    recall = recall_at_one(PlaceDescriber(vocabulary), whole_scene_views(held_out))
    return PlaceTrainReport(path, len(views), len(views.pairs), (time.monotonic() - began) / 60, recall)


def prepared_shards(options: PlaceTrainOptions, on_progress: Progress) -> list[Path]:
    """Views of scenes in the cache, the held-out ones first; those that are missing are made."""
    plan = shard_plan(options)
    photos = photographs(options.images, options.out / "images")
    for i, (path, scenes) in enumerate(plan):
        if not path.exists():
            build_shard(path, photos[path.parent.name], feature_config(options), options.seed * 100_000 + i, scenes)
        on_progress(i + 1, len(plan))
    return [path for path, _ in plan]


def shard_plan(options: PlaceTrainOptions) -> list[tuple[Path, int]]:
    """The shards of the cache and the scenes in each."""
    cache, total = options.out / "cache", options.scenes
    plan = [(cache / "val" / "shard_0000.npy", min(HELD_OUT_SCENES, total))]
    for i, start in enumerate(range(0, total, SCENES_PER_SHARD)):
        plan.append((cache / "train" / f"shard_{i:04d}.npy", min(SCENES_PER_SHARD, total - start)))
    return plan


def feature_config(options: PlaceTrainOptions) -> FeatureConfig:
    """The extractor that the vocabulary is for."""
    return FeatureConfig(name=options.features, max_keypoints=options.keypoints, weights=options.feature_weights)


def training_views(options: PlaceTrainOptions, shards: Sequence[Path]) -> PlaceViews:
    """Of the scenes and of all recordings."""
    scenes = scene_views(shards, np.random.default_rng(options.seed))
    extractor = make_extractor(feature_config(options))
    return joined([scenes, *(recorded_views(path, extractor, options.keypoints) for path in options.recordings)])


def made_vocabulary(options: PlaceTrainOptions, views: PlaceViews) -> Vocabulary:
    """Centres by k-means of the descriptors, then the projection that makes views of one place alike."""
    words = first_words(options, sampled(views, options.seed))
    aggregates = np.stack([aggregated(d.astype(np.float32), words).ravel() for d in views.descriptors])
    mean, project = learned_whitening(aggregates, views.pairs, DIM)
    return replace(words, mean=mean, project=project)


def first_words(options: PlaceTrainOptions, descriptors: Float32) -> Vocabulary:
    """Centres of descriptors (N, D), softly assigned by distance; nothing is projected yet."""
    centres = k_means(descriptors, CENTRES, options.seed)
    points = principal_axes(descriptors, POINT_DIM)
    length = CENTRES * points.shape[1]
    return Vocabulary(
        options.features,
        weights_sha256(options.features, options.feature_weights),
        assign=np.float32(2 * SHARPNESS) * centres.T,
        bias=np.float32(-SHARPNESS) * np.square(centres).sum(1),
        points=points,
        centers=centres @ points,
        mean=np.zeros(length, np.float32),
        project=np.zeros((length, DIM), np.float32),
    )


def sampled(views: PlaceViews, seed: int) -> Float32:
    """About SAMPLES descriptors (N, D), as many of every view, drawn at random."""
    rng, each = np.random.default_rng(seed), -(-SAMPLES // len(views))
    drawn = [d[rng.permutation(len(d))[:each]] for d in views.descriptors]
    return np.concatenate(drawn).astype(np.float32)


def recall_at_one(describer: PlaceDescriber, views: PlaceViews) -> float:
    """Share of the views of scenes whose most similar other view is of the same scene."""
    vectors = np.stack([describer.describe(as_features(d)) for d in views.descriptors])
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -np.inf)
    scene = np.arange(len(views)) // VIEWS_PER_SCENE
    return float((scene[similarities.argmax(1)] == scene).mean())


def as_features(descriptors: Float32) -> Features:
    """Descriptors (N, D) as features whose places nobody knows."""
    nowhere = np.full((len(descriptors), 2), np.nan, np.float32)
    return Features(nowhere, np.ones(len(descriptors), np.float32), descriptors.astype(np.float32), (0, 0))
