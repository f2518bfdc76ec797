"""What the doctor found: a verdict, the figures it rests on, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check ended, the worst first in ``WEIGHT``."""

    OK = "ok"
    HINT = "hint"  # works, and could be better
    PROBLEM = "problem"  # will spoil a run
    UNKNOWN = "not known"  # what was seen does not show it


WEIGHT = {Verdict.PROBLEM: 0, Verdict.HINT: 1, Verdict.UNKNOWN: 2, Verdict.OK: 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check."""

    group: str  # timing, picture, shutter, inertial, calibration, machine, speed
    subject: str  # what was looked at, a word or two
    verdict: Verdict
    measured: str  # in words, with figures and units
    advice: str = ""  # what to do; never empty for a problem

    def as_dict(self) -> dict[str, str]:
        return {
            "group": self.group,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "measured": self.measured,
            "advice": self.advice,
        }


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Those with something to do, the gravest first and otherwise in the order they were found."""
    return sorted((finding for finding in findings if finding.advice), key=lambda finding: WEIGHT[finding.verdict])


def has_problem(findings: Sequence[Finding]) -> bool:
    return any(finding.verdict is Verdict.PROBLEM for finding in findings)


def graded(value: float, hint: float, problem: float) -> Verdict:
    """OK up to ``hint``, a hint up to ``problem``, else a problem."""
    return Verdict.OK if value <= hint else Verdict.HINT if value <= problem else Verdict.PROBLEM
