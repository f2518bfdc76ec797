"""Several methods on the same pairs of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slam.evaluation.matching_cases import Case, built
from slam.evaluation.matching_methods import Recipe
from slam.evaluation.matching_pairs import PicturePair
from slam.evaluation.matching_results import Outcome, outcome
from slam.matching import Matcher


def cases_of(
    methods: Sequence[Recipe], pairs: Sequence[PicturePair], count: int, weights: Path | None
) -> dict[str, list[Case]]:
    """Features -> cases with so many keypoints."""
    extractors = {method.features: method.extractor(count, weights) for method in methods}
    return {features: built(pairs, extractor) for features, extractor in extractors.items()}


def compared(
    methods: Sequence[Recipe], matchers: Mapping[str, Matcher], cases: Mapping[str, Sequence[Case]]
) -> dict[str, list[Outcome]]:
    """Every method on every pair, taking turns pair by pair so that a busy moment hits all alike."""
    found: dict[str, list[Outcome]] = {method.name: [] for method in methods}
    for number in range(len(next(iter(cases.values())))):
        for method in methods:
            found[method.name].append(outcome(matchers[method.name], cases[method.features][number]))
    return found
