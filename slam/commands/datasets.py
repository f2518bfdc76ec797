"""``slam datasets`` and ``slam download``: what there is, and its way onto this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slam.commands.fallback import group_falling_back_to

if TYPE_CHECKING:
    from slam.datasets import Dataset, Sequence

To = Annotated[Path | None, typer.Option(help="Folder of all datasets; $EARLYBIRD_DATASETS, else ./recordings.")]

download = typer.Typer(
    help="Download datasets (`slam download tum fr1_desk`) and weights.",
    no_args_is_help=True,
    cls=group_falling_back_to("dataset"),
)


def datasets_command(
    name: Annotated[str, typer.Argument(help="One of them, in full.")] = "",
    to: To = None,
) -> None:
    """List the datasets: sequences, licence, ground truth, and what of them is on the disk."""
    from slam.datasets import datasets_root, find_dataset
    from slam.datasets.listing import DATASET_HEADER, dataset_facts, dataset_rows, sequence_table
    from slam.terminal import show_rows, show_table

    root = to or datasets_root()
    if not name:
        show_table(DATASET_HEADER, dataset_rows(root))
        return
    dataset = find_dataset(name)
    show_rows(dataset_facts(root, dataset))
    show_table(*sequence_table(root, dataset))


@download.command("dataset")
def download_dataset_command(
    name: Annotated[str, typer.Argument(help="A name or group that `slam datasets` lists; `dataset` may be left out.")],
    sequences: Annotated[list[str] | None, typer.Argument(help="Any number of its sequences.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every sequence.")] = False,
    to: To = None,
    mirror: Annotated[
        str, typer.Option("--from", help="Address of a mirror: a folder, or a template with {file}, {dataset}.")
    ] = "",
    archive: Annotated[
        list[Path] | None, typer.Option(help="Archive fetched by hand, under its own name, any number.")
    ] = None,
    keep_archives: Annotated[bool, typer.Option("--keep-archives", help="Keep them after they were unpacked.")] = False,
) -> None:
    """Fetch sequences of a dataset, check them where upstream publishes sums, and unpack them."""
    from slam.datasets import datasets_root
    from slam.datasets.fetching import FetchOptions, fetch_sequences
    from slam.terminal import fetching

    dataset, chosen = _chosen(name, sequences or [], everything)
    typer.secho(f"{dataset.title}. Licence: {dataset.licence}. See {dataset.home}", fg="yellow")
    options = FetchOptions(to or datasets_root(), mirror, tuple(archive or ()), keep_archives)
    with fetching() as progress:
        folders = fetch_sequences(dataset, chosen, options, typer.echo, progress)
    for sequence, folder in zip(chosen, folders):
        rig = f" --rig {sequence.rig}" if sequence.rig else ""
        typer.echo(f"run it with: slam run {dataset.source} {folder}{rig}")


@download.command("weights")
def download_weights_command(name: Annotated[str, typer.Argument(help="A name that `slam features` lists.")]) -> None:
    """Fetch an extractor's or matcher's weights from their authors, and check them."""
    from slam.features.weights import download_weights, weights_file
    from slam.terminal import counting

    file = weights_file(name)
    typer.secho(f"{name}: {file.note} Licence: {file.licence}", fg="yellow")
    with counting("downloading") as progress:
        path = download_weights(name, progress)
    typer.echo(f"written to {path}")


def _chosen(name: str, sequences: list[str], everything: bool) -> tuple[Dataset, list[Sequence]]:
    """The sequences that were named: of a dataset, all of it, or those of a group."""
    from slam.datasets import catalog, find_dataset, find_group, find_sequence
    from slam.errors import DatasetError

    groups = {group for dataset in catalog().values() for group in dataset.groups} - catalog().keys()
    if name in groups:
        pairs = find_group(name)
        return pairs[0][0], [sequence for _, sequence in pairs]
    dataset = find_dataset(name)
    if everything:
        return dataset, list(dataset.sequences)
    if not sequences:
        raise DatasetError(f"{name}: name its sequences (`slam datasets {name}` lists them), or give --all")
    return dataset, list(dict.fromkeys(find_sequence(dataset, sequence) for sequence in sequences))
