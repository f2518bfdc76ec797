"""``slam calibrate-exit``: thresholds of the early exit with a promise, and the experiment that tests the promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slam.matching.calibration import ExitTable

HEADER = ("keypoints", "pairs", "eps", "loss of matches", "loss of inliers", "mean exit", "note")


def calibrate_exit_command(
    images: Annotated[
        Path | None, typer.Argument(help="Folder or tar of photographs, or folder of shards of held-out scenes.")
    ] = None,
    recording: Annotated[
        list[Path] | None, typer.Option(help="RGB-D recording in TUM layout, or a folder of them, any number.")
    ] = None,
    features: Annotated[str, typer.Option(help="A name that `slam features` lists.")] = "earlybird",
    feature_weights: Annotated[str, typer.Option(help="File of the extractor's weights; its own by default.")] = "",
    weights: Annotated[Path | None, typer.Option(help="Of the matcher; those of the features by default.")] = None,
    keypoints: Annotated[list[int] | None, typer.Option(help="Per image, any number of times.")] = None,
    eps: Annotated[list[float] | None, typer.Option(help="Loss to stay below, any number of times.")] = None,
    delta: Annotated[float, typer.Option(help="Chance that a promise does not hold.")] = 0.05,
    test: Annotated[str, typer.Option(help="hb (Hoeffding-Bentkus) or wsr (betting).")] = "hb",
    scenes: Annotated[int, typer.Option(help="Synthetic scenes to make of the photographs.")] = 600,
    pairs: Annotated[int, typer.Option(help="Per scene or stretch of a recording.")] = 4,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    processes: Annotated[int, typer.Option(help="That share the work, a core each.")] = 2,
    cache: Annotated[Path, typer.Option(help="Folder for features.")] = Path("training/calibration"),
    out: Annotated[Path | None, typer.Option(help="File to write; beside the weights by default.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: 100 random splits, and the published rule.")
    ] = False,
) -> None:
    """Calibrate the early exit on pairs that nobody trained on, so that its loss stays below eps.

    Two losses against full depth are bounded, each on average over sequences and with confidence 1 - delta: the share
    of matches that differ (1 - IoU), and the share of true matches that are missing. Every keypoint count has rules and
    promises of its own, and so have pairs with a prediction (tracking) and those without.
    """
    from slam.learning import calibrate_check
    from slam.learning.calibrate import calibrate
    from slam.learning.calibrate_options import CalibrateOptions
    from slam.matching import packaged_weights
    from slam.matching.calibration import exit_file
    from slam.terminal import counting, show_table

    options = CalibrateOptions(
        images=images, recordings=tuple(recording or ()), features=features, extractor_weights=feature_weights,
        weights=weights, keypoints=tuple(keypoints or (512,)), eps=tuple(eps or (0.01, 0.02, 0.05)), delta=delta,
        test=test, scenes=scenes, pairs=pairs, seed=seed, processes=processes, cache=cache, out=out,
    )  # fmt: skip
    with counting("calibrating") as progress:
        if check:
            rows = [row.cells() for row in calibrate_check.check_promise(options, progress)]
        else:
            table = calibrate(options, progress)
    if check:
        show_table(calibrate_check.HEADER, rows)
        return
    show_table(HEADER, level_rows(table))
    typer.echo(f"written to {out or exit_file(weights or packaged_weights(features))}")


def level_rows(table: ExitTable) -> list[tuple[str, ...]]:
    """One row per keypoint count, group of pairs and eps."""
    return [
        (
            str(path.points),
            path.group,
            f"{level.eps:g}",
            f"{100 * level.loss_matches:.2f} %",
            f"{100 * level.loss_inliers:.2f} %",
            f"{level.mean_exit:.2f} of {table.layers}",
            level.note or f"certified with {path.sequences} sequences",
        )
        for path in table.paths
        for level in path.levels
    ]
