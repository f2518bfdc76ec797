"""What time decided in a live run, frame by frame, so that a replay can decide the same; nothing else is chance.

Which frames were answered, when the graph's answers came, where the matcher left for lack of time, and whether there
was idle time. One JSON line per answered frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from slam.errors import SourceError

FILE_NAME = "decisions.jsonl"


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of one answered frame."""

    index: int  # of the frame in its source
    stamp_ns: int
    dropped: int  # frames given up since the one before
    polls: tuple[str | None, ...]  # of the graph: None without an answer, "" with one, else why it failed
    layers: tuple[int, ...]  # of each match with a time limit: the layer it left for lack of time, 0 for none
    idle: bool  # whether there was time for what can wait
    commands: tuple[str, ...] = ()  # that people gave at the viewer after the frame


class DecisionLog:
    """Writes decisions as they are made. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / FILE_NAME).open("w", encoding="utf-8")

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, decisions: Decisions) -> None:
        """Raises OSError."""
        self._file.write(json.dumps(asdict(decisions)) + "\n")
        self._file.flush()


def keep_until(folder: Path, stamp_ns: int) -> None:
    """Forget what was decided about later frames: they are not in the recording. Needs no space."""
    path = folder / FILE_NAME
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["stamp_ns"] <= stamp_ns]
    with path.open("r+", encoding="utf-8") as file:
        file.truncate(len("".join(kept).encode()))


def read_decisions(folder: Path) -> list[Decisions]:
    """What a recorded run decided. A last line that was cut short is left out. Raises SourceError."""
    path = folder / FILE_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); record the run again with --record") from error
    return list(_parsed(path, lines))


def _parsed(path: Path, lines: list[str]) -> Iterator[Decisions]:
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
            lists = {name: tuple(values[name]) for name in ("polls", "layers", "commands") if name in values}
            yield Decisions(**{**values, **lists})
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            if number == len(lines):
                return
            raise SourceError(f"{path}, line {number}: is damaged; record the run again with --record") from error
