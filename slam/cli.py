"""The command line. Each command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import slam
from slam.commands import bench, calibrate, calibration, train
from slam.commands import map as map_files
from slam.errors import SlamError
from slam.running.memory import keep_freed_memory

if TYPE_CHECKING:
    from slam.running.options import RunOptions

app = typer.Typer(
    name="slam",
    help="Earlybird SLAM: real-time visual SLAM with an early-exit matcher.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Entry point: bad input ends with one sentence and exit code 2; bugs show their traceback."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # before numpy loads: one math thread per worker
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # its warnings repeat what our errors say
    keep_freed_memory()
    try:
        app()
    except SlamError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ImportError, SystemError) as error:
        if not _was_interrupted(error):
            raise
        sys.exit(130)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C lies behind it: a compiled module that hears it while it is imported raises errors of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"earlybird-slam {slam.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Earlybird SLAM: real-time visual SLAM with an early-exit matcher."""


@app.command()
def run(
    source: Annotated[str, typer.Argument(help="demo, tum, euroc, kitti, folder, video, or a launch file's name.")],
    path: Annotated[Path | None, typer.Argument(help="Folder or file of the recording.")] = None,
    mode: Annotated[str | None, typer.Option(help="rgbd, stereo or mono; the recording's own by default.")] = None,
    rig: Annotated[str | None, typer.Option(help="Name in calib/ or a TOML file.")] = None,
    intrinsics: Annotated[str | None, typer.Option(help="fx,fy,cx,cy in pixels.")] = None,
    distortion: Annotated[str | None, typer.Option(help="k1,k2,p1,p2[,k3].")] = None,
    depth_factor: Annotated[float | None, typer.Option(help="Raw depth units per metre.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/<time> by default.")] = None,
    viewer: Annotated[str, typer.Option(help="open3d or none.")] = "open3d",
    screenshot: Annotated[Path | None, typer.Option(help="Write the viewer's last picture (PNG).")] = None,
    features: Annotated[str | None, typer.Option(help="A name that `slam features` lists.")] = None,
    matcher: Annotated[str | None, typer.Option(help="lightglue or nearest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, any number of times.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random choice.")] = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="At the pace of the stamps, dropping frames.")] = False,
    max_frames: Annotated[int | None, typer.Option(help="Stop after so many frames.")] = None,
    fps: Annotated[
        float | None, typer.Option(help="Rate to hold: the matcher leaves earlier when time is short.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(help="auto, torch[-compiled], onnx or openvino (extractor).")] = None,
    record: Annotated[Path | None, typer.Option(help="Folder to record into, for `slam replay`.")] = None,
    final_ba: Annotated[
        float | None, typer.Option(help="Seconds that adjusting the whole map at the end may take.")
    ] = None,
    map_: Annotated[Path | None, typer.Option("--map", help="Map file to go on with; made when it is missing.")] = None,
    localize_only: Annotated[
        bool, typer.Option("--localize-only", help="Find the way in the map and leave it as it is.")
    ] = False,
) -> None:
    """Find the camera's way through a recording and map what it sees.

    Ctrl-C (or SIGTERM) ends the run after the frame in work: all results are written, a note says so, and the exit
    code is 0; a second one ends at once. The exit code of bad input is 2.
    """
    from slam.running.options import RunOptions

    options = RunOptions(
        source, path, mode, rig, intrinsics, distortion, depth_factor, out, viewer, screenshot, features, matcher,
        config, tuple(set_ or ()), seed, realtime, max_frames, fps, runtime, record, map=map_,
        localize_only=localize_only, final_ba_s=final_ba,
    )  # fmt: skip
    _run(options)


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help="Folder that `slam run --record` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/<time> by default.")] = None,
    viewer: Annotated[str, typer.Option(help="open3d or none.")] = "open3d",
    mode: Annotated[str | None, typer.Option(help="rgbd, stereo or mono; the recording's own by default.")] = None,
) -> None:
    """Run again what a run recorded, deciding as it did: the trajectory comes out the same to the byte."""
    from slam.running.options import RunOptions

    options = RunOptions(
        "recorded", path, mode=mode, out=out, viewer=viewer, config=path / "config.toml", decisions=path
    )
    _run(options)


