"""``slam export onnx``: extractor and matcher for programs without Python or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def onnx_command(
    out: Annotated[Path, typer.Argument(help="New folder to write.")],
    features: Annotated[str | None, typer.Option(help="A name that `slam features` lists.")] = None,
    keypoints: Annotated[str, typer.Option(help="Most keypoints of a picture; dynamic: an input says it.")] = "dynamic",
    whole: Annotated[bool, typer.Option("--whole", help="The matcher at full depth as one file, too.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, any number of times.")] = None,
) -> None:
    """Write extractor and matcher layers as ONNX files, and a manifest with the calibrated exits.

    docs/examples/onnx_match.py matches two pictures with them, and needs no more than onnxruntime and numpy.
    """
    from slam.errors import ConfigError
    from slam.export.onnx_folder import export_onnx
    from slam.running.options import RunOptions, effective_config

    if keypoints != "dynamic" and not keypoints.isdecimal():
        raise ConfigError(f"--keypoints {keypoints}: write a number, or dynamic")
    options = RunOptions("export", features=features, config=config, settings=tuple(set_ or ()))
    count = None if keypoints == "dynamic" else int(keypoints)
    typer.echo(f"{export_onnx(effective_config(options, {}), out, count, whole)}, written to {out}")
