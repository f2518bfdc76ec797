"""``slam match``: two pictures and a drawing of their matches, or a list of pairs and files in hloc's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slam.commands.options import Distortion, Intrinsics, RigName

TWO = "Two pictures"  # panels of the help


def match_command(
    a: Annotated[Path | None, typer.Argument(help="Image.")] = None,
    b: Annotated[Path | None, typer.Argument(help="Image.")] = None,
    out: Annotated[Path | None, typer.Option(help="Drawing of two pictures (.png, .jpg, .pdf, .svg).")] = None,
    features: Annotated[str | None, typer.Option(help="A name that `slam features` lists.")] = None,
    matcher: Annotated[str | None, typer.Option(help="lightglue or nearest.")] = None,
    keypoints: Annotated[int | None, typer.Option(help="Per image, at most.")] = None,
    resize: Annotated[int, typer.Option(help="Long side in pixels that larger images are shrunk to; 0 never.")] = 0,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, any number of times.")] = None,
    color: Annotated[
        str, typer.Option(help="Lines by confidence, or by the layer since which a match stands.", rich_help_panel=TWO)
    ] = "confidence",
    verify: Annotated[
        str, typer.Option(help="Count inliers: fundamental, homography or essential.", rich_help_panel=TWO)
    ] = "",
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
) -> None:
    """Match two images and draw what was found.

    Only the exit is a promise about plain pairs: `--set matcher.exit=off` runs every layer on every point.
    """
    from slam.errors import ConfigError
    from slam.pairs.drawing import draw_matches
    from slam.pairs.two import match_two, with_keypoints
    from slam.running.options import RunOptions, asked_rig, effective_config
    from slam.running.threads import one_thread_per_worker
    from slam.terminal import show_rows

    if a is None or b is None:
        raise ConfigError("slam match: needs two images; write it as: slam match A.jpg B.jpg --out matches.png")
    if resize < 0:
        raise ConfigError(f"--resize {resize}: must be at least 0 pixels")
    options = RunOptions(
        "match", rig=rig, intrinsics=intrinsics, distortion=distortion, features=features, matcher=matcher,
        config=config, settings=tuple(set_ or ()),
    )  # fmt: skip
    settings, camera = with_keypoints(effective_config(options, {}), keypoints), asked_rig(options)
    one_thread_per_worker(seed=0)
    found = match_two(a, b, settings, resize, verify, None if camera is None else camera.left)
    show_rows(found.rows())
    if out is not None:
        draw_matches(found, out, color)
        typer.echo(f"drawn to {out}")
