"""The file of calibrated exits that lies beside a weights file: ``<weights>.exit.toml``.

It holds, for every keypoint count and either group of pairs, a path of exit rules from safe to fast. Every step has an
upper bound of its risk, so that any level eps is answered by the last step whose bound is not above it.

The matcher always knows a pair's group, so each is calibrated and promised by itself: "predicted" pairs, whose side a
is where the map expects its points (tracking), leave much earlier at the same risk than "plain" ones.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tomli_w

from slam.errors import WeightsError
from slam.types import MatchView

ENDING = ".exit.toml"
FORMAT = 2  # 1 knew no groups
PREDICTED, PLAIN = GROUPS = ("predicted", "plain")
DIGITS = 6  # decimals of measured figures in the file
Row = TypeVar("Row")


@dataclass(frozen=True)
class ExitStep:
    """One exit rule of a path, and what it lost on the calibration's sequences."""

    thresholds: tuple[float, ...]  # per layer but the last; above 1: no exit there
    depth_confidence: float  # alpha, -1 for no exit at all
    width_confidence: float  # -1 for no pruning
    bound: float  # upper bound, with confidence 1 - delta, of the risk of this and all safer steps; both losses
    loss_matches: float  # mean over the sequences of 1 - IoU of the matches with full depth
    loss_inliers: float  # mean of the share of full-depth inliers lost
    mean_exit: float  # layers run
    mean_work: float  # the same, a layer counted by the share of points that are left in it


@dataclass(frozen=True)
class ExitLevel:
    """What was promised for one eps, and what real adaptive runs of the chosen step gave."""

    eps: float
    step: int  # of the path; 0 is full depth
    note: str  # why full depth is used, "" when a faster step is certified
    loss_matches: float
    loss_inliers: float
    mean_exit: float
    strata: dict[str, list[float]]  # kind of pair -> pairs, loss of matches, loss of inliers, mean exit


@dataclass(frozen=True)
class ExitPath:
    """The path for one keypoint count and group, certified by itself."""

    points: int  # keypoints per image, at most
    group: str  # of pairs: PREDICTED or PLAIN
    sequences: int  # that certified it
    design_sequences: int  # other ones, that shaped it
    data_sha256: str  # of all pairs
    steps: tuple[ExitStep, ...]
    levels: tuple[ExitLevel, ...]

    def index_at(self, eps: float) -> int:
        """The fastest step whose risk is certified to be at most ``eps``; 0, full depth, when none is."""
        return max((i for i, step in enumerate(self.steps) if step.bound <= eps), default=0)

    def at(self, eps: float) -> ExitStep:
        """That step."""
        return self.steps[self.index_at(eps)]


@dataclass(frozen=True)
class ExitTable:
    """A whole file."""

    features: str
    layers: int
    filter_threshold: float  # least probability of a match, in all runs
    weights_sha256: str
    test: str  # "hb" or "wsr", see slam.matching.calibration_risk
    delta: float
    seed: int
    paths: tuple[ExitPath, ...]

    def of(self, group: str) -> tuple[ExitPath, ...]:
        """The paths of one group."""
        return tuple(path for path in self.paths if path.group == group)

    def path_for(self, points: float, group: str) -> ExitPath:
        """The path of a group whose keypoint count is nearest, the larger one of two."""
        return min(self.of(group), key=lambda path: (abs(path.points - points), -path.points))


def group_of(a: MatchView) -> str:
    """Which group a pair belongs to, by its side a: PREDICTED when some of its positions are predictions."""
    return PREDICTED if a.sigma_px is not None and np.isfinite(a.sigma_px).any() else PLAIN


def exit_file(weights: Path) -> Path:
    """Where the calibrated exits of a weights file lie."""
    return weights.with_name(weights.name + ENDING)


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_exit_table(path: Path, table: ExitTable) -> None:
    """Write a table; equal tables give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps({"format": FORMAT} | _rounded(asdict(table))))


def read_exit_table(path: Path, weights: Path) -> ExitTable:
    """The table of a file that was made for these weights. Raises WeightsError when it was not, or is damaged."""
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise WeightsError(f"exits {path}: cannot be read ({error.strerror}); run 'slam calibrate-exit'") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"exits {path}: not valid TOML ({error}); run 'slam calibrate-exit' again") from error
    if values.pop("format", None) != FORMAT:
        raise WeightsError(f"exits {path}: not of format {FORMAT}; run 'slam calibrate-exit' again")
    table = _row(ExitTable, values, path)
    if {found.group for found in table.paths} != set(GROUPS) or not all(found.steps for found in table.paths):
        wanted = " and ".join(GROUPS)
        raise WeightsError(f"exits {path}: no calibrated paths for {wanted} pairs; run 'slam calibrate-exit' again")
    if table.weights_sha256 != sha256_of(weights):
        raise WeightsError(
            f"exits {path}: were calibrated for other weights than {weights.name} (its sha256 differs); "
            "run 'slam calibrate-exit' again, or set matcher.exit=published"
        )
    return table


def _row(kind: type[Row], values: dict[str, Any], path: Path) -> Row:
    """A dataclass from a TOML table, nested ones included."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(values, dict) or set(values) != names:
        raise WeightsError(f"exits {path}: {kind.__name__} has other entries than expected; run 'slam calibrate-exit'")
    inner = {"paths": ExitPath, "steps": ExitStep, "levels": ExitLevel}
    return kind(**{name: _value(inner.get(name), value, path) for name, value in values.items()})


def _value(kind: type | None, value: Any, path: Path) -> Any:
    if kind is not None:
        return tuple(_row(kind, each, path) for each in value)
    return tuple(value) if isinstance(value, list) else value


def _rounded(value: Any) -> Any:
    """Floats to DIGITS decimals, in nested values; thresholds are multiples of 1/1024 and keep all of theirs."""
    if isinstance(value, dict):
        return {name: list(each) if name == "thresholds" else _rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return round(value, DIGITS) if isinstance(value, float) else value
