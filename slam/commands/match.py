"""``slam match``: two pictures and a drawing of their matches, or a list of pairs and files in hloc's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slam.commands.options import Distortion, Intrinsics, RigName

if TYPE_CHECKING:
    from slam.config import SlamConfig
    from slam.pairs.many import ManyOptions
    from slam.running.options import RunOptions

TWO, MANY = "Two images", "Many pairs, in hloc's layout"  # panels of the help


def match_command(
    a: Annotated[Path | None, typer.Argument(help="Image.")] = None,
    b: Annotated[Path | None, typer.Argument(help="Image.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Drawing of two images (.png, .jpg, .pdf, .svg), or matches of --pairs (.h5).")
    ] = None,
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
    pairs: Annotated[
        Path | None, typer.Option(help="File of pairs: two image names a line.", rich_help_panel=MANY)
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder that the names start in.", rich_help_panel=MANY)] = None,
    features_out: Annotated[Path | None, typer.Option(help="Features (.h5), too.", rich_help_panel=MANY)] = None,
) -> None:
    """Match two images and draw what was found, or match a list of pairs into files that hloc reads.

    With --pairs, pairs that are in the file already are left alone, so a call that was stopped can be repeated.
    `--set matcher.exit=off` runs every layer on every point.
    """
    from slam.errors import ConfigError
    from slam.pairs.many import ManyOptions
    from slam.running.options import RunOptions

    if resize < 0:
        raise ConfigError(f"--resize {resize}: must be at least 0 pixels")
    options = RunOptions(
        "match", rig=rig, intrinsics=intrinsics, distortion=distortion, features=features, matcher=matcher,
        config=config, settings=tuple(set_ or ()),
    )  # fmt: skip
    if pairs is not None:
        if a is not None or verify or images is None or out is None:
            raise ConfigError("--pairs: write it as: slam match --pairs pairs.txt --images FOLDER --out matches.h5")
        _match_many(ManyOptions(pairs, images, out, features_out, resize), _settings(options, keypoints))
        return
    if a is None or b is None or images is not None or features_out is not None:
        raise ConfigError("slam match: needs two images (slam match A.jpg B.jpg --out matches.png), or --pairs")
    _match_two(a, b, out, color, verify, resize, options, keypoints)


def _match_two(
    a: Path, b: Path, out: Path | None, color: str, verify: str, resize: int, options: RunOptions, keypoints: int | None
) -> None:
    from slam.pairs.drawing import check_drawing, draw_matches
    from slam.pairs.two import match_two
    from slam.running.options import asked_rig
    from slam.terminal import show_rows

    if out is not None:
        check_drawing(out, color)
    camera = asked_rig(options)
    found = match_two(a, b, _settings(options, keypoints), resize, verify, None if camera is None else camera.left)
    show_rows(found.rows())
    if out is not None:
        draw_matches(found, out, color)
        typer.echo(f"drawn to {out}")


def _match_many(options: ManyOptions, config: SlamConfig) -> None:
    from slam.pairs.many import match_many_files
    from slam.terminal import counting, show_rows

    with counting("matching") as progress:
        tally = match_many_files(options, config, progress)
    show_rows([*tally.rows(), ("matches", str(options.matches))])


def _settings(options: RunOptions, keypoints: int | None) -> SlamConfig:
    from slam.pairs.two import with_keypoints
    from slam.running.options import effective_config
    from slam.running.threads import one_thread_per_worker

    one_thread_per_worker(seed=0)
    return with_keypoints(effective_config(options, {}), keypoints)
