"""What changed between two folders of results beyond noise, case by case and figure by figure.

Seeds that gave the same trajectory on both sides are the same; where all runs of a case have one trajectory, any
difference counts; where there is one run on a side, noise is unknown and nothing is called better or worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from slam.evaluation.suite.compare_figures import ACCURACY, COSTS, Figure, run_values
from slam.evaluation.suite.compare_noise import beyond_noise, rank_p, ratio_test
from slam.evaluation.suite.records import CaseResult, Spread, SuiteResults
from slam.evaluation.suite.runner import spreads

SMALLEST_RATIO = 1.05  # of costs: less than this differs between two days of the same machine
EQUAL_REL = 1e-9  # figures of one trajectory that was read back


class Verdict(Enum):
    """What is to be thought of a difference."""

    SAME = "the same"
    BETTER = "better"
    WORSE = "worse"
    NOISE = "no change beyond noise"
    UNKNOWN = "differs, noise unknown"
    UNJUDGED = "not judged"


@dataclass(frozen=True)
class Change:
    """One figure of one case on both sides."""

    case: str
    figure: Figure
    before: Spread | None
    after: Spread | None
    verdict: Verdict
    why: str = ""
    p: float | None = None  # of no change, before the correction for the number of comparisons
    ratio: float | None = None  # after over before: of the medians


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about two folders of results."""

    warnings: tuple[str, ...]  # what else differs: read it before any figure
    changes: tuple[Change, ...]
    same_cases: tuple[str, ...]  # trajectories equal to the byte

    @property
    def is_worse(self) -> bool:
        """Whether anything got worse beyond noise."""
        return any(change.verdict is Verdict.WORSE for change in self.changes)


def compare(before: SuiteResults, after: SuiteResults) -> Comparison:
    """Compare the cases that both have."""
    pairs = _pairs(before, after)
    costs_count = not _cost_obstacles(before, after)
    changes = [
        change
        for a, b in pairs
        if _obstacle(a, b) is None
        for change in _case_changes(a, b, costs_count and a.case.realtime == b.case.realtime)
    ]
    same = tuple(a.case.name for a, b in pairs if _obstacle(a, b) is None and _are_same(a, b))
    return Comparison(tuple(_warnings(before, after)), tuple(_corrected(changes)), same)


def _pairs(before: SuiteResults, after: SuiteResults) -> list[tuple[CaseResult, CaseResult]]:
    found = {case.case.name: case for case in after.cases}
    return [(case, found[case.case.name]) for case in before.cases if case.case.name in found]


def _obstacle(a: CaseResult, b: CaseResult) -> str | None:
    """Why a case can't be compared at all, or None."""
    if a.data_sha256 != b.data_sha256:
        return "the recordings differ"
    if (a.case.mode, a.case.align) != (b.case.mode, b.case.align):
        return "mode or alignment differ"
    return None


def _cost_obstacles(before: SuiteResults, after: SuiteResults) -> list[str]:
    found = []
    if before.hardware != after.hardware:
        found.append(f"hardware: {_words(before.hardware)} against {_words(after.hardware)}")
    if before.engine != after.engine:
        found.append(f"engine: {before.engine} against {after.engine}")
    return found


def _warnings(before: SuiteResults, after: SuiteResults) -> Iterator[str]:
    for words in _cost_obstacles(before, after):
        yield f"OTHER {words}: times, rates, processor time and memory are not judged"
    if before.config_sha256 != after.config_sha256:
        yield f"OTHER configuration: {before.config_sha256[:12]} against {after.config_sha256[:12]}"
    if before.weights_sha256 != after.weights_sha256:
        yield "OTHER weights"
    for name in sorted({*before.versions, *after.versions}):
        old, new = before.versions.get(name, "absent"), after.versions.get(name, "absent")
        if old != new:
            yield f"other version of {name}: {old} against {new}"
    for a, b in _pairs(before, after):
        yield from _case_warnings(a, b)
    names = {case.case.name for case in before.cases}, {case.case.name for case in after.cases}
    for side, only in (("the first", names[0] - names[1]), ("the second", names[1] - names[0])):
        if only:
            yield f"only in {side}: {', '.join(sorted(only))}"


