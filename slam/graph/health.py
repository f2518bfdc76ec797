"""What became of the graph's problems over a run: how many were solved, what was put aside, what failed and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from slam.types import Correction


class GraphHealth:
    """Counts Corrections as they come."""

    def __init__(self) -> None:
        self.solved = 0
        self.out_of_time = 0  # solved as far as their time allowed
        self.restarts = 0  # of the graph's process, see Graph.restarts
        self.set_aside: Counter[str] = Counter()  # kind -> how many, over all problems
        self.failures: Counter[str] = Counter()  # reason without its figures -> problems

    def add(self, correction: Correction) -> None:
        self.set_aside.update(correction.set_aside)
        if correction.failure:
            self.failures[correction.failure.partition(":")[0]] += 1
            return
        self.solved += 1
        self.out_of_time += correction.out_of_time

    @property
    def failed(self) -> int:
        return self.failures.total()

    def figures(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "solved": self.solved,
            "failed": self.failed,
            "out_of_time": self.out_of_time,
            "restarts": self.restarts,
            "set_aside": dict(sorted(self.set_aside.items())),
            "failures": dict(sorted(self.failures.items())),
        }

    def notes(self) -> list[str]:
        """What a reader of the run's figures should know, a sentence each; none when all went well."""
        notes = []
        if self.failures:
            notes.append(f"{self.failed} of {self.failed + self.solved} optimisations failed: {_listed(self.failures)}")
        if self.set_aside:
            notes.append(f"the graph put aside {_listed(self.set_aside)}")
        if self.out_of_time:
            notes.append(f"{self.out_of_time} optimisations were ended by their time limit (graph.max_ms)")
        if self.restarts:
            notes.append(f"the graph's process was started again {self.restarts} times")
        return notes


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
