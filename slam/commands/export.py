"""``slam export``: a map as what other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slam.commands.export_onnx import onnx_command
from slam.commands.fallback import group_falling_back_to
from slam.commands.options import Distortion, Intrinsics, ModeName, RigName

app = typer.Typer(help="Export maps to other programs.", no_args_is_help=True, cls=group_falling_back_to("run"))
app.command("onnx")(onnx_command)


@app.command("run")
def run_command(
    file: Annotated[Path, typer.Argument(metavar="MAP", help="Map that `slam run --map` wrote.")],
    to: Annotated[str, typer.Argument(help="colmap, colmap-text, nerfstudio, ply, tum or tum-keyframes.")],
    out: Annotated[Path, typer.Argument(help="New folder, or file, to write.")],
    source: Annotated[str | None, typer.Option(help="Of the recording the map is of: pictures come from it.")] = None,
    path: Annotated[Path | None, typer.Option(help="Of that recording.")] = None,
    mode: ModeName = None,
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
    submap: Annotated[int | None, typer.Option(help="The one with most keyframes by default.")] = None,
) -> None:
    """Write a map for COLMAP, nerfstudio and splat trainers, or as points or a trajectory."""
    from slam.export.folder import export_folder
    from slam.export.map_export import EXPORTS, Part, export_map
    from slam.mapfile.reader import load_map
    from slam.running.options import RunOptions, opened_source

    loaded, part = load_map(file), Part(submap)
    if to in EXPORTS:
        words = export_map(loaded, to, out, part)
    else:
        options = None if source is None else RunOptions(source, path, mode, rig, intrinsics, distortion)
        words = export_folder(loaded, to, out, part, None if options is None else opened_source(options))
    typer.echo(f"{words}, written to {out}")
