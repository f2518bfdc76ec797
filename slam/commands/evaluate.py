"""``slam evaluate``: anybody's trajectory against its ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slam.evaluation.compare_files import Evaluation


def evaluate_command(
    estimate: Annotated[Path, typer.Argument(metavar="EST", help="Trajectory: TUM, KITTI or EuRoC's csv.")],
    truth: Annotated[Path, typer.Argument(metavar="GT", help="Ground truth, in any of these formats.")],
    align: Annotated[
        str, typer.Option(help="se3; sim3 to correct the scale as well; origin: the first poses; none.")
    ] = "se3",
    max_diff: Annotated[float, typer.Option(help="Seconds between a pose and its ground truth, at most.")] = 0.01,
    est_format: Annotated[str, typer.Option("--format", help="tum, kitti or euroc; guessed when left out.")] = "",
    gt_format: Annotated[str, typer.Option(help="The same, of the ground truth.")] = "",
    times: Annotated[Path | None, typer.Option(help="KITTI's times.txt; without it poses are 0.1 s apart.")] = None,
    delta: Annotated[int, typer.Option(min=1, help="Frames between the two poses of a relative error.")] = 1,
    T_body_cam: Annotated[
        Path | None,
        typer.Option("--T-body-cam", help="EuRoC's sensor.yaml of the camera: the truth is the body's, moved by it."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Drawing: paths and error over time (.png, .pdf, .svg).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Absolute and relative trajectory error, as evo computes them, and KITTI's errors of stretches."""
    from slam.evaluation.compare_files import EvaluateOptions, evaluate_files
    from slam.terminal import show_rows

    options = EvaluateOptions(align, max_diff, delta, est_format, gt_format, times, T_body_cam)
    found = evaluate_files(estimate, truth, options)
    if plot is not None:
        _draw(plot, found, f"{estimate.name} against {truth.name}")
    if as_json:
        typer.echo(json.dumps(found.figures(), indent=2))
        return
    show_rows(found.rows())


def _draw(path: Path, found: Evaluation, title: str) -> None:
    from slam.errors import ConfigError
    from slam.evaluation.plots import plot_comparison

    try:
        plot_comparison(path, found.ate, found.gt, title)
    except (OSError, ValueError) as error:  # no such folder; no such format
        raise ConfigError(f"--plot {path}: {str(error).partition(' (')[0]}; name a .png, .pdf or .svg file") from None
