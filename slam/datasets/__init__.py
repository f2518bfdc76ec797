"""Datasets that published tables use: what there is (datasets/*.toml), where it comes from, and where it lies."""

from slam.datasets.catalog import (
    Archive,
    Dataset,
    Sequence,
    catalog,
    datasets_root,
    find_dataset,
    find_group,
    find_sequence,
    is_on_disk,
    sequence_folder,
)

__all__ = [
    "Archive",
    "Dataset",
    "Sequence",
    "catalog",
    "datasets_root",
    "find_dataset",
    "find_group",
    "find_sequence",
    "is_on_disk",
    "sequence_folder",
]
