"""``slam doctor``: what is wrong with a camera, a recording or this machine, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from slam.commands.options import (
    CameraFps,
    Distortion,
    Exposure,
    Height,
    Intrinsics,
    ModeName,
    RealSenseFile,
    RigName,
    Serial,
    Width,
)

if TYPE_CHECKING:
    from slam.doctor.finding import Finding
    from slam.sources import LiveSource, Source
    from slam.sources.camera_options import CameraOptions


def doctor_command(
    what: Annotated[
        str | None, typer.Argument(help="webcam, realsense, tum, euroc, ..., or a recording; this machine without it.")
    ] = None,
    path: Annotated[str | None, typer.Argument(help="Folder, file or address.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="To look at the source, or for the self-test.")] = 10.0,
    mode: ModeName = None,
    rig: RigName = None,
    intrinsics: Intrinsics = None,
    distortion: Distortion = None,
    json_: Annotated[Path | None, typer.Option("--json", help="File for the findings.")] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG file for what the terminal shows.")] = None,
    width: Width = None,
    height: Height = None,
    camera_fps: CameraFps = None,
    exposure: Exposure = None,
    serial: Serial = None,
    file: RealSenseFile = None,
) -> None:
    """Examine a camera, a recording or this machine, and say what to do.

    The exit code is 1 when there is a problem, and 2 for bad input.
    """
    from slam.doctor.finding import has_problem
    from slam.running.threads import one_thread_per_worker
    from slam.sources.camera_options import CameraOptions
    from slam.terminal_doctor import check_picture, show_findings, working

    check_picture(picture)
    one_thread_per_worker(seed=0)
    if what is None:
        with working(f"timing this machine for {seconds:g} s"):
            findings = _of_machine(seconds)
    else:
        camera = CameraOptions(width, height, camera_fps, exposure, serial, file=file)
        source = _opened(what, path, mode, rig, intrinsics, distortion, camera)
        with working(f"looking at {what} for {seconds:g} s, and thinking about it for as long: move the camera"):
            findings = _of_source(source, seconds)
    show_findings(findings, " ".join(["slam doctor", *([Path(what).name] if what else [])]), picture)
    if json_ is not None:
        _write(json_, findings)
    if has_problem(findings):
        raise typer.Exit(1)


def _of_machine(seconds: float) -> list[Finding]:
    from slam.doctor.installed import installed_findings
    from slam.doctor.speed import speed_findings

    return [*installed_findings(), *speed_findings(seconds)]


def _opened(
    what: str, path: str | None, mode: str | None, rig: str | None, intrinsics: str | None, distortion: str | None,
    camera: CameraOptions,
) -> Source:  # fmt: skip
    from slam.doctor.guess import named
    from slam.running.options import RunOptions, opened_source

    source, place = named(what, path)
    return opened_source(RunOptions(source, place, mode, rig, intrinsics, distortion, camera=camera))


def _of_source(source: Source, seconds: float) -> list[Finding]:
    from slam.doctor.doctor import examine

    try:
        return examine(source, seconds)
    finally:
        if source.is_live:
            cast("LiveSource", source).close()


def _write(path: Path, findings: list[Finding]) -> None:
    from slam.errors import ConfigError

    try:
        path.write_text(json.dumps([finding.as_dict() for finding in findings], indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written ({error.strerror})") from error
