"""Rows of numbers and names in text files, with the file and line in every complaint."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from slam.errors import SlamError

NS_PER_S = 9  # decimal places


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one line that is neither empty nor a comment."""

    path: Path
    line: int  # 1 is the first
    fields: list[str]
    error: type[SlamError]  # raised by everything that finds the row wrong

    def wrong(self, what: str) -> SlamError:
        return self.error(f"{self.path}, line {self.line}: {what}")

    def require(self, counts: range | tuple[int, ...], form: str) -> None:
        if len(self.fields) not in counts:
            raise self.wrong(f"has {len(self.fields)} columns; write it as '{form}'")

    def numbers(self, start: int, stop: int) -> list[float]:
        """Fields as finite floats. NaN and infinity raise."""
        return [self._number(text) for text in self.fields[start:stop]]

    def seconds_as_ns(self, column: int) -> int:
        """A stamp in seconds as whole nanoseconds, exact to the last digit."""
        text = self.fields[column]
        try:
            seconds = Decimal(text)
        except InvalidOperation as cause:
            raise self.wrong(f"'{text}' is not a time in seconds") from cause
        if not seconds.is_finite():
            raise self.wrong(f"the stamp is {text}; remove the line or repair the file")
        return int(seconds.scaleb(NS_PER_S).to_integral_value())

    def nanoseconds(self, column: int) -> int:
        text = self.fields[column]
        try:
            return int(text)
        except ValueError as cause:
            raise self.wrong(f"'{text}' is not a time in whole nanoseconds") from cause

    def _number(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError as cause:
            raise self.wrong(f"'{text}' is not a number") from cause
        if not math.isfinite(value):
            raise self.wrong(f"holds {text}; remove the line or repair the file")
        return value


def read_rows(path: Path, error: type[SlamError]) -> Iterator[Row]:
    """Rows split at blanks, tabs and commas; lines that start with # are comments. Raises ``error``."""
    for line, text in enumerate(read_text(path, error).splitlines(), 1):
        fields = [field for field in re.split(r"[,\s]+", text.strip()) if field]
        if fields and not fields[0].startswith("#"):
            yield Row(path, line, fields, error)


def read_text(path: Path, error: type[SlamError]) -> str:
    """The whole file as UTF-8. Raises ``error``."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror}); check the path") from cause
    except UnicodeDecodeError as cause:
        raise error(f"{path}: is not a text file; check the path") from cause
