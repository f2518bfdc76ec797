"""Adjusting, and dropping what does not belong: single corners first, then views far above the median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slam.calibration.board import Board
from slam.calibration.bundle import Fit, Sight, State, adjust
from slam.calibration.view import FEWEST_CORNERS, View
from slam.types import Bool, Float64

FEWEST_VIEWS = 5
Z_SCORE = 3.5  # of the modified z-score, 0.6745 |e - median| / MAD: Iglewicz & Hoaglin, How to Detect Outliers, 1993
AT_LEAST = 1.5  # times the median, too: among views that agree closely the MAD alone would drop good ones
LEAST_VIEW_PX = 0.05  # below it a view is never dropped
CORNER_SIGMAS = 5.0  # of a Rayleigh distribution: one good corner in 270,000
MEDIAN_OF_RAYLEIGH = 1.1774  # sqrt(2 ln 2), in sigmas
LEAST_CORNER_PX = 0.1  # below it a corner is never dropped
MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One moment: what each camera saw of the board, None where it saw nothing."""

    name: str
    views: tuple[View | None, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A view that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A fit, and what it stands on."""

    fit: Fit
    shots: list[Shot]  # row of State.poses each; dropped corners are gone from their views
    residuals: list[tuple[Float64 | None, ...]]  # px, of each shot's views
    dropped: list[Dropped]
    dropped_corners: int


def settle(state: State, shots: Sequence[Shot], board: Board) -> Settled:
    """Adjust until neither corner nor view stands out. FEWEST_VIEWS stay, whatever they look like.

    First go views that are wrong as a whole, by the median of their corners, before they pull at others; then single
    corners, which make a whole view look bad; and last views by all their corners.
    """
    shots, dropped, corners = list(shots), [], 0
    for _ in range(MOST_ROUNDS):
        fit = adjust(state, sights_of(shots, board))
        residuals = _by_shot(shots, fit.residuals)
        state = fit.state
        errors = np.array([rms(parts) for parts in residuals])
        keep = _kept(np.array([_median_length(parts) for parts in residuals]))
        cleaned, lost = _without_outlying_corners(shots, residuals) if keep.all() else (shots, 0)
        if keep.all() and not lost:
            keep = _kept(errors)
            if keep.all():
                break
        dropped += [_dropped(shot, error, errors) for shot, error, kept in zip(shots, errors, keep) if not kept]
        corners += lost
        shots = [shot for shot, kept in zip(cleaned, keep) if kept]
        state = replace(state, poses=state.poses[keep])
    fit = adjust(state, sights_of(shots, board))
    return Settled(fit, shots, _by_shot(shots, fit.residuals), dropped, corners)


def _kept(errors: Float64) -> Bool:
    keep = ~outliers(errors)
    if np.count_nonzero(keep) >= FEWEST_VIEWS:
        return keep
    return errors <= np.sort(errors)[min(FEWEST_VIEWS, len(errors)) - 1]


def outliers(errors: Float64) -> Bool:
    """(V,) whether a view's error (V,) is far above the median: by the modified z-score, and by AT_LEAST times."""
    median = np.median(errors)
    spread = np.median(np.abs(errors - median))
    return (0.6745 * (errors - median) > Z_SCORE * spread) & (errors > max(AT_LEAST * median, LEAST_VIEW_PX))


def rms(residuals: Sequence[Float64 | None]) -> float:
    """Root mean square length of residuals (N, 2), px."""
    squares = np.concatenate([np.sum(part**2, axis=1) for part in residuals if part is not None])
    return float(np.sqrt(squares.mean()))


def sights_of(shots: Sequence[Shot], board: Board) -> list[Sight]:
    """What there is to fit: shot by shot, left before right."""
    return [
        Sight(index, camera, board.points[view.ids], view.xy)
        for index, shot in enumerate(shots)
        for camera, view in enumerate(shot.views)
        if view is not None
    ]


def _by_shot(shots: Sequence[Shot], residuals: Sequence[Float64]) -> list[tuple[Float64 | None, ...]]:
    remaining = iter(residuals)
    return [tuple(None if view is None else next(remaining) for view in shot.views) for shot in shots]


def _without_outlying_corners(
    shots: Sequence[Shot], residuals: Sequence[tuple[Float64 | None, ...]]
) -> tuple[list[Shot], int]:
    """Shots without corners that lie CORNER_SIGMAS off, and how many those were; a view keeps FEWEST_CORNERS."""
    lengths = np.concatenate(
        [np.linalg.norm(part, axis=1) for parts in residuals for part in parts if part is not None]
    )
    limit_px = max(CORNER_SIGMAS * float(np.median(lengths)) / MEDIAN_OF_RAYLEIGH, LEAST_CORNER_PX)
    cleaned = [
        replace(shot, views=tuple(_cut(view, part, limit_px) for view, part in zip(shot.views, parts)))
        for shot, parts in zip(shots, residuals)
    ]
    return cleaned, _corners(shots) - _corners(cleaned)


def _cut(view: View | None, residuals: Float64 | None, limit_px: float) -> View | None:
    if view is None or residuals is None:
        return None
    near = np.linalg.norm(residuals, axis=1) <= limit_px
    if near.all() or np.count_nonzero(near) < max(FEWEST_CORNERS, len(near) // 2):
        return view  # a view that is wrong as a whole is judged as a whole
    return replace(view, ids=view.ids[near], xy=view.xy[near])


def _corners(shots: Sequence[Shot]) -> int:
    return sum(len(view.ids) for shot in shots for view in shot.views if view is not None)


def _median_length(residuals: Sequence[Float64 | None]) -> float:
    return float(np.median(np.concatenate([np.linalg.norm(part, axis=1) for part in residuals if part is not None])))


def _dropped(shot: Shot, error_px: float, errors_px: Float64) -> Dropped:
    median_px = float(np.median(errors_px))
    return Dropped(shot.name, f"its error of {error_px:.2f} px stands out from the median of {median_px:.2f} px")
