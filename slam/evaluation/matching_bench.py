"""The benchmark of matching: every method on the same pairs, with the same number of keypoints and the same judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slam.config import MatcherConfig
from slam.errors import ConfigError
from slam.evaluation.matching_compare import cases_of, compared
from slam.evaluation.matching_methods import adaptive_name, full_name, recipes, split_by_weights
from slam.evaluation.matching_pairs import (
    MOST_PAIRS,
    RENDERED_GAPS,
    ROOM,
    ROOM_GAPS,
    PicturePair,
    homography_set,
    posed_sets,
    stranger_set,
)
from slam.evaluation.matching_repeated import repeated_section
from slam.evaluation.matching_results import (
    INLIER_PX,
    LOOSE_PX,
    ROBUST_REPEATS,
    Figures,
    Outcome,
    homography_figures,
    pose_figures,
    stranger_figures,
)
from slam.evaluation.matching_scores import LEAST_BASELINE_M, RANSAC_PX
from slam.evaluation.matching_tables import Row, Section, write_report
from slam.evaluation.run_folder import opened_run_folder
from slam.sources import open_source

HEADS = ("method", "keypoints")
ACCURACY = ("DLT@", "RSC@", "AUC@", "precision", "recall")
Progress = Callable[[str], object]


@dataclass(frozen=True)
class MatchingOptions:
    """One ``slam bench matching``."""

    data: Path  # holds eval_pairs/oxford_affine and sequences/sevenscenes_300
    features: str = "earlybird"
    keypoints: tuple[int, ...] = (512, 1024)
    rendered: tuple[Path, ...] = ()  # recordings of rooms with identical objects, TUM layout
    weights: Path | None = None  # folder of others' weights; data/weights when there is one
    pairs: int = MOST_PAIRS  # of a recording and gap
    matcher: MatcherConfig = field(default_factory=MatcherConfig)  # of our own matcher


@dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs that are summed up together."""

    title: str
    pairs: Sequence[PicturePair]
    figures: Callable[[Sequence[Outcome]], Figures]
    note: str


def bench_matching_to_folder(options: MatchingOptions, out: Path, command: str, progress: Progress) -> str:
    """Run it all into ``out/<time>`` and return the tables. Raises ConfigError, SourceError or WeightsError."""
    if not options.keypoints or min(options.keypoints) < 8:
        raise ConfigError(f"--keypoints {options.keypoints}: give counts of at least 8, for example --keypoints 512")
    if options.pairs < 1:
        raise ConfigError(f"--pairs {options.pairs}: must be at least 1")
    sections = matching_sections(options, progress)
    folder = opened_run_folder(out / time.strftime("%Y%m%d-%H%M%S"))
    return write_report(folder, "matching", "Matching", sections, command)


def matching_sections(options: MatchingOptions, progress: Progress) -> list[Section]:
    """Every table, in the order of the report."""
    weights = options.weights or (options.data / "weights" if (options.data / "weights").is_dir() else None)
    methods, missing = split_by_weights(recipes(options.features, options.matcher), weights)
    matchers = {method.name: method.opened_matcher(weights) for method in methods}
    sections = []
    for pair_set in pair_sets(options):
        rows = []
        for count in options.keypoints:
            progress(f"{pair_set.title}, {count} keypoints, {len(pair_set.pairs)} pairs")
            found = compared(methods, matchers, cases_of(methods, pair_set.pairs, count, weights))
            rows += [Row((name, str(count)), pair_set.figures(outcomes)) for name, outcomes in found.items()]
        sections.append(Section(pair_set.title, HEADS, tuple(rows), pair_set.note))
    sections.append(
        repeated_section(
            options.features, rendered_pairs(options), options.keypoints, methods, matchers, weights, progress
        )
    )
    sections.append(depth_section(sections, options.features))
    return [*sections, missing_section(missing)]


def pair_sets(options: MatchingOptions) -> list[PairSet]:
    """All pairs but those with repeated objects. Raises SourceError when the folder lacks them."""
    oxford = homography_set(options.data)
    sets = [PairSet("Oxford affine", oxford, homography_figures, OXFORD_NOTE.format(len(oxford)))]
    for gap, pairs in posed_sets(open_source("tum", options.data / ROOM), ROOM_GAPS, options.pairs).items():
        sets.append(PairSet(f"7-Scenes, {gap} frames apart", pairs, pose_figures, ROOM_NOTE.format(len(pairs))))
    strangers = stranger_set(options.data, options.rendered)
    if strangers:
        sets.append(PairSet("No overlap", strangers, stranger_figures, STRANGER_NOTE.format(len(strangers))))
    return sets


def rendered_pairs(options: MatchingOptions) -> list[PicturePair]:
    """Of all recordings given with --rendered."""
    sets = [posed_sets(open_source("tum", path), RENDERED_GAPS, options.pairs) for path in options.rendered]
    return [pair for of_gaps in sets for several in of_gaps.values() for pair in several]


def depth_section(sections: Sequence[Section], features: str) -> Section:
    """How many points of accuracy the early exit costs, worst figure of each set."""
    rows = []
    for section in sections:
        by_labels = {row.labels: row.figures for row in section.rows}
        for labels, figures in by_labels.items():
            full = by_labels.get((full_name(features), *labels[1:]))
            if full is None or labels[0] != adaptive_name(features):
                continue
            lost = {name: full[name] - figures[name] for name in full if name.startswith(ACCURACY)}
            if lost:
                worst = max(lost, key=lambda name: lost[name])
                rows.append(Row((section.title, ", ".join(labels[1:]), worst), {"points lost": lost[worst]}))
    heads = ("set", "keypoints", "worst figure")
    return Section("Adaptive against its own full depth", heads, tuple(rows), "Points of percent; below 0 it gains.")


def missing_section(missing: Mapping[str, str]) -> Section:
    if not missing:
        return Section("Missing methods", note="None.")
    return Section("Missing methods", note="\n".join(f"- {name}: {reason}" for name, reason in missing.items()))


OXFORD_NOTE = (
    f"{{}} pairs of graf, boat, leuven and bikes. Precision and recall: right matches (within {INLIER_PX:g} px of the "
    "homography) in percent of the matches, and of those possible. DLT and RSC: area under the recall of the mean "
    f"corner error up to 1, 3, 5 px, in percent, of a DLT on all matches and of MAGSAC++ at {RANSAC_PX:g} px, "
    f"the latter over {ROBUST_REPEATS} orders of the matches."
)
ROOM_NOTE = (
    "{} pairs. AUC: area under the recall of the pose error up to 5, 10, 20 degrees, in percent, essential matrix by "
    f"MAGSAC++ at {RANSAC_PX:g} px over {ROBUST_REPEATS} orders of the matches; the larger of the angles of rotation "
    f"and translation direction, rotation alone where the camera moved less than {LEAST_BASELINE_M:g} m. Precision: "
    f"within {INLIER_PX:g} and {LOOSE_PX:g} px by depth and ground truth, where depth is known; those of 7-Scenes are "
    "rough, alike for all."
)
STRANGER_NOTE = (
    "{} pairs of pictures from different places: every match is wrong. Matched: of the keypoints of the smaller side. "
    "Early: stopped before the last layer because enough points were confident, not because no point was left; and "
    "those of them that gave as many matches as tracking needs to believe in them."
)
