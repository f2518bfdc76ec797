"""``slam sweep``: many trainings, to find options that are better than noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sweep_command(
    file: Annotated[Path, typer.Argument(help="TOML: what to train, options, a grid of others, seeds.")],
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    address: Annotated[str, typer.Option(help="Of a Ray cluster; without it Ray runs on this machine.")] = "",
    workers: Annotated[int, typer.Option(help="Trainings at once.")] = 1,
    gpus: Annotated[float, typer.Option(help="Of each training, on Ray; 0.5 lets two share one.")] = 0.0,
    own_disks: Annotated[
        bool, typer.Option("--own-disks", help="The machines do not share the disk that OUT is on.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder; a sweep that is there goes on. training/FILE.")] = None,
) -> None:
    """Train every combination of a grid with every seed, and say which is better by more than seeds differ."""
    from slam.learning.sweep import SweepOptions, run_sweep
    from slam.learning.sweep_plan import read_plan

    plan, folder = read_plan(file), out or Path("training") / file.stem
    options = SweepOptions(folder, engine, address, workers, gpus, not own_disks)
    found = run_sweep(plan, options, lambda line: typer.echo(line, err=True))
    typer.echo((folder / "sweep.md").read_text(encoding="utf-8"))
    if any(one.failure for one in found):
        raise typer.Exit(1)
