"""The results of a sweep: medians over the seeds, and whether the best one is better than seeds differ."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slam.learning.sweep import Trained

LESS_IS_BETTER = ("loss",)


def sweep_table(found: Sequence[Trained]) -> str:
    """Markdown: a row per combination, then what the best of each figure is worth."""
    groups, figures = _groups(found), _figures(found)
    options = list(dict.fromkeys(name for one in found for name in one.values))
    header = [*options, "trainings", *figures]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for runs in groups.values():
        failed = sum(bool(run.failure) for run in runs)
        count = f"{len(runs)}, {failed} FAILED" if failed else str(len(runs))
        values = [str(runs[0].values.get(name, "")) for name in options]
        lines.append(f"| {' | '.join([*values, count, *(_spread(runs, name) for name in figures)])} |")
    lines += ["", *(verdict(found, name) for name in figures if len(groups) > 1)]
    lines += [f"FAILED: {one.folder}: {one.failure}" for one in found if one.failure]
    return "\n".join(lines).rstrip() + "\n"


def sweep_csv(found: Sequence[Trained]) -> str:
    """A row per training."""
    rows = [
        {
            **one.values,
            "seed": one.seed,
            **one.figures,
            "steps": one.steps,
            "wall_s": one.wall_s,
            "failure": one.failure,
        }
        for one in found
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def verdict(found: Sequence[Trained], name: str) -> str:
    """Whether every training of the best combination beats every one of the second best; seeds alone tell noise."""
    less = name in LESS_IS_BETTER
    ranked = [(key, values) for key, runs in _groups(found).items() if (values := _values(runs, name))]
    if len(ranked) < 2:
        return f"{name}: nothing to compare."
    ranked.sort(key=lambda item: statistics.median(item[1]), reverse=not less)
    (best, first), (_, second) = ranked[:2]
    if min(len(first), len(second)) < 2:
        return f"{name}: best with {best}; how much of that is noise a single seed cannot tell."
    apart = max(first) < min(second) if less else min(first) > max(second)
    if apart:
        return f"{name}: best with {best}, by more than its seeds and those of the second best differ."
    return f"{name}: best with {best}, but within what seeds differ: no winner."


def _groups(found: Sequence[Trained]) -> dict[str, list[Trained]]:
    groups: dict[str, list[Trained]] = {}
    for one in found:
        key = ", ".join(f"{name} {value}" for name, value in one.values.items()) or "the only options"
        groups.setdefault(key, []).append(one)
    return groups


def _figures(found: Sequence[Trained]) -> list[str]:
    return list(dict.fromkeys(name for one in found for name in one.figures))


def _values(runs: Sequence[Trained], name: str) -> list[float]:
    return [run.figures[name] for run in runs if name in run.figures]


def _spread(runs: Sequence[Trained], name: str) -> str:
    values: list[Any] = _values(runs, name)
    if not values:
        return ""
    middle = f"{statistics.median(values):.4f}"
    return middle if min(values) == max(values) else f"{middle} ({min(values):.4f} to {max(values):.4f})"
