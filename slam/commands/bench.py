"""``slam bench``: trajectories, matching, speed, places, long runs and faults, each with its table."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from slam.commands.bench_compare import compare_command
from slam.commands.fallback import group_falling_back_to

app = typer.Typer(
    help="Measure a suite of recordings (`slam bench rendered`), matching, speed, places, long runs and faults.",
    no_args_is_help=True,
    cls=group_falling_back_to("suite"),
)
OUT = Path("runs/bench")
app.command("compare")(compare_command)


@app.command("suite")
def suite_command(
    suite: Annotated[
        str, typer.Argument(help="tum-fr1, tum-rgbd3, euroc, kitti, rendered, or a folder; `suite` may be left out.")
    ],
    data: Annotated[Path | None, typer.Option(help="Datasets' folder; $EARLYBIRD_DATASETS, else ./recordings.")] = None,
    repeats: Annotated[int, typer.Option(help="Runs per case, with seeds that follow each other.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the first run.")] = 0,
    only: Annotated[str, typer.Option(help="Cases whose name contains this.")] = "",
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Pace frames by their stamps, drop what is late.")
    ] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, of every run.")] = None,
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    address: Annotated[str, typer.Option(help="Of a Ray cluster; without it Ray runs on this machine.")] = "",
    workers: Annotated[int, typer.Option(help="Runs at once. More than one disturb each other's timings.")] = 1,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Count recordings that are not there as failed.")
    ] = False,
    resume: Annotated[Path | None, typer.Option(help="Go on with a folder of results.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for folders of results.")] = OUT,
) -> None:
    """Run every recording of a suite N times; errors, coverage, times and costs as a table, CSV, JSON and a report."""
    from slam.datasets import datasets_root
    from slam.evaluation.suite.runner import SuiteOptions, bench_suite

    options = SuiteOptions(
        suite, data or datasets_root(), out, repeats, seed, only, realtime, tuple(settings or ()), workers, engine,
        address, resume, skip_missing,
    )  # fmt: skip
    folder = bench_suite(options, _command(), _say)
    typer.echo((folder / "results.md").read_text(encoding="utf-8"))
    typer.echo(f"results: {folder}\nreport:  {folder / 'report.html'}")


@app.command("trajectory")
def trajectory_command(
    data: Annotated[Path | None, typer.Argument(help="Folder with the sequences; without it, the demo only.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for runs and tables.")] = OUT,
    repeats: Annotated[int, typer.Option(help="Runs per sequence; the table shows medians.")] = 1,
    only: Annotated[str | None, typer.Option(help="Cases whose name contains this.")] = None,
) -> None:
    """Run every benchmark sequence through the command line and print the table of the README."""
    from slam.evaluation.bench import bench_to_folder

    typer.echo(bench_to_folder(data, out, repeats, only, progress=typer.echo))


@app.command("matching")
def matching_command(
    data: Annotated[Path, typer.Argument(help="Folder with eval_pairs/oxford_affine and sequences/sevenscenes_300.")],
    features: Annotated[str, typer.Option(help="Ours, a name that `slam features` lists.")] = "earlybird",
    keypoints: Annotated[list[int] | None, typer.Option(help="Per picture, any number; 512 and 1024.")] = None,
    rendered: Annotated[
        list[Path] | None, typer.Option(help="Recording made with `slam render --repeated-furniture`, any number.")
    ] = None,
    weights_folder: Annotated[Path | None, typer.Option(help="Of others' weights; DATA/weights by default.")] = None,
    matcher_weights: Annotated[str, typer.Option(help="File for our matcher; its own by default.")] = "",
    pairs: Annotated[int, typer.Option(help="Per recording and gap, at most.")] = 40,
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = OUT,
) -> None:
    """Compare matchers on homographies, frame pairs, repeated objects and pairs without overlap."""
    from slam.config import MatcherConfig
    from slam.evaluation.matching_bench import MatchingOptions, bench_matching_to_folder
    from slam.running.threads import one_thread_per_worker

    one_thread_per_worker(seed=0)
    options = MatchingOptions(
        data, features, tuple(keypoints or (512, 1024)), tuple(rendered or ()), weights_folder, pairs,
        MatcherConfig(weights=matcher_weights),
    )  # fmt: skip
    typer.echo(bench_matching_to_folder(options, out, _command(), progress=_say))


@app.command("speed")
def speed_command(
    data: Annotated[Path | None, typer.Argument(help="Folder with sequences/sevenscenes_300; else the demo.")] = None,
    features: Annotated[str, typer.Option(help="Ours, a name that `slam features` lists.")] = "earlybird",
    keypoints: Annotated[list[int] | None, typer.Option(help="Any number; 256, 512 and 1024.")] = None,
    rounds: Annotated[int, typer.Option(help="Times that everything is measured.")] = 20,
    weights_folder: Annotated[Path | None, typer.Option(help="Of others' weights; DATA/weights by default.")] = None,
    matcher_weights: Annotated[str, typer.Option(help="File for our matcher; its own by default.")] = "",
    max_frames: Annotated[int, typer.Option(help="Of the whole runs, 0 for all.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for runs and tables.")] = OUT,
) -> None:
    """Time extractors, matchers and whole runs side by side, and the memory of one match."""
    from slam.config import MatcherConfig
    from slam.evaluation.speed_bench import SpeedOptions, bench_speed_to_folder
    from slam.running.threads import one_thread_per_worker

    one_thread_per_worker(seed=0)
    counts = tuple(keypoints or (256, 512, 1024))
    options = SpeedOptions(
        data, features, counts, tuple(n for n in counts if n >= 512) or counts, rounds, weights_folder, max_frames,
        MatcherConfig(weights=matcher_weights),
    )  # fmt: skip
    typer.echo(bench_speed_to_folder(options, out, _command(), progress=_say))


@app.command("places")
def places_command(
    data: Annotated[Path | None, typer.Argument(help="Folder with sequences, of which those with depth count.")] = None,
    recording: Annotated[list[Path] | None, typer.Option(help="More in TUM layout, as of `slam render`.")] = None,
    features: Annotated[str, typer.Option(help="Ours, a name that `slam features` lists.")] = "earlybird",
    vocabulary: Annotated[str, typer.Option(help="File of a place vocabulary; their own by default.")] = "",
    keypoints: Annotated[int, typer.Option(help="Per picture.")] = 512,
    every: Annotated[int, typer.Option(help="One frame of so many.")] = 3,
    apart_s: Annotated[float, typer.Option(help="Least time between a frame and those it is compared with.")] = 3.0,
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = OUT,
) -> None:
    """Compare how well places are recognised on recordings with depth and ground truth, and what that costs."""
    from slam.evaluation.places_bench import PlacesOptions, bench_places_to_folder
    from slam.running.threads import one_thread_per_worker

    one_thread_per_worker(seed=0)
    options = PlacesOptions(
        data, tuple(recording or ()), features, keypoints, every, apart_s, vocabulary=vocabulary
    )  # fmt: skip
    typer.echo(bench_places_to_folder(options, out, _command(), progress=_say))


@app.command("blackouts")
def blackouts_command(
    data: Annotated[Path, typer.Argument(help="Folder with sequences/sevenscenes_300.")],
    out: Annotated[Path, typer.Option(help="Folder for runs and tables.")] = OUT,
) -> None:
    """Cover the lens for twenty frames, and measure how soon the camera is found again."""
    from slam.evaluation.blackout_bench import bench_blackouts_to_folder

    typer.echo(bench_blackouts_to_folder(data, out, _command(), _say))


@app.command("long")
def long_command(
    recordings: Annotated[
        Path, typer.Option(help="Folder for what is rendered; what is there already is not rendered again.")
    ] = OUT / "recordings",
    frames: Annotated[int, typer.Option(help="Of the long recordings, 0 to leave them out.")] = 3000,
    rooms: Annotated[int, typer.Option(help="For the consistency of the covariances, 0 to leave it out.")] = 10,
    processes: Annotated[int, typer.Option(help="That render.")] = 1,
    only: Annotated[str, typer.Option(help="Long runs whose name contains this.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for runs and tables.")] = OUT,
) -> None:
    """Run long rendered recordings with loops and without, and compare errors with the covariances given with them."""
    from slam.evaluation.rendered_bench import RenderedOptions, bench_rendered_to_folder

    options = RenderedOptions(recordings, frames, rooms, processes=processes, only=only)
    typer.echo(bench_rendered_to_folder(options, out, _command(), _say))


@app.command("faults")
def faults_command(
    kills: Annotated[int, typer.Option(min=0, help="Of processes, `kill -9`, in whole runs.")] = 200,
    damages: Annotated[int, typer.Option(min=0, help="Of map files.")] = 1000,
    motions: Annotated[int, typer.Option(min=0, help="Sequences that no map can be made of.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for runs and tables.")] = OUT,
) -> None:
    """Kill processes, damage map files and feed degenerate motions; exit code 1 if what must not be is."""
    from slam.evaluation.faults_bench import FaultOptions, bench_faults_to_folder
    from slam.running.threads import one_thread_per_worker

    one_thread_per_worker(seed)
    text, is_safe = bench_faults_to_folder(FaultOptions(kills, damages, motions, seed), out, _command(), progress=_say)
    typer.echo(text)
    if not is_safe:
        raise typer.Exit(1)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _command() -> str:
    """What the user typed, folders by their names: a report names no machine's paths."""
    return shlex.join(["slam", *(Path(word).name if "/" in word else word for word in sys.argv[1:])])
