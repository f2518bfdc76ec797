"""The doctor's report in the terminal, and the same as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from slam.doctor.finding import Finding, Verdict, by_weight
from slam.errors import ConfigError
from slam.terminal import svg_text

MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.HINT: ("!", "yellow"),
    Verdict.PROBLEM: ("✗", "bold red"),
    Verdict.UNKNOWN: ("?", "cyan"),
}
PICTURE_COLUMNS = 118


def check_picture(path: Path | None) -> None:
    """Raises ConfigError for a picture that cannot be written, before the long work."""
    if path is not None and path.suffix.lower() != ".svg":
        raise ConfigError(f"--picture {path}: an SVG is written; give it a name that ends in .svg")
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigError(f"--picture {path}: the folder is missing; make it first")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says what is being waited for, on a terminal."""
    with Console(stderr=True).status(what):
        yield


def show_findings(findings: Sequence[Finding], title: str, picture: Path | None = None) -> None:
    """A table by group, then what to do; ``picture`` is the same as an SVG."""
    _draw(Console(), findings)
    if picture is None:
        return
    drawn = Console(record=True, width=PICTURE_COLUMNS, force_terminal=True, file=io.StringIO())
    _draw(drawn, findings)
    picture.write_text(svg_text(drawn, title), encoding="utf-8")


def _draw(console: Console, findings: Sequence[Finding]) -> None:
    for group, rows in groupby(findings, key=lambda finding: finding.group):
        console.print(Rule(group, align="left", style="dim"))
        console.print(_table(list(rows)))
    advised = by_weight(findings)
    console.print(Rule("what to do", align="left", style="dim"))
    if not advised:
        console.print(Text("Nothing: all is well as far as could be seen.", style="green"))
        return
    table = Table(show_header=False, box=None, padding=(0, 1))
    for finding in advised:
        mark, style = MARKS[finding.verdict]
        table.add_row(Text(mark, style=style), Text(f"{finding.group}, {finding.subject}", style=style), finding.advice)
    console.print(table)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=18, no_wrap=True)
    table.add_column(width=9, no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = MARKS[finding.verdict]
        verdict = "" if finding.verdict is Verdict.OK else finding.verdict.value
        measured = Text(finding.measured)
        table.add_row(Text(mark, style=style), finding.subject, Text(verdict, style=style), measured)
    return table
