"""``slam map``: look into map files, check and recover them, export and merge them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look into map files, check, recover, export and merge them.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="Map that `slam run --map` wrote.")]


@app.command("info")
def info_command(file: File) -> None:
    """What a map is of, how much is in it, and when it was made."""
    from slam.mapfile.listing import map_rows
    from slam.mapfile.reader import load_map
    from slam.terminal import show_rows

    show_rows(map_rows(file, load_map(file)))


@app.command("check")
def check_command(
    file: File,
    recover: Annotated[
        Path | None, typer.Option(help="New file for what can be recovered; the damaged one stays as it is.")
    ] = None,
) -> None:
    """Check every byte that counts. A damaged map is an error that says what can be recovered."""
    from slam.mapfile.journal import write_map
    from slam.mapfile.reader import load_map, recovered_map

    if recover is None:
        world = load_map(file).world
        typer.echo(f"{file} is sound: {len(world.keyframes)} keyframes and {world.num_alive} landmarks")
        return
    found = recovered_map(file)
    if found is None or found.loaded is None:
        typer.echo(f"{file} is sound: there is nothing to recover, and {recover} was not written")
        return
    left = found.loaded
    write_map(recover, left.about, left.world, left.placed(), left.state.runs)
    load_map(recover)
    typer.echo(f"{found.words} recovered, written to {recover}")


@app.command("export")
def export_command(
    file: File,
    out: Annotated[Path, typer.Argument(help="File to write.")],
    to: Annotated[str, typer.Option(help="ply (points), tum (tracked frames) or tum-keyframes.")],
    submap: Annotated[int | None, typer.Option(help="The one with most keyframes by default.")] = None,
    run: Annotated[int | None, typer.Option(help="Whose frames; those of the last run by default.")] = None,
) -> None:
    """Write points as PLY, or a trajectory in TUM format."""
    from slam.export.map_export import Part, export_map
    from slam.mapfile.reader import load_map

    words = export_map(load_map(file), to, out, Part(submap, run))
    typer.echo(f"{words}, written to {out}")


@app.command("merge")
def merge_command(
    a: Annotated[Path, typer.Argument(help="Map whose ids stay.")],
    b: Annotated[Path, typer.Argument(help="Map of the same camera, features and mode.")],
    out: Annotated[Path, typer.Argument(help="File to write.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, any number of times.")] = None,
    final_ba: Annotated[
        float, typer.Option(min=0, help="Seconds that adjusting what was joined may take; 0 for none.")
    ] = 0,
) -> None:
    """Put two maps into one file: as one where enough places of B are recognised in A, else side by side."""
    from slam.running.merge import merge_files

    typer.echo(merge_files(a, b, out, set_ or (), final_ba))