def _run(options: RunOptions) -> None:
    from slam.running.run import run as run_slam
    from slam.terminal import RunDisplay, show_summary

    with RunDisplay() as display:
        result = run_slam(options, display.update)
    show_summary(result.summary, result.folder)
    if result.error is not None:
        raise result.error


@app.command()
def evaluate(
    estimate: Annotated[Path, typer.Argument(metavar="EST", help="Trajectory in TUM format.")],
    truth: Annotated[Path, typer.Argument(metavar="GT", help="Ground truth: TUM format, or EuRoC's data.csv.")],
    align: Annotated[str, typer.Option(help="se3, or sim3 to correct the scale as well.")] = "se3",
    max_diff: Annotated[float, typer.Option(help="Seconds between a pose and its ground truth, at most.")] = 0.01,
) -> None:
    """Absolute and relative trajectory error, as evo computes them."""
    from slam.evaluation.compare_files import evaluate_files
    from slam.terminal import show_rows

    show_rows(evaluate_files(estimate, truth, align, max_diff))


@app.command()
def features() -> None:
    """List the features, and what each needs."""
    from slam.features.listing import feature_rows
    from slam.terminal import show_table

    show_table(("name", "descriptor", "matcher weights", "licence", "ready"), feature_rows())


@app.command()
def render(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    layout: Annotated[str, typer.Option(help="tum (RGB-D), euroc (stereo and IMU) or both.")] = "tum",
    seconds: Annotated[float, typer.Option(help="Length.")] = 6.0,
    scene: Annotated[str, typer.Option(help="room, or circuit: a corridor that leads back to its start.")] = "room",
    motion: Annotated[
        str, typer.Option(help="handheld, orbit, forward, rotation or still in the room; walk in the circuit.")
    ] = "",
    speed: Annotated[float, typer.Option(help="Of the motion; 1 is about 0.4 m/s, 0.8 m/s for a walk.")] = 1.0,
    loops: Annotated[int, typer.Option(help="How many times the path comes back to its start.")] = 0,
    seed: Annotated[int, typer.Option(help="Of textures, furniture, path and noise.")] = 0,
    lighting: Annotated[str, typer.Option(help="day, dim or lamp.")] = "day",
    repeated_furniture: Annotated[
        bool, typer.Option("--repeated-furniture", help="Identical chairs and prints.")
    ] = False,
    blur: Annotated[float, typer.Option(help="Exposure as a share of the time between frames.")] = 0.25,
    noise: Annotated[float, typer.Option(help="Times a usual sensor's.")] = 1.0,
    width: Annotated[int, typer.Option(help="Pixels.")] = 640,
    height: Annotated[int, typer.Option(help="Pixels.")] = 480,
    fps: Annotated[float, typer.Option(help="Images per second.")] = 30.0,
    processes: Annotated[int, typer.Option(help="That share the frames; the bytes don't depend on it.")] = 1,
) -> None:
    """Render a recording of a furnished room or corridor with exact ground truth."""
    from slam.rendering.options import RenderOptions
    from slam.rendering.render import render_recording
    from slam.terminal import counting

    options = RenderOptions(
        seconds=seconds, fps=fps, scene=scene, motion=motion, speed=speed, loops=loops, seed=seed, lighting=lighting,
        repeated_furniture=repeated_furniture, blur=blur, noise=noise, layout=layout, width=width, height=height,
        processes=processes,
    )  # fmt: skip
    with counting("rendering") as progress:
        render_recording(options, out, progress)


download = typer.Typer(help="Download weights.", no_args_is_help=True)
app.add_typer(bench.app, name="bench")
app.add_typer(map_files.app, name="map")
app.add_typer(train.app, name="train")
app.add_typer(calibration.app, name="calibrate")
app.command("calibrate-exit")(calibrate.calibrate_exit_command)
app.add_typer(download, name="download")


@download.command("weights")
def download_weights_command(name: Annotated[str, typer.Argument(help="A name that `slam features` lists.")]) -> None:
    """Fetch an extractor's or matcher's weights from their authors, and check them."""
    from slam.features.weights import download_weights, weights_file
    from slam.terminal import counting

    file = weights_file(name)
    typer.secho(f"{name}: {file.note} Licence: {file.licence}", fg="yellow")
    with counting("downloading") as progress:
        path = download_weights(name, progress)
    typer.echo(f"written to {path}")


if __name__ == "__main__":
    main()