def _case_warnings(a: CaseResult, b: CaseResult) -> Iterator[str]:
    obstacle = _obstacle(a, b)
    if obstacle is not None:
        yield f"{a.case.name}: {obstacle}, so it is NOT COMPARED"
    if a.case.options != b.case.options:
        yield f"{a.case.name}: other options: {' '.join(a.case.options)} against {' '.join(b.case.options)}"
    if a.case.realtime != b.case.realtime:
        yield f"{a.case.name}: one was paced in real time, the other was not; its costs are not judged"


def _case_changes(a: CaseResult, b: CaseResult, costs_count: bool) -> Iterator[Change]:
    same = _are_same(a, b)
    for figure in ACCURACY:
        values = run_values(a, figure), run_values(b, figure)
        if all(values) and any(math.isfinite(value) for side in values for value in side):
            change = _change(a, b, figure)
            yield replace(change, verdict=Verdict.SAME) if same else _accuracy(change, *values, _noiseless(a, b))
    for figure in COSTS:
        values = run_values(a, figure), run_values(b, figure)
        if all(values):
            yield _cost(_change(a, b, figure), *values) if costs_count else _change(a, b, figure)


def _change(a: CaseResult, b: CaseResult, figure: Figure) -> Change:
    before, after = (spreads(side.runs).get(figure.name) for side in (a, b))
    ratio = after.median / before.median if before and after and before.median > 0 else None
    return Change(a.case.name, figure, before, after, Verdict.UNJUDGED, ratio=ratio)


def _accuracy(change: Change, a: list[float], b: list[float], noiseless: bool) -> Change:
    if noiseless or min(len(a), len(b)) < 2:
        if _are_equal(a, b):
            return replace(change, verdict=Verdict.SAME)
        if noiseless:
            return replace(change, verdict=_direction(change.figure, a, b), why="runs are deterministic")
        return replace(change, verdict=Verdict.UNKNOWN, why="one run")
    return replace(change, verdict=_direction(change.figure, a, b), p=rank_p(a, b))


def _cost(change: Change, a: list[float], b: list[float]) -> Change:
    if min(len(a), len(b)) < 2 or min(*a, *b) <= 0:
        return replace(change, verdict=Verdict.SAME if _are_equal(a, b) else Verdict.UNKNOWN, why="one run")
    test = ratio_test(a, b)
    why = f"95 % interval of the ratio {test.low:.2f} to {test.high:.2f}"
    if max(test.ratio, 1 / test.ratio) < SMALLEST_RATIO:
        return replace(change, verdict=Verdict.NOISE, why=why)
    return replace(change, verdict=_direction(change.figure, a, b), why=why, p=test.p, ratio=test.ratio)


def _direction(figure: Figure, a: Sequence[float], b: Sequence[float]) -> Verdict:
    """Better or worse by the medians, where they are equal by the means; whether it is noise is decided elsewhere."""
    first, second = (_middle(a), _middle(b))
    if first == second:
        first, second = sum(a) / len(a), sum(b) / len(b)
    if first == second:
        return Verdict.NOISE
    return Verdict.BETTER if (second > first) == figure.higher_is_better else Verdict.WORSE


def _corrected(changes: list[Change]) -> Iterator[Change]:
    """Differences that the correction for the number of comparisons takes for noise are called so; each kind apart."""
    for is_cost in (False, True):
        kind = [change for change in changes if change.figure.is_cost == is_cost]
        tested = [change for change in kind if change.p is not None]
        noise = iter(not real for real in beyond_noise([change.p for change in tested if change.p is not None]))
        for change in kind:
            is_noise = change.p is not None and next(noise)
            yield replace(change, verdict=Verdict.NOISE) if is_noise else change


def _are_same(a: CaseResult, b: CaseResult) -> bool:
    """Whether every seed that both have gave the same trajectory, byte for byte."""
    hashes = {run.seed: run.trajectory_sha256 for run in b.runs}
    shared = [(run.trajectory_sha256, hashes[run.seed]) for run in a.runs if run.seed in hashes]
    return bool(shared) and all(first == second != "" for first, second in shared)


def _noiseless(a: CaseResult, b: CaseResult) -> bool:
    """Whether each side has one trajectory in at least two runs, so that other seeds change nothing."""
    return all(len(side.runs) > 1 and len({run.trajectory_sha256 for run in side.runs}) == 1 for side in (a, b))


def _are_equal(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(math.isclose(x, y, rel_tol=EQUAL_REL) for x in a for y in b)


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2


def _words(values: dict[str, str | int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
