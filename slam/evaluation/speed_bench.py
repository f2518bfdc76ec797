"""The benchmark of speed: everything side by side in one run, in turns, so that a busy moment hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from slam.config import MatcherConfig
from slam.errors import ConfigError, WeightsError
from slam.evaluation.matching_cases import Case, built, predicted
from slam.evaluation.matching_methods import opened_extractor
from slam.evaluation.matching_pairs import ROOM, PicturePair, posed_sets
from slam.evaluation.matching_tables import Row, Section, write_report
from slam.evaluation.run_folder import opened_run_folder
from slam.evaluation.speed_memory import METHOD, peaks
from slam.evaluation.speed_methods import (
    ADAPTIVE,
    BASELINES,
    DESCRIPTOR_LENGTHS,
    EXTRACTORS,
    FULL,
    NEAREST,
    Ours,
    matcher_file,
    opened,
    random_view,
)
from slam.evaluation.speed_published import published_section
from slam.evaluation.speed_runs import HEADS, NOTE, run_rows, spread
from slam.features import Extractor
from slam.matching import Matcher
from slam.sources import Source, open_source
from slam.types import Matches, MatchView, Uint8

VGA = (640, 480)
VIDEO_GAP, HARD_GAP = 1, 20  # frames
PREDICTION_PX = 2.0  # length of the error of the positions predicted in video
SIGMA_PX = 4.0
Progress = Callable[[str], object]
Call = Callable[[int], object]  # what is timed, given the number of the round


@dataclass(frozen=True)
class SpeedOptions:
    """One ``slam bench speed``."""

    data: Path | None = None  # holds sequences/sevenscenes_300; the demo without it
    features: str = "earlybird"
    keypoints: tuple[int, ...] = (256, 512, 1024)
    memory_keypoints: tuple[int, ...] = (512, 1024)
    rounds: int = 20
    weights: Path | None = None  # folder of others' weights; data/weights when there is one
    max_frames: int = 0  # of the whole runs, 0 for all
    matcher: MatcherConfig = field(default_factory=MatcherConfig)

    @property
    def ours(self) -> Ours:
        return Ours(self.features, self.matcher)

    @property
    def weights_folder(self) -> Path | None:
        beside = self.data / "weights" if self.data else None
        return self.weights or (beside if beside and beside.is_dir() else None)


def bench_speed_to_folder(options: SpeedOptions, out: Path, command: str, progress: Progress) -> str:
    """Run it all into ``out/<time>`` and return the tables. Raises ConfigError, SourceError or WeightsError."""
    if not options.keypoints or min(options.keypoints) < 8:
        raise ConfigError(f"--keypoints {options.keypoints}: give counts of at least 8, for example --keypoints 512")
    if options.rounds < 2:
        raise ConfigError(f"--rounds {options.rounds}: must be at least 2")
    matcher_file(options.matcher, options.features)
    pairs = pairs_of(options)
    folder = opened_run_folder(out / time.strftime("%Y%m%d-%H%M%S"))
    sections = [
        extractor_section(options, [pair.a.image for pair in pairs[VIDEO_GAP]], progress),
        *matcher_sections(options, pairs, progress),
        memory_section(options, progress),
        run_section(options, folder, progress),
        published_section(),
    ]
    return write_report(folder, "speed", "Speed", sections, command)


def pairs_of(options: SpeedOptions) -> dict[int, list[PicturePair]]:
    """Gap -> a pair per round. Raises SourceError."""
    source: Source = open_source("tum", options.data / ROOM) if options.data else open_source("demo", None)
    return posed_sets(source, (VIDEO_GAP, HARD_GAP), options.rounds)


def extractor_section(options: SpeedOptions, images: Sequence[Uint8], progress: Progress) -> Section:
    """ms per 640x480 picture of every extractor whose weights are here."""
    progress(f"extractors, {options.rounds} rounds")
    pictures = [np.asarray(cv2.resize(image, VGA), np.uint8) for image in images]
    calls: dict[tuple[str, ...], Call] = {}
    missing = []
    for name in dict.fromkeys((options.features, *EXTRACTORS)):
        try:
            extractor = opened_extractor(name, 512, options.weights_folder)
        except WeightsError as error:
            missing.append(f"- {name}: missing, {error}")
            continue
        calls[(name,)] = _extracting(extractor, pictures)
    rows = [Row(labels, spread([ms for ms, _ in timed])) for labels, timed in in_turns(calls, options.rounds).items()]
    note = "ms for 512 keypoints in 640x480, one math thread."
    return Section("Extractors", ("features",), tuple(rows), "\n".join([note, *([""] if missing else []), *missing]))


def matcher_sections(
    options: SpeedOptions, pairs: Mapping[int, Sequence[PicturePair]], progress: Progress
) -> list[Section]:
    """Times of all matchers at equal keypoints, and their ratios to ours."""
    matchers = {name: opened(name, options.ours) for name in (ADAPTIVE, FULL, *BASELINES)}
    times: list[Row] = []
    ratios: list[Row] = []
    for count in options.keypoints:
        progress(f"matchers, {count} keypoints, {options.rounds} rounds")
        extractor = opened_extractor(options.features, count, options.weights_folder)
        video = [
            predicted(case, PREDICTION_PX, SIGMA_PX, i) for i, case in enumerate(built(pairs[VIDEO_GAP], extractor))
        ]
        hard = built(pairs[HARD_GAP], extractor)
        timed = in_turns(matcher_calls(matchers, video, hard), options.rounds)
        times += [
            Row((*labels, str(count)), matcher_figures(found, matchers[labels[0]])) for labels, found in timed.items()
        ]
        ratios += ratio_rows(timed, count)
    return [
        Section("Matchers", ("matcher", "pairs", "keypoints"), tuple(times), MATCHER_NOTE),
        Section("Ratios of the medians", ("matcher", "keypoints"), tuple(ratios), "How many times ours, adaptive."),
    ]


def matcher_calls(
    matchers: Mapping[str, Matcher], video: Sequence[Case], hard: Sequence[Case]
) -> dict[tuple[str, ...], Call]:
    """(matcher, pairs) -> one match. The networks of others get the same points with descriptors of their length."""
    calls: dict[tuple[str, ...], Call] = {}
    for name, matcher in matchers.items():
        for kind, cases in (("video", video), ("hard", hard)):
            if name in (ADAPTIVE, FULL, NEAREST):
                views = [(case.a, case.b) for case in cases]
            elif kind == "hard":
                length = DESCRIPTOR_LENGTHS[name]
                views = [(random_view(c.a.xy, length, 1), random_view(c.b.xy, length, 2)) for c in cases]
            else:
                continue
            label = "any" if name not in (ADAPTIVE, FULL, NEAREST) else kind
            calls[(name, label)] = _matching(matcher, views)
    return calls


def in_turns(calls: Mapping[tuple[str, ...], Call], rounds: int) -> dict[tuple[str, ...], list[tuple[float, object]]]:
    """ms and answer of every call in every round; each round begins with another call, after one that warms up."""
    for call in calls.values():
        call(0)
    found: dict[tuple[str, ...], list[tuple[float, object]]] = {labels: [] for labels in calls}
    order = list(calls)
    for number in range(rounds):
        first = number % len(order)
        for labels in order[first:] + order[:first]:
            started = time.perf_counter()
            answer = calls[labels](number)
            found[labels].append((1e3 * (time.perf_counter() - started), answer))
    return found


def matcher_figures(found: Sequence[tuple[float, object]], matcher: Matcher) -> dict[str, float]:
    """Times, and depth and pruning of matchers with layers."""
    answers = [answer for _, answer in found if isinstance(answer, Matches)]
    figures = spread([ms for ms, _ in found])
    if not matcher.num_layers:
        return figures
    exit_layer = float(np.mean([answer.exit_layer for answer in answers]))
    pruned = 100 * float(np.mean([answer.pruned for answer in answers]))
    return {**figures, "exit": exit_layer, "depth %": 100 * exit_layer / matcher.num_layers, "pruned %": pruned}


def ratio_rows(timed: Mapping[tuple[str, ...], Sequence[tuple[float, object]]], count: int) -> list[Row]:
    """Median of every matcher over that of ours, adaptive, on either kind of pair."""
    median = {labels: float(np.median([ms for ms, _ in found])) for labels, found in timed.items()}
    rows = []
    for name in (FULL, *BASELINES):
        figures = {
            f"{kind} x": median[name, kind if (name, kind) in median else "any"] / median[ADAPTIVE, kind]
            for kind in ("video", "hard")
        }
        rows.append(Row((name, str(count)), figures))
    return rows


def memory_section(options: SpeedOptions, progress: Progress) -> Section:
    """Peak of one match, every matcher and count in a process of its own."""
    progress("memory")
    length = opened_extractor(options.features, 16, options.weights_folder).descriptor_dim
    measured = peaks((FULL, *BASELINES), options.ours, length, options.memory_keypoints)
    rows = [
        Row((name, str(count)), {"match MB": peak.match_mb, "whole process MB": peak.process_mb})
        for (name, count), peak in measured.items()
    ]
    return Section("Memory of one match", ("matcher", "keypoints"), tuple(rows), METHOD)


def run_section(options: SpeedOptions, folder: Path, progress: Progress) -> Section:
    """Whole runs, RGB-D and mono."""
    rows, failures = run_rows(options.data, options.ours, folder, options.max_frames, progress)
    note = "\n".join([NOTE, *(f"\n- {name} failed: {reason}" for name, reason in failures.items())])
    return Section("Whole frames", HEADS, tuple(rows), note)


def _extracting(extractor: Extractor, pictures: Sequence[Uint8]) -> Call:
    return lambda number: extractor.extract(pictures[number % len(pictures)])


def _matching(matcher: Matcher, views: Sequence[tuple[MatchView, MatchView]]) -> Call:
    return lambda number: matcher.match(*views[number % len(views)])


MATCHER_NOTE = (
    f"ms per match, one math thread each. Video: frames {VIDEO_GAP} apart, side a with predicted positions as in "
    f"tracking, off by {PREDICTION_PX:g} px, sigma {SIGMA_PX:g} px. Hard: frames {HARD_GAP} apart, no prediction. The "
    "networks of others have their published sizes and random weights, no exit and no pruning, run in torch, and match "
    "as many points; their time does not depend on the pictures."
)
