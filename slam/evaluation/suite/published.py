"""What others published about their accuracy: the tables of ``datasets/published``, checked when they are read.

A figure means little without its protocol, so every row names the frames, the alignment and the repeats behind it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from slam.data_files import data_dir
from slam.datasets.catalog import find_dataset, find_sequence
from slam.errors import ConfigError
from slam.types import Mode

WORDS = ("failed", "left out", "")  # in place of a figure; "": not given
MARKS = {"P": "the project's own", "S": "from another paper or page", "R": "an independent run"}
ALIGNMENTS = ("se3", "sim3")
ROUNDING_M = 0.001  # of a mean and of figures that have three decimals, half of the last one each
HIGHEST_M = 100.0  # no trajectory of a hall or a room is worse: a figure above it is in another unit
PROTOCOL = ("frames", "align", "runs")


@dataclass(frozen=True)
class PublishedRow:
    """A system's figures: ATE RMSE in metres per sequence of its table, or one of WORDS."""

    system: str
    values: tuple[float | str, ...]  # one per sequence of the table; empty where only a mean was published
    mean: float | None
    mean_of: int  # sequences that entered the mean; 0: not known
    frames: str  # that enter the error; this and the next four: "" for not known
    align: str
    runs: str
    hardware: str
    source: str
    mark: str  # a key of MARKS
    note: str = ""
    mean_note: str = ""  # why the mean is not that of the figures

    @property
    def figures(self) -> list[float]:
        """The values that are figures."""
        return [value for value in self.values if isinstance(value, float)]


@dataclass(frozen=True)
class PublishedTable:
    """Published figures about the same sequences, and which of our cases belong beside them."""

    name: str  # of its file
    title: str
    dataset: str
    mode: str  # of our cases
    align: str  # of our cases
    sequences: tuple[str, ...]  # short names, as its header shows them
    rows: tuple[PublishedRow, ...]
    note: str = ""

    def full_names(self) -> list[str]:
        """The sequences' names in their dataset."""
        dataset = find_dataset(self.dataset)
        return [find_sequence(dataset, sequence).name for sequence in self.sequences]


@lru_cache(maxsize=1)
def published_tables() -> tuple[PublishedTable, ...]:
    """Every table that comes with the program."""
    return read_published(data_dir("datasets") / "published")


def read_published(folder: Path) -> tuple[PublishedTable, ...]:
    """The tables of a folder, with the protocols of its ``protocols.toml``.

    Raises ConfigError for a row that is incomplete, in another unit, or whose mean is not that of its figures;
    DatasetError for a sequence that no dataset has.
    """
    protocols = tomllib.loads((folder / "protocols.toml").read_text(encoding="utf-8"))
    paths = [path for path in sorted(folder.glob("*.toml")) if path.name != "protocols.toml"]
    return tuple(_table(path, protocols) for path in paths)


def _table(path: Path, protocols: dict[str, Any]) -> PublishedTable:
    plain = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = tuple(_row(path, row, len(plain["sequences"]), protocols) for row in plain.pop("rows"))
    table = PublishedTable(path.stem, **{**plain, "sequences": tuple(plain["sequences"])}, rows=rows)
    if table.align not in ALIGNMENTS or table.mode not in [mode.value for mode in Mode]:
        raise ConfigError(f"{path}: mode '{table.mode}' or align '{table.align}' is none of ours; correct it")
    table.full_names()
    return table


def _row(path: Path, plain: dict[str, Any], sequences: int, protocols: dict[str, Any]) -> PublishedRow:
    where = f"{path}: row '{plain.get('system', '')}'"
    name = plain.pop("protocol", None)
    if name not in protocols:
        raise ConfigError(f"{where}: protocol '{name}' is not in protocols.toml; known: {', '.join(protocols)}")
    values = tuple(plain.pop("values", ()))
    figures = sum(isinstance(value, float) for value in values)
    filled = {"mean": None, "mean_of": figures or sequences, "hardware": ""} | protocols[name] | plain
    row = PublishedRow(values=values, **filled)
    _check_values(where, row, sequences)
    _check_mean(where, row)
    return row


def _check_values(where: str, row: PublishedRow, sequences: int) -> None:
    if row.values and len(row.values) != sequences:
        raise ConfigError(f"{where}: has {len(row.values)} values for {sequences} sequences; write one for each")
    for value in row.values:
        if not (value in WORDS if isinstance(value, str) else isinstance(value, float) and 0 < value < HIGHEST_M):
            raise ConfigError(f"{where}: value {value!r} is neither metres, as 0.012, nor one of {WORDS}")
    if not row.figures and row.mean is None:
        raise ConfigError(f"{where}: has neither a value nor a mean; leave it out")
    if row.mark not in MARKS or not row.source:
        raise ConfigError(f"{where}: needs a source and a mark, one of {', '.join(MARKS)}")


def _check_mean(where: str, row: PublishedRow) -> None:
    """A mean that is not that of the values must say why in its ``mean_note``."""
    if row.mean is None or not row.figures or row.mean_note:
        return
    ours = sum(row.figures) / len(row.figures)
    if row.mean_of != len(row.figures) or abs(ours - row.mean) > ROUNDING_M:
        raise ConfigError(
            f"{where}: mean {row.mean} of {row.mean_of} is not that of its {len(row.figures)} figures, {ours:.4f}; "
            "correct one of them, or say why in its mean_note"
        )
