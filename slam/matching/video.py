"""The matcher as tracking uses it, frame after frame: within the time that a frame has left, and audited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from slam.config import MatcherConfig, SlamConfig
from slam.errors import ConfigError
from slam.matching import Matcher, packaged_weights
from slam.matching.adaptive import LightGlueMatcher
from slam.matching.audit import Audit, AuditReport
from slam.matching.calibration import PLAIN, PREDICTED, ExitTable, exit_file, group_of, read_exit_table
from slam.matching.early_exit import ExitChoice, ExitPolicy
from slam.types import Matches, MatchView, Mode

Pair = tuple[MatchView, MatchView, Matches]


class VideoMatcher:
    """A Matcher that remembers the pair of a frame to be audited, for ``audit`` to match again when there is time.

    Where the exit is calibrated, the audit moves the level of predicted pairs, for tracking alone; elsewhere it only
    observes. A hurried answer shows nothing about the exit and is not audited, nor is one whose layers were limited,
    nor one between two plain views.
    """

    def __init__(
        self, matcher: Matcher, audit: Audit | None, table: ExitTable | None, left_ms: Callable[[], float]
    ) -> None:
        self._matcher, self._audit, self._table, self._left_ms = matcher, audit, table, left_ms
        self._is_wanted = False
        self._pending: Pair | None = None
        self.left_early: list[int] = []  # per match since ``begin``: the layer it left for lack of time, 0 for none
        self._script: list[int] = []

    @property
    def num_layers(self) -> int:
        return self._matcher.num_layers

    @property
    def report(self) -> AuditReport | None:
        """What the audit saw, None when there is none."""
        return self._audit.report if self._audit is not None else None

    def follow(self, layers: Sequence[int]) -> None:
        """After the next ``begin``, matches leave early where a run before did: ``left_early`` of that run."""
        self._script = list(layers)

    def begin(self, frame_index: int) -> None:
        """The next matches belong to this frame."""
        self.left_early = []
        self._is_wanted = self._audit is not None and self._audit.wants(frame_index)

    def match(self, a: MatchView, b: MatchView, *, max_layers: int = 0) -> Matches:
        if max_layers or not isinstance(self._matcher, LightGlueMatcher):
            return self._matcher.match(a, b, max_layers=max_layers)
        found = self._match_in_time(self._matcher, a, b)
        self.left_early.append(found.exit_layer if found.hurried else 0)
        if self._is_wanted and not found.hurried and group_of(a) == PREDICTED:
            self._pending = (a, b, found)
        return found

    def _match_in_time(self, matcher: LightGlueMatcher, a: MatchView, b: MatchView) -> Matches:
        layers = self._script.pop(0) if self._script else 0
        if layers:
            return replace(matcher.match(a, b, max_layers=layers), hurried=True)
        return matcher.match(a, b, budget_ms=self._left_ms())

    def match_many(self, pairs: Sequence[tuple[MatchView, MatchView]], *, max_layers: int = 0) -> list[Matches]:
        return self._matcher.match_many(pairs, max_layers=max_layers)

    def audit(self) -> None:
        """Match the remembered pair at full depth, if there is one, and follow the loss."""
        if self._pending is None or self._audit is None or not isinstance(self._matcher, LightGlueMatcher):
            return
        (a, b, found), self._pending = self._pending, None
        full = self._matcher.with_exits(ExitPolicy.off(self.num_layers)).match(a, b)
        self._audit.observe(found, full)
        if self._table is not None:
            self._matcher = self._matcher.with_exits(exits_at(self._table, self._audit.eps, self._audit.level))


def video_matcher(matcher: Matcher, config: SlamConfig, mode: Mode, left_ms: Callable[[], float]) -> VideoMatcher:
    """With the audit that ``config.matcher`` asks for, if anything may leave early. Raises ConfigError."""
    share, features = config.matcher.audit_share, config.features
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"matcher.audit_share: must lie between 0 and 1, got {share}")
    if not share or not matcher.num_layers or config.matcher.exit == "off":
        return VideoMatcher(matcher, None, None, left_ms)
    table = calibrated_exits(config.matcher, features.name)
    points = features.stereo_max_keypoints if mode is Mode.STEREO else features.max_keypoints
    path = table.path_for(points, PREDICTED) if table is not None else None
    audit = Audit(path, config.matcher.exit_eps, share=share, seed=config.run.seed)
    return VideoMatcher(matcher, audit, table, left_ms)


def exits_at(table: ExitTable, eps: float, level: float) -> ExitChoice:
    """The fastest policies of a table whose certified risk is within ``eps``, for predicted pairs within ``level``.

    At or below 0 that is full depth.
    """
    levels = {PLAIN: eps, PREDICTED: level}
    policies = [(p.group, p.points, ExitPolicy.of_step(p.at(levels[p.group]), table.layers)) for p in table.paths]
    return ExitChoice(tuple(policies), f"exit calibrated, its level in tracking moved to {level:.4f} by the audit")


def calibrated_exits(config: MatcherConfig, features: str) -> ExitTable | None:
    """The calibration that is in force as it stands; None under any other rule, or when settings narrow it."""
    is_narrowed = config.max_layers or config.depth_confidence <= 0 or config.width_confidence <= 0
    if config.exit != "calibrated" or is_narrowed:
        return None
    weights = Path(config.weights) if config.weights else packaged_weights(features)
    file = exit_file(weights)
    return read_exit_table(file, weights) if file.is_file() else None
