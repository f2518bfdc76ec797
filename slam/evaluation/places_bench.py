"""The benchmark of places: every method asked for the same frames, among the same older ones, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slam.errors import ConfigError
from slam.evaluation.matching_tables import Row, Section, write_report
from slam.evaluation.places_methods import PlaceMethod, extractors, place_methods
from slam.evaluation.places_scores import MOST, earlier, filled, place_figures, proposals
from slam.evaluation.places_truth import OTHER_PLACE, PlaceView, Truth, place_view, together, truth_of
from slam.evaluation.run_folder import opened_run_folder
from slam.features import Extractor
from slam.learning.depth_pairs import posed_frames
from slam.learning.places_views import SAME_PLACE
from slam.sources import Source, open_source
from slam.types import Features, Float32, Int64

SEQUENCES = "sequences"
TUM_FILES = ("rgb.txt", "depth.txt", "groundtruth.txt")
FEW = 20  # frames that come back; figures of fewer say little
NOTHING = Features(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros((0, 0), np.float32), (0, 0))
Progress = Callable[[str], object]


@dataclass(frozen=True)
class PlacesOptions:
    """One ``slam bench places``."""

    data: Path | None = None  # holds sequences/
    recordings: tuple[Path, ...] = ()  # more of them, TUM layout with depth and ground truth
    features: str = "earlybird"
    keypoints: int = 512
    every: int = 3  # frames; one of so many is described
    apart_s: float = 3.0  # at least between a frame and the older ones that it is compared with
    feature_weights: str = ""  # of ``features``
    vocabulary: str = ""  # for ``features``, its own by default


@dataclass(frozen=True, eq=False)
class Described:
    """The frames of a recording by every method."""

    name: str
    stamps_ns: Int64  # (N,)
    truth: Truth
    vectors: dict[str, Float32] = field(default_factory=dict)  # method -> (N, dim)
    describe_ms: dict[str, list[float]] = field(default_factory=dict)


def bench_places_to_folder(options: PlacesOptions, out: Path, command: str, progress: Progress) -> str:
    """Run it all into ``out/<time>`` and return the tables. Raises ConfigError, SourceError or WeightsError."""
    if options.every < 1 or options.keypoints < 8 or options.apart_s < 0:
        raise ConfigError("--every must be at least 1, --keypoints at least 8, and --apart-s not negative")
    sections = places_sections(options, progress)
    folder = opened_run_folder(out / time.strftime("%Y%m%d-%H%M%S"))
    return write_report(folder, "places", "Places", sections, command)


def places_sections(options: PlacesOptions, progress: Progress) -> list[Section]:
    """A table per recording, one of all together, the costs, and what was left out."""
    paths, left_out = recordings(options)
    methods = place_methods(options.features, options.feature_weights, options.vocabulary)
    found = extractors(methods, options.keypoints, options.feature_weights)
    sources = [open_source("tum", path) for path in paths]
    every = []
    for source in sources:
        progress(f"{source.path.name}, one frame of {options.every}")
        every.append(described(source, options.every, methods, found))
    sections = [compared_section([one], options.apart_s) for one in every]
    if len(every) > 1:
        sections.append(compared_section(every, options.apart_s))
    notes = "\n".join(f"- {name}: {reason}" for name, reason in left_out.items())
    sections.insert(0, Section("How it is judged", note=FIGURES_NOTE.format(options.every, options.apart_s)))
    return [*sections, cost_section(every), *([Section("Left out", note=notes)] if notes else [])]


def recordings(options: PlacesOptions) -> tuple[list[Path], dict[str, str]]:
    """Those that can be judged, and name -> reason of those of the data folder that cannot. Raises ConfigError."""
    paths, left_out = [], {}
    folder = None if options.data is None else options.data / SEQUENCES
    for path in sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []:
        if all((path / name).is_file() for name in TUM_FILES):
            paths.append(path)
        elif path.is_dir():
            left_out[path.name] = "no depth with poses, so what two of its frames share is not known"
    paths += options.recordings
    if not paths:
        raise ConfigError(f"no recording with depth and poses: give a folder that holds {SEQUENCES}, or --recording")
    return paths, left_out


def described(source: Source, every: int, methods: Sequence[PlaceMethod], found: dict[str, Extractor]) -> Described:
    """One frame of so many by every method. Raises SourceError without depth or ground truth."""
    views: list[PlaceView] = []
    vectors: dict[str, list[Float32]] = {method.name: [] for method in methods}
    took: dict[str, list[float]] = {method.name: [] for method in methods}
    for count, (frame, depth_m, T_world_cam) in enumerate(posed_frames(source)):
        if count % every:
            continue
        views.append(place_view(source.rig, frame, depth_m, T_world_cam))
        features = {name: extractor.extract(frame.image) for name, extractor in found.items()}
        for method in methods:
            started = time.perf_counter()
            vectors[method.name].append(method.describe(frame.image, features.get(method.features, NOTHING)))
            took[method.name].append(1e3 * (time.perf_counter() - started))
    stamps_ns = np.array([view.stamp_ns for view in views], np.int64)
    stacked = {name: np.stack(of_frames) for name, of_frames in vectors.items()}
    return Described(source.path.name, stamps_ns, truth_of(views, source.rig), stacked, took)


def compared_section(every: Sequence[Described], apart_s: float) -> Section:
    """The figures of all methods on one recording, or on several in one index."""
    truth = together([one.truth for one in every])
    stamps_ns = np.concatenate([one.stamps_ns for one in every])
    recording = np.repeat(np.arange(len(every)), [len(one.stamps_ns) for one in every])
    compared = earlier(stamps_ns, recording, apart_s)
    rows = [
        Row((name,), place_figures(proposals(joined_vectors(every, name), truth, compared), truth))
        for name in every[0].vectors
    ]
    best = np.where(compared, truth.least, 0.0).max(1)
    matches = best[best > SAME_PLACE]
    note = f"{len(stamps_ns)} frames, {len(matches)} of them show a place seen at least {apart_s:g} s before"
    note += f", at best {100 * matches.mean():.0f} % of it in the mean." if len(matches) else "."
    note += " Too few to judge by." if len(matches) < FEW else ""
    return Section(" + ".join(one.name for one in every), ("method",), tuple(rows) if len(matches) else (), note)


def cost_section(every: Sequence[Described]) -> Section:
    """What one frame costs by each method, and what it takes to keep."""
    rows = []
    for name in every[0].vectors:
        vectors = joined_vectors(every, name)
        describe = float(np.median([ms for one in every for ms in one.describe_ms[name]]))
        figures = {"describe ms": describe, "search ms": search_ms(vectors), "bytes": float(vectors[0].nbytes)}
        rows.append(Row((name,), figures))
    places = sum(len(one.stamps_ns) for one in every)
    return Section("Costs", ("method",), tuple(rows), COST_NOTE.format(places))


def search_ms(vectors: Float32) -> float:
    """Median time to find the most similar ones of vectors (N, dim) for one of them."""
    index, took = filled(vectors), []
    for vector in vectors:
        started = time.perf_counter()
        index.query(vector, MOST)
        took.append(1e3 * (time.perf_counter() - started))
    return float(np.median(took))


def joined_vectors(every: Sequence[Described], method: str) -> Float32:
    return np.concatenate([one.vectors[method] for one in every])


FIGURES_NOTE = (
    f"One frame of {{}} is described, and compared with those at least {{:g}} s older. A proposal is right where each "
    f"frame sees more than {100 * SAME_PLACE:.0f} % of the other's points, by depth, poses and what is hidden; wrong "
    f"where neither sees {100 * OTHER_PLACE:.0f} %. R@k: one of the k most similar is right. Seen: the mean share that "
    "the most similar one sees. Area, and recall at precision 100 %: the most similar one of every frame accepted "
    "above a threshold. In one index, frames of all other recordings are there to be confused with."
)
COST_NOTE = (
    "Medians. Describe: from features that tracking has anyway, or from the picture for the thumbnail. Search: exact, "
    "among {} places. Bytes of a place in memory."
)
