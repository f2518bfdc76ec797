"""The files of datasets/ as values: datasets, their sequences, and the archives that hold them."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from slam.data_files import data_dir
from slam.errors import DatasetError
from slam.types import Mode

ROOT_VARIABLE = "EARLYBIRD_DATASETS"
DEFAULT_ROOT = Path("recordings")


@dataclass(frozen=True)
class Archive:
    """One file upstream, and the part of it that belongs to a sequence."""

    address: str  # "" where upstream wants a login: the user fetches it by hand
    file: str  # its name on the disk
    sum_address: str = ""  # of a text that holds its md5 or sha256; "" where upstream publishes none
    nested: str = ""  # an archive within it, which holds the sequence; "" for none
    part: str = ""  # folders whose content is the sequence's; or one file; "" for everything
    into: str = ""  # name of that one file within the sequence


@dataclass(frozen=True)
class Sequence:
    """One recording of a dataset."""

    name: str  # and that of its folder
    rig: str  # for ``--rig``; "" where the recording brings its calibration
    aliases: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    frames: int = 0  # images of one camera, 0: not known


@dataclass(frozen=True)
class Dataset:
    """One dataset: a file of datasets/."""

    name: str  # of its file and folder: tum
    title: str
    source: str  # a row of slam.sources.SOURCES, for ``slam run SOURCE FOLDER``
    modes: tuple[Mode, ...]  # the richest first
    licence: str
    home: str  # page to read more
    ground_truth: str  # whose pose, in which frame
    layout: str
    login: str  # page where upstream wants a login or a form, "" where it does not
    checks: str  # what upstream publishes to check its files by
    marker: str  # file or folder that lies at the top of every sequence
    sequences: tuple[Sequence, ...]
    groups: dict[str, tuple[str, ...]]  # sequences that a published table is about, by the table's name


@lru_cache(maxsize=1)
def catalog() -> dict[str, Dataset]:
    """Every dataset by its name."""
    files = sorted(data_dir("datasets").glob("*.toml"))
    return {path.stem: _dataset(path.stem, tomllib.loads(path.read_text())) for path in files}


def find_dataset(name: str) -> Dataset:
    """The dataset of a name. Raises DatasetError with the nearest one."""
    known = catalog()
    if name not in known:
        raise DatasetError(f"dataset '{name}' is unknown; {_hint(name, known)}")
    return known[name]


def find_sequence(dataset: Dataset, name: str) -> Sequence:
    """The sequence of a name or alias. Raises DatasetError with the nearest one."""
    for sequence in dataset.sequences:
        if name in (sequence.name, *sequence.aliases):
            return sequence
    known = [word for sequence in dataset.sequences for word in (sequence.name, *sequence.aliases)]
    raise DatasetError(f"{dataset.name}: no sequence '{name}'; {_hint(name, known)}")


def find_group(name: str) -> list[tuple[Dataset, Sequence]]:
    """The sequences of a published table, such as tum-fr1. Raises DatasetError for an unknown name."""
    for dataset in catalog().values():
        if name in dataset.groups:
            return [(dataset, find_sequence(dataset, sequence)) for sequence in dataset.groups[name]]
    known = [group for dataset in catalog().values() for group in dataset.groups]
    raise DatasetError(f"group '{name}' is unknown; {_hint(name, known)}")


def datasets_root() -> Path:
    """Where datasets lie: $EARLYBIRD_DATASETS, or recordings in the working directory."""
    return Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)


def sequence_folder(root: Path, dataset: Dataset, sequence: Sequence) -> Path:
    """The folder that ``slam run SOURCE FOLDER`` takes, whether it is there or not."""
    if not sequence.archives:
        return data_dir("datasets") / dataset.name / sequence.name  # comes with the program
    return root / dataset.name / sequence.name


def is_on_disk(root: Path, dataset: Dataset, sequence: Sequence) -> bool:
    """Whether the sequence was unpacked: its folder appears under its name only when it is whole."""
    return (sequence_folder(root, dataset, sequence) / dataset.marker).exists()


def _dataset(name: str, values: dict[str, Any]) -> Dataset:
    shortened, aliases = values.get("short", {}), values.get("aliases", {})
    sequences = tuple(
        _sequence(values, group, sequence, (*_short(sequence, shortened), *aliases.get(sequence, ())))
        for group in values["sequences"]
        for sequence in group["names"]
    )
    return Dataset(
        name,
        values["name"],
        values["source"],
        tuple(Mode(mode) for mode in values["modes"]),
        values["licence"],
        values["home"],
        values["ground_truth"],
        values["layout"],
        values.get("login", ""),
        values.get("checks", ""),
        values.get("marker", ""),
        sequences,
        {group: tuple(names) for group, names in values.get("groups", {}).items()},
    )


def _sequence(values: dict[str, Any], group: dict[str, Any], name: str, aliases: tuple[str, ...]) -> Sequence:
    words = {key: value for key, value in group.items() if isinstance(value, str)} | {"name": name}
    words |= {"number": name[-1], **dict(zip(values.get("words", ()), name.split("_")))}
    archives = tuple(
        Archive(**{key: text.format(**words) for key, text in template.items()})
        for template in values.get("archives", ())
    )
    return Sequence(name, group["rig"], aliases, archives, values.get("frames", {}).get(name, 0))


def _short(name: str, shortened: dict[str, str]) -> tuple[str, ...]:
    short = name
    for long, brief in shortened.items():
        short = short.replace(long, brief)
    return () if short == name else (short,)


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
