"""False matches between identical objects, and what a prediction of the motion does about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slam.evaluation.matching_cases import Case, mapped, predicted
from slam.evaluation.matching_compare import cases_of, compared
from slam.evaluation.matching_methods import Recipe, adaptive_name
from slam.evaluation.matching_pairs import PicturePair
from slam.evaluation.matching_results import FAR_PX, INLIER_PX, Outcome, pooled_recall, repeated_figures
from slam.evaluation.matching_tables import Row, Section
from slam.matching import Matcher

TITLE = "Repeated objects"
PRIOR_PX = 4.0  # length of the shift by which a good prediction is off, and its sigma
WRONG_PX = 40.0  # the same of a prediction that a wrong motion model makes; its sigma stays PRIOR_PX
PRIORS = {"good": PRIOR_PX, "wrong": WRONG_PX}
NOTE = (
    "{} pairs of rendered rooms with identical chairs, cartons, books, prints and tiles. Side a holds the points of "
    "known depth that fall into b, as a map's view does. Prior none: a as photographed. Good: predicted places off by "
    f"a shift of {PRIOR_PX:g} px and a tenth of that per point, sigma {PRIOR_PX:g} px. Wrong: off by {WRONG_PX:g} px, "
    f"sigma still {PRIOR_PX:g} px. False: matches more than {INLIER_PX:g} px off, far: more than {FAR_PX:g} px "
    "(another object, not the same one badly placed), per pair, as they come. There: where the least confident are "
    "left out until the recall is that of our adaptive matcher without or with a good prior, whichever is lower."
)


def repeated_section(
    features: str,
    pairs: Sequence[PicturePair],
    keypoints: Sequence[int],
    methods: Sequence[Recipe],
    matchers: Mapping[str, Matcher],
    weights: Path | None,
    progress: Callable[[str], object],
) -> Section:
    """The methods on ``features``, without, with a good and with a wrong prior."""
    if not pairs:
        return Section(TITLE, note="Not measured: no recording was given with --rendered.")
    ours = [method for method in methods if method.features == features]
    if not ours:
        return Section(TITLE, note=f"Not measured: no method on {features} has its weights here.")
    rows: list[Row] = []
    for count in keypoints:
        progress(f"{TITLE}, {count} keypoints, {len(pairs)} pairs")
        plain = [mapped(case) for case in cases_of(ours, pairs, count, weights)[features]]
        found = with_priors(ours, matchers, plain)
        recall = common_recall(found, adaptive_name(features))
        rows += [Row((*key, str(count)), repeated_figures(several, recall)) for key, several in found.items()]
    return Section(TITLE, ("method", "prior", "keypoints"), tuple(rows), NOTE.format(len(pairs)))


def with_priors(
    ours: Sequence[Recipe], matchers: Mapping[str, Matcher], plain: Sequence[Case]
) -> dict[tuple[str, str], list[Outcome]]:
    """(method, prior) -> outcomes; methods that look at no positions have no prior."""
    features = ours[0].features
    found = {(name, "none"): several for name, several in compared(ours, matchers, {features: plain}).items()}
    layered = [method for method in ours if matchers[method.name].num_layers]
    for kind, error_px in PRIORS.items():
        guided = [predicted(case, error_px, PRIOR_PX, seed) for seed, case in enumerate(plain)]
        found |= {(name, kind): several for name, several in compared(layered, matchers, {features: guided}).items()}
    return found


def common_recall(found: Mapping[tuple[str, str], Sequence[Outcome]], adaptive: str) -> float:
    """The recall that our adaptive matcher reaches without and with a good prior; of all methods when it is missing."""
    decisive = [key for key in ((adaptive, "none"), (adaptive, "good")) if key in found] or list(found)
    return min(pooled_recall(found[key]) for key in decisive)
