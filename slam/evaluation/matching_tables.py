"""Tables of figures that read alike in a terminal and as Markdown, and the machine they were made on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slam.evaluation import environment

TWO_DECIMALS = ("exit", "video x", "hard x", "describe ms", "search ms")
WHOLE = ("frames", "dropped", "bytes")


@dataclass(frozen=True)
class Row:
    """One line: what was measured, and its figures by name; NaN where there is none."""

    labels: tuple[str, ...]
    figures: dict[str, float]


@dataclass(frozen=True)
class Section:
    """One table. ``heads`` name the labels of its rows; a table without rows is only its note."""

    title: str
    heads: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    note: str = ""


def text_of(title: str, sections: Sequence[Section], command: str) -> str:
    """The whole report in Markdown, padded so that a terminal shows it well too."""
    machine = environment.hardware()
    packages = ", ".join(f"{name} {version}" for name, version in environment.versions().items())
    origin = f"Commit {environment.commit() or 'unknown'}, {machine['cpu']}, {machine['cores']} cores; {packages}."
    parts = [f"# {title}", f"Command `{command}`. {origin}", *(section_text(section) for section in sections)]
    return "\n\n".join(parts) + "\n"


def section_text(section: Section) -> str:
    parts = [f"## {section.title}", section.note, table_text(section)]
    return "\n\n".join(part for part in parts if part)


def table_text(section: Section) -> str:
    """Markdown table with padded columns; a figure that a row lacks is a dash."""
    if not section.rows:
        return ""
    names = list(dict.fromkeys(name for row in section.rows for name in row.figures))
    lines = [[*section.heads, *names]]
    lines += [[*row.labels, *(_shown(name, row.figures.get(name, math.nan)) for name in names)] for row in section.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = len(section.heads)
    padded = [[_padded(c, w, i < left) for i, (c, w) in enumerate(zip(line, widths))] for line in lines]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule, *padded[1:]])


def write_report(folder: Path, name: str, title: str, sections: Sequence[Section], command: str) -> str:
    """Write ``name``.md and ``name``.json into a folder and return the text."""
    text = text_of(title, sections, command)
    (folder / f"{name}.md").write_text(text)
    machine = {"commit": environment.commit(), "hardware": environment.hardware(), "versions": environment.versions()}
    content = {"command": command, **machine, "sections": [_plain(asdict(section)) for section in sections]}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    return text


def _shown(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    if name in TWO_DECIMALS:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 1000 and name not in WHOLE else f"{value:.0f}"


def _padded(text: str, width: int, is_left: bool) -> str:
    return text.ljust(width) if is_left else text.rjust(width)


def _plain(value: Any) -> Any:
    """What JSON can hold: infinite and missing numbers become null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
