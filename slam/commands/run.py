"""``slam run``, ``slam replay`` and ``slam record``: the main job, on a camera or a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slam.commands.options import (
    CameraFps,
    Distortion,
    Emitter,
    Exposure,
    Headless,
    Height,
    Intrinsics,
    MaxFrames,
    ModeName,
    Preset,
    RealSenseFile,
    RigName,
    Serial,
    ViewerHost,
    ViewerName,
    ViewerPort,
    Width,
)

if TYPE_CHECKING:
    from slam.running.options import RunOptions


def run_command(
    source: Annotated[
        str,
        typer.Argument(
            help="webcam, realsense, demo, tum, euroc, kitti, sevenscenes, icl, tartanair, tumvi, folder, video,"
            " recorded (by --record), or a launch file's name."
        ),
    ],
    path: Annotated[
        str | None, typer.Argument(help="Folder or file of the recording; number or address of the camera.")
    ] = None,
    mode: ModeName = None,
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
    depth_factor: Annotated[float | None, typer.Option(help="Raw depth units per metre.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/<time> by default.")] = None,
    viewer: ViewerName = "open3d",
    viewer_host: ViewerHost = "127.0.0.1",
    viewer_port: ViewerPort = 8080,
    viewer_stay: Annotated[
        bool, typer.Option("--viewer-stay", help="Keep the viewer after the last frame, until Ctrl-C.")
    ] = False,
    screenshot: Annotated[Path | None, typer.Option(help="Write the viewer's last picture (PNG).")] = None,
    features: Annotated[str | None, typer.Option(help="A name that `slam features` lists.")] = None,
    matcher: Annotated[str | None, typer.Option(help="lightglue or nearest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, any number of times.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random choice.")] = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="At the pace of the stamps, dropping frames.")] = False,
    max_frames: MaxFrames = None,
    fps: Annotated[
        float | None, typer.Option(help="Rate to hold: the matcher leaves earlier when time is short.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(help="auto, torch[-compiled], onnx or openvino (extractor).")] = None,
    record: Annotated[Path | None, typer.Option(help="Folder to record into, for `slam replay`.")] = None,
    final_ba: Annotated[
        float | None, typer.Option(help="Seconds that adjusting the whole map at the end may take.")
    ] = None,
    map_: Annotated[Path | None, typer.Option("--map", help="Map file to go on with; made when it is missing.")] = None,
    no_map_file: Annotated[
        bool, typer.Option("--no-map-file", help="Leave no run.map among the results; without it no `slam export`.")
    ] = False,
    localize_only: Annotated[
        bool, typer.Option("--localize-only", help="Find the way in the map and leave it as it is.")
    ] = False,
    headless: Headless = False,
    telemetry: Annotated[
        str | None, typer.Option(help="PORT (this machine only), HOST:PORT or a file: every frame's record as JSON.")
    ] = None,
    width: Width = None,
    height: Height = None,
    camera_fps: CameraFps = None,
    exposure: Exposure = None,
    serial: Serial = None,
    preset: Preset = None,
    emitter: Emitter = None,
    file: RealSenseFile = None,
) -> None:
    """Find the camera's way through a recording and map what it sees.

    Ctrl-C (or SIGTERM) ends the run after the frame in work: all results are written, a note says so, and the exit
    code is 0; a second one ends at once. The exit code of bad input is 2.
    """
    from slam.running.options import RunOptions
    from slam.sources.camera_options import CameraOptions

    options = RunOptions(
        source, path, mode, rig, intrinsics, distortion, depth_factor, out, "none" if headless else viewer,
        screenshot, features, matcher,
        config, tuple(set_ or ()), seed, realtime, max_frames, fps, runtime, record, map=map_,
        localize_only=localize_only, final_ba_s=final_ba,
        viewer_host=viewer_host, viewer_port=viewer_port, viewer_stay=viewer_stay, telemetry=telemetry,
        map_file=not no_map_file,
        camera=CameraOptions(width, height, camera_fps, exposure, serial, preset, emitter, file),
    )  # fmt: skip
    _run(options)


def replay_command(
    path: Annotated[Path, typer.Argument(help="Folder that `slam run --record` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/<time> by default.")] = None,
    viewer: ViewerName = "open3d",
    viewer_host: ViewerHost = "127.0.0.1",
    viewer_port: ViewerPort = 8080,
    headless: Headless = False,
    mode: ModeName = None,
) -> None:
    """Run again what a run recorded, deciding as it did: the trajectory comes out the same to the byte."""
    from slam.running.options import RunOptions

    options = RunOptions(
        "recorded", path, mode=mode, out=out, viewer="none" if headless else viewer, config=path / "config.toml",
        decisions=path, viewer_host=viewer_host, viewer_port=viewer_port,
    )  # fmt: skip
    _run(options)


def record_command(
    out: Annotated[Path, typer.Argument(help="Empty or new folder.")],
    source: Annotated[
        str, typer.Argument(help="webcam, realsense, or a recording's source, whose frames are copied.")
    ] = "webcam",
    path: Annotated[str | None, typer.Argument(help="Number or address of the camera; folder or file.")] = None,
    layout: Annotated[str, typer.Option(help="tum, or euroc (grey, no depth).")] = "tum",
    seconds: Annotated[float | None, typer.Option(help="Stop after so long; Ctrl-C without it.")] = None,
    mode: ModeName = None,
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
    width: Width = None,
    height: Height = None,
    camera_fps: CameraFps = None,
    exposure: Exposure = None,
    serial: Serial = None,
    preset: Preset = None,
    emitter: Emitter = None,
    file: RealSenseFile = None,
    max_frames: MaxFrames = None,
) -> None:
    """Write down what a camera gives, lossless, without tracking: `slam run tum OUT` or `recorded OUT` runs on it."""
    from slam.running.options import RunOptions
    from slam.running.record import record
    from slam.sources.camera_options import CameraOptions
    from slam.terminal import recording_display, show_rows

    options = RunOptions(
        source, path, mode, rig, intrinsics, distortion, max_frames=max_frames,
        camera=CameraOptions(width, height, camera_fps, exposure, serial, preset, emitter, file),
    )  # fmt: skip
    with recording_display() as update:
        recorded, ending = record(options, out, seconds, update, layout)
    figures = f"{recorded.written} written of {recorded.given}, {recorded.left_out} left out, {recorded.missed} missed"
    show_rows([("frames", figures), *(("note", note) for note in recorded.notes), ("recording", str(out))])
    if ending is not None:
        raise ending


def _run(options: RunOptions) -> None:
    from slam.running.run import run as run_slam
    from slam.terminal import run_display, show_summary

    with run_display(_title(options)) as display:
        result = run_slam(options, display.update, display.say)
    show_summary(result.summary, result.folder)
    if result.error is not None:
        raise result.error


def _title(options: RunOptions) -> str:
    return " ".join(["slam", options.source, *([str(options.path)] if options.path else [])])
