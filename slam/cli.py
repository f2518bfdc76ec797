"""The command line. Each command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import slam
from slam.commands import bench, calibrate, calibration, datasets, doctor, evaluate, export, match, sweep, train
from slam.commands import map as map_files
from slam.commands import run as runs
from slam.errors import SlamError
from slam.running.memory import keep_freed_memory

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
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet, as above
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


app.command("run")(runs.run_command)
app.command("replay")(runs.replay_command)
app.command("record")(runs.record_command)
app.command("match")(match.match_command)
app.command("evaluate")(evaluate.evaluate_command)


@app.command()
def devices() -> None:
    """List the RealSense cameras that are connected."""
    from slam.sources.realsense import require_sdk
    from slam.terminal import show_table

    require_sdk()
    from slam.sources.realsense_listing import HEADER, NONE_FOUND, device_rows

    rows = device_rows()
    if not rows:
        typer.echo(NONE_FOUND)
        return
    show_table(HEADER, rows)


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


app.add_typer(bench.app, name="bench")
app.add_typer(map_files.app, name="map")
app.add_typer(train.app, name="train")
app.add_typer(export.app, name="export")
app.command("doctor")(doctor.doctor_command)
app.command("sweep")(sweep.sweep_command)
app.add_typer(calibration.app, name="calibrate")
app.command("calibrate-exit")(calibrate.calibrate_exit_command)
app.command("datasets")(datasets.datasets_command)
app.add_typer(datasets.download, name="download")


if __name__ == "__main__":
    main()
