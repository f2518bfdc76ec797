"""``slam export``: a run, or a map, as what other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slam.commands.export_onnx import onnx_command
from slam.commands.fallback import group_falling_back_to
from slam.commands.options import Distortion, Intrinsics, ModeName, RigName

WHAT = "colmap, colmap-text, nerfstudio, ply, mesh, tum, kitti, tum-keyframes"
app = typer.Typer(help="Export runs and maps to other programs.", no_args_is_help=True, cls=group_falling_back_to("of"))
app.command("onnx")(onnx_command)


@app.command("of")
def of_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `slam run` left, or a map file.")],
    what: Annotated[str, typer.Argument(metavar="WHAT", help=f"{WHAT}.")],
    out: Annotated[
        Path | None, typer.Argument(help="New folder, or file, to write; RUN/export/WHAT by default.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Of the recording, where RUN does not know it.")] = None,
    path: Annotated[Path | None, typer.Option(help="Of the recording, where it has moved.")] = None,
    mode: ModeName = None,
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Poses and points only.")] = False,
    every: Annotated[
        int, typer.Option(min=0, help="Besides the keyframes every N-th frame with a pose; of a mesh, every N-th only.")
    ] = 0,
    jpeg: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG of this quality; PNG without it.")] = None,
    voxel: Annotated[float, typer.Option(help="Metres; of a mesh.")] = 0.01,
    max_depth: Annotated[float, typer.Option(help="Metres; of a mesh: depth farther away is left out.")] = 4.0,
    submap: Annotated[int | None, typer.Option(help="The one with most keyframes by default.")] = None,
) -> None:
    """Write a run for COLMAP, nerfstudio and splat trainers, or its points, mesh or trajectory."""
    from slam.export.door import Wanted, export
    from slam.export.map_export import Part
    from slam.export.mesh import Grid
    from slam.export.pictures import PictureForm
    from slam.export.subject import opened_subject
    from slam.running.options import RunOptions

    recording = RunOptions(source or "", path, mode, rig, intrinsics, distortion)
    form, grid = PictureForm(jpeg), Grid(voxel, max_depth)
    wanted = Wanted(what, recording, out, Part(submap), not no_pictures, form, every, grid)
    typer.echo(export(opened_subject(run), wanted))
