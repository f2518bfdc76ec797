"""``slam train``: the commands that train networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train networks.", no_args_is_help=True)


@app.command("matcher")
def train_matcher_command(
    images: Annotated[Path, typer.Argument(help="Folder or tar of photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for cache, checkpoint, log and weights.")] = Path(
        "training/matcher"
    ),
    recording: Annotated[list[Path] | None, typer.Option(help="RGB-D recording in TUM layout, any number.")] = None,
    features: Annotated[str, typer.Option(help="Whose descriptors it learns to match.")] = "earlybird",
    feature_weights: Annotated[str, typer.Option(help="File of the extractor's weights; its own by default.")] = "",
    keypoints: Annotated[int, typer.Option(help="Extracted per view.")] = 512,
    scenes: Annotated[int, typer.Option(help="Synthetic ones in the cache, of four views each.")] = 4000,
    stage: Annotated[str, typer.Option(help="all, matching or confidence.")] = "all",
    weights: Annotated[Path | None, typer.Option(help="A matcher to start from.")] = None,
    kind: Annotated[str, typer.Option(help="Of the layers: lean or lightglue.")] = "lean",
    width: Annotated[int, typer.Option(help="Of the network's states.")] = 64,
    layers: Annotated[int, typer.Option(help="Of the network.")] = 6,
    minutes: Annotated[float, typer.Option(help="Of training; the feature cache comes on top.")] = 80.0,
    steps: Annotated[int, typer.Option(help="End earlier after so many steps, 0 for no such end.")] = 0,
    batch: Annotated[int, typer.Option(help="Pairs per step and process.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="At most.")] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
) -> None:
    """Train the early-exit matcher: homographies and recordings with depth, then the confidences.

    On a GPU when there is one; on several, or on several cores: torchrun --nproc-per-node N -m slam train matcher ...
    """
    from slam.learning.options import TrainOptions
    from slam.learning.train import train_matcher
    from slam.terminal import TrainDisplay

    options = TrainOptions(
        images=images, out=out, recordings=tuple(recording or ()), features=features, feature_weights=feature_weights,
        keypoints=keypoints, scenes=scenes, stage=stage, weights=weights, kind=kind, width=width, layers=layers,
        minutes=minutes, steps=steps, batch=batch, learning_rate=learning_rate, seed=seed, resume=resume,
    )  # fmt: skip
    if os.environ.get("RANK", "0") != "0":  # torchrun's other processes work in silence
        train_matcher(options)
        return
    with TrainDisplay() as display:
        report = train_matcher(options, display.update)
    typer.echo(f"weights {report.weights}\nlog     {report.log}")
    typer.echo(f"{report.steps} steps, {report.pairs} pairs, {report.pairs_per_s:.0f} pairs/s")


@app.command("features")
def train_features_command(
    images: Annotated[Path, typer.Argument(help="Folder or tar of photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for views, checkpoint, log and weights.")] = Path(
        "training/features"
    ),
    recording: Annotated[list[Path] | None, typer.Option(help="RGB-D recording in TUM layout, any number.")] = None,
    teacher: Annotated[str, typer.Option(help="The extractor whose choice of corners is learnt.")] = "aliked-n16",
    teacher_weights: Annotated[str, typer.Option(help="File of its weights; the downloaded one by default.")] = "",
    scenes: Annotated[int, typer.Option(help="Synthetic ones, of four views each.")] = 3000,
    minutes: Annotated[float, typer.Option(help="Of training; the rendering of views comes on top.")] = 40.0,
    steps: Annotated[int, typer.Option(help="End earlier after so many steps, 0 for no such end.")] = 0,
    batch: Annotated[int, typer.Option(help="Pairs per step and process.")] = 12,
    learning_rate: Annotated[float, typer.Option(help="At most.")] = 4e-3,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    start: Annotated[Path | None, typer.Option(help="checkpoint.pt of another training to begin with.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
) -> None:
    """Train the extractor: which corners to keep, and descriptors that tell places apart.

    On a GPU when there is one; on several, or on several cores: torchrun --nproc-per-node N -m slam train features ...
    """
    from slam.learning.train_features import FeatureTrainOptions, train_features
    from slam.terminal import TrainDisplay

    options = FeatureTrainOptions(
        images=images, out=out, recordings=tuple(recording or ()), teacher=teacher, teacher_weights=teacher_weights,
        scenes=scenes, minutes=minutes, steps=steps, batch=batch, learning_rate=learning_rate, seed=seed, start=start,
        resume=resume,
    )  # fmt: skip
    if os.environ.get("RANK", "0") != "0":  # torchrun's other processes work in silence
        train_features(options)
        return
    with TrainDisplay() as display:
        report = train_features(options, display.update_features)
    typer.echo(f"weights {report.weights}\nlog     {report.log}")
    figures = ", ".join(f"{name} {value:.3f}" for name, value in report.figures.items())
    typer.echo(f"{report.steps} steps, {report.pairs} pairs, {report.minutes:.0f} minutes; held-out pairs: {figures}")


@app.command("places")
def train_places_command(
    images: Annotated[Path, typer.Argument(help="Folder or tar of photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for the cache and the vocabulary.")] = Path("training/places"),
    recording: Annotated[list[Path] | None, typer.Option(help="RGB-D recording in TUM layout, any number.")] = None,
    features: Annotated[str, typer.Option(help="Whose descriptors it is for.")] = "earlybird",
    feature_weights: Annotated[str, typer.Option(help="File of the extractor's weights; its own by default.")] = "",
    keypoints: Annotated[int, typer.Option(help="Extracted per view.")] = 512,
    scenes: Annotated[int, typer.Option(help="Synthetic ones, of four views each.")] = 2400,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Make a vocabulary for place recognition: what turns a frame's descriptors into one vector."""
    from slam.learning.places import PlaceTrainOptions, train_places
    from slam.running.threads import one_thread_per_worker
    from slam.terminal import counting

    one_thread_per_worker(seed)
    options = PlaceTrainOptions(
        images, out, tuple(recording or ()), features, feature_weights, keypoints, scenes, seed
    )  # fmt: skip
    with counting("views") as progress:
        report = train_places(options, progress)
    typer.echo(f"vocabulary {report.vocabulary}\n{report.views} views, {report.pairs} pairs of one place")
    typer.echo(f"{report.minutes:.1f} minutes; held-out scenes: recall at 1 {report.recall:.3f}")
