"""Datasets as rows of a table."""

from __future__ import annotations

from pathlib import Path

from slam.datasets.catalog import Dataset, Sequence, catalog, is_on_disk, sequence_folder

DATASET_HEADER = ("name", "dataset", "modes", "sequences", "on the disk", "licence")
SEQUENCE_HEADER = ("name", "also", "rig", "frames", "on the disk")


def dataset_rows(root: Path) -> list[tuple[str, ...]]:
    """One row per dataset of the catalogue."""
    return [_dataset_row(root, dataset) for dataset in catalog().values()]


def sequence_table(root: Path, dataset: Dataset) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A header and one row per sequence of a dataset, without columns that say nothing."""
    rows = [_sequence_row(root, dataset, sequence) for sequence in dataset.sequences]
    kept = [i for i in range(len(SEQUENCE_HEADER)) if any(row[i] for row in rows)]
    return tuple(SEQUENCE_HEADER[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]


def dataset_facts(root: Path, dataset: Dataset) -> list[tuple[str, str]]:
    """What there is to know of a dataset, whose parts have no row of their own."""
    facts = [
        ("dataset", dataset.title),
        ("licence", dataset.licence),
        ("home", dataset.home),
        ("ground truth", dataset.ground_truth),
        ("layout", dataset.layout),
        ("checked by", dataset.checks),
        ("login", dataset.login),
        ("groups", ", ".join(dataset.groups)),
        ("run it with", _command(root, dataset)),
    ]
    return [(name, value) for name, value in facts if value]


def _dataset_row(root: Path, dataset: Dataset) -> tuple[str, ...]:
    there = sum(is_on_disk(root, dataset, sequence) for sequence in dataset.sequences)
    modes = ", ".join(mode.value for mode in dataset.modes)
    return dataset.name, dataset.title, modes, str(len(dataset.sequences)), str(there), dataset.licence


def _sequence_row(root: Path, dataset: Dataset, sequence: Sequence) -> tuple[str, ...]:
    there = "yes" if is_on_disk(root, dataset, sequence) else "no"
    return sequence.name, ", ".join(sequence.aliases), sequence.rig, str(sequence.frames or ""), there


def _command(root: Path, dataset: Dataset) -> str:
    """How any of the sequences is run: NAME and RIG stand for those of its row."""
    if not any(sequence.archives for sequence in dataset.sequences):
        return f"slam run {dataset.source} --mode {'|'.join(mode.value for mode in dataset.modes)}"  # knows its folder
    folder = sequence_folder(root, dataset, dataset.sequences[0]).with_name("NAME")
    rigs = {sequence.rig for sequence in dataset.sequences}
    rig = f"--rig {rigs.pop()}" if len(rigs) == 1 else "--rig RIG"
    return f"slam run {dataset.source} {folder} " + (f"[{rig}]" if "" in rigs else rig)
