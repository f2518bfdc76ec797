"""Datasets as rows of a table."""

from __future__ import annotations

from pathlib import Path

from slam.datasets.catalog import Dataset, Sequence, catalog, is_on_disk, sequence_folder

DATASET_HEADER = ("name", "dataset", "modes", "sequences", "on the disk", "licence")
SEQUENCE_HEADER = ("name", "also", "rig", "frames", "on the disk", "run it with")


def dataset_rows(root: Path) -> list[tuple[str, ...]]:
    """One row per dataset of the catalogue."""
    return [_dataset_row(root, dataset) for dataset in catalog().values()]


def sequence_rows(root: Path, dataset: Dataset) -> list[tuple[str, ...]]:
    """One row per sequence of a dataset."""
    return [_sequence_row(root, dataset, sequence) for sequence in dataset.sequences]


def dataset_facts(dataset: Dataset) -> list[tuple[str, str]]:
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
    ]
    return [(name, value) for name, value in facts if value]


def _dataset_row(root: Path, dataset: Dataset) -> tuple[str, ...]:
    there = sum(is_on_disk(root, dataset, sequence) for sequence in dataset.sequences)
    modes = ", ".join(mode.value for mode in dataset.modes)
    return dataset.name, dataset.title, modes, str(len(dataset.sequences)), str(there), dataset.licence


def _sequence_row(root: Path, dataset: Dataset, sequence: Sequence) -> tuple[str, ...]:
    there, folder = is_on_disk(root, dataset, sequence), sequence_folder(root, dataset, sequence)
    rig = f" --rig {sequence.rig}" if sequence.rig else ""
    frames = str(sequence.frames) if sequence.frames else ""
    command = f"slam run {dataset.source} {folder}{rig}"
    return sequence.name, ", ".join(sequence.aliases), sequence.rig, frames, "yes" if there else "", command
