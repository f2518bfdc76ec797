"""When the matcher may stop, and which points may leave before (Lindenberger et al., ICCV 2023, section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from slam.config import MatcherConfig
from slam.errors import ConfigError
from slam.matching.calibration import GROUPS, ExitStep, exit_file, read_exit_table

NEVER = 1.0  # a threshold above it is out of reach: no exit after that layer
LEAST_SHARE = 0.05  # where two images have nothing in common every point is soon sure: that is no reason to stop
EXITS = ("calibrated", "published", "off")


@dataclass(frozen=True)
class ExitPolicy:
    """How sure is sure enough. The ends of every scale, and -1, run the whole network on all points."""

    depth_confidence: float  # alpha: the matching ends when more than this share of the points is confident
    width_confidence: float  # a point leaves when its chance of having no partner is at least this
    thresholds: tuple[float, ...]  # lambda_l: confidence from which a point counts as confident after layer l
    max_layers: int  # layers run at most
    leaving: tuple[float, ...] | None = None  # confidence above which a point may leave; None for thresholds
    least_share: float = 0.0  # of the points of an image: an exit that shows fewer matches claims nothing and goes on

    @staticmethod
    def published(depth_confidence: float, width_confidence: float, layers: int, max_layers: int = 0) -> ExitPolicy:
        """The policy with the published thresholds; ``max_layers`` 0 is no cap."""
        return ExitPolicy(depth_confidence, width_confidence, published_thresholds(layers), _cap(max_layers, layers))

    @staticmethod
    def off(layers: int, max_layers: int = 0) -> ExitPolicy:
        """The whole network on all points."""
        return ExitPolicy.published(-1.0, -1.0, layers, max_layers)

    @staticmethod
    def calibrated(path: Path, eps: float, points: float, group: str, weights: Path | None = None) -> ExitPolicy:
        """The fastest policy of an exit file whose risk is certified to be at most ``eps`` at about ``points`` points.

        points: per image; the nearest keypoint count of the file is taken. group: of the pairs, "predicted" or
        "plain". weights: the weights file, by default the one that ``path`` is named after.
        Raises WeightsError when the file is damaged or made for other weights.
        """
        table = read_exit_table(path, weights or path.with_name(path.name.removesuffix(".exit.toml")))
        return ExitPolicy.of_step(table.path_for(points, group).at(eps), table.layers)

    @staticmethod
    def of_step(step: ExitStep, layers: int, max_layers: int = 0) -> ExitPolicy:
        """The policy of one step of a calibrated path; points leave by the published thresholds."""
        return ExitPolicy(
            step.depth_confidence,
            step.width_confidence,
            (*step.thresholds, NEVER),
            _cap(max_layers, layers),
            published_thresholds(layers),
            LEAST_SHARE,
        )

    @property
    def note(self) -> str:
        """For people: an ExitChoice says more."""
        return "exit by a fixed rule" if self.may_exit else "no exit"

    def for_pair(self, points: float, group: str) -> ExitPolicy:
        """This policy, whatever the pair; see ExitChoice."""
        return self

    @property
    def may_exit(self) -> bool:
        return self.depth_confidence > 0

    @property
    def may_prune(self) -> bool:
        return 0 < self.width_confidence < 1


@dataclass(frozen=True)
class ExitChoice:
    """The policies of a matcher, by group of pairs and keypoint count, and where they come from."""

    policies: tuple[tuple[str, int, ExitPolicy], ...]  # (group, points per image, policy)
    note: str  # for people: what is used, and why not what was asked for

    @staticmethod
    def always(policy: ExitPolicy, note: str) -> ExitChoice:
        """One policy for all pairs."""
        return ExitChoice(tuple((group, 0, policy) for group in GROUPS), note)

    def for_pair(self, points: float, group: str) -> ExitPolicy:
        """The policy of a group ("predicted" or "plain") whose keypoint count is nearest, the larger one of two.

        points: per image, the mean of both.
        """
        of_group = (each[1:] for each in self.policies if each[0] == group)
        return min(of_group, key=lambda each: (abs(each[0] - points), -each[0]))[1]


def chosen_exit(config: MatcherConfig, weights: Path, layers: int) -> ExitChoice:
    """The policies that ``config.exit`` asks for; the published one when no calibration lies beside the weights.

    A ``depth_confidence`` or ``width_confidence`` of -1 forbids exit or pruning whatever the rule.
    Raises ConfigError for an unknown ``exit`` or a level outside of (0, 1), WeightsError for a wrong exit file.
    """
    if config.exit not in EXITS:
        raise ConfigError(f"matcher.exit: must be one of {', '.join(EXITS)}, got '{config.exit}'")
    if not 0.0 < config.exit_eps < 1.0:
        raise ConfigError(f"matcher.exit_eps: must lie between 0 and 1, got {config.exit_eps}")
    if config.exit == "off":
        return ExitChoice.always(ExitPolicy.off(layers, config.max_layers), "exit off: all layers, all points")
    file = exit_file(weights)
    if config.exit == "calibrated" and file.is_file():
        return _calibrated_choice(config, weights, layers)
    policy = ExitPolicy.published(config.depth_confidence, config.width_confidence, layers, config.max_layers)
    note = "exit by the published rule"
    if config.exit == "calibrated":
        note += f": no {file.name} beside the weights; 'slam calibrate-exit' makes it"
    return ExitChoice.always(policy, note)


def published_threshold(layer: int, layers: int) -> float:
    """lambda_l of layer l = 0, 1, ...: strict at first, 0.8 in the end (LightGlue, appendix)."""
    return min(max(0.8 + 0.1 * math.exp(-4.0 * layer / layers), 0.0), 1.0)


def published_thresholds(layers: int) -> tuple[float, ...]:
    """lambda_l of all layers."""
    return tuple(published_threshold(layer, layers) for layer in range(layers))


def unsure_allowed(points: int, depth_confidence: float) -> int:
    """How many of ``points`` may be unsure for the matching to end; -1 when none may, not even none."""
    unsure = int((1.0 - depth_confidence) * points) + 1
    while unsure >= 0 and not 1.0 - unsure / points > depth_confidence:
        unsure -= 1
    return unsure


def is_sure(confidence: Tensor, layer: int, points: int, policy: ExitPolicy) -> bool:
    """Whether enough of ``points`` (all that there were: those that left count as confident) are confident.

    confidence: (T,) of the points that are left, in [0, 1].
    """
    if not policy.may_exit or policy.thresholds[layer] > NEVER:
        return False
    unsure = int((confidence < policy.thresholds[layer]).sum())
    return 1.0 - unsure / points > policy.depth_confidence


def shows_enough(matches: int, points: int, policy: ExitPolicy) -> bool:
    """Whether an exit with so many matches may end the matching; ``points``: all that there were, of both images."""
    return matches >= policy.least_share * points / 2


def staying(matchable: Tensor, confidence: Tensor | None, layer: int, policy: ExitPolicy) -> Tensor:
    """(T,) bool: the points that stay. One that is not confident about its answer stays, whatever the answer.

    matchable: (T,) probability of having a partner; confidence: (T,), None when the network has no classifiers.
    """
    stays = matchable > 1.0 - policy.width_confidence
    if confidence is None:
        return stays
    thresholds = policy.thresholds if policy.leaving is None else policy.leaving
    return stays | (confidence <= thresholds[layer])


def _calibrated_choice(config: MatcherConfig, weights: Path, layers: int) -> ExitChoice:
    table, eps = read_exit_table(exit_file(weights), weights), config.exit_eps
    policies = tuple(
        (path.group, path.points, _allowed(ExitPolicy.of_step(path.at(eps), layers, config.max_layers), config))
        for path in table.paths
    )
    note = f"exit calibrated: risk at most {eps:g} with confidence {1 - table.delta:g}"
    full = [f"{path.points} keypoints ({path.group})" for path in table.paths if not path.index_at(eps)]
    if full:
        note += f"; full depth at {', '.join(full)}, nothing faster is certified"
    if config.filter_threshold != table.filter_threshold:
        note += (
            f"; not for filter_threshold {config.filter_threshold:g}, it was calibrated at {table.filter_threshold:g}"
        )
    return ExitChoice(policies, note)


def _allowed(policy: ExitPolicy, config: MatcherConfig) -> ExitPolicy:
    depth = policy.depth_confidence if config.depth_confidence > 0 else -1.0
    width = policy.width_confidence if config.width_confidence > 0 else -1.0
    return replace(policy, depth_confidence=depth, width_confidence=width)


def _cap(max_layers: int, layers: int) -> int:
    return min(max_layers or layers, layers)
