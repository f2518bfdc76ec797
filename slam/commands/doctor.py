"""``slam doctor``: what is wrong with a camera, a recording or this machine, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from slam.doctor.finding import Finding


def doctor_command(
    what: Annotated[
        str | None, typer.Argument(help="webcam, realsense, tum, euroc, ..., or a recording; this machine without it.")
    ] = None,
    path: Annotated[str | None, typer.Argument(help="Folder, file or address.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="To look at the source, or for the self-test.")] = 10.0,
    mode: Annotated[str | None, typer.Option(help="rgbd, stereo or mono; the recording's own by default.")] = None,
    rig: Annotated[str | None, typer.Option(help="Name in calib/ or a TOML file.")] = None,
    file: Annotated[Path | None, typer.Option(help="RealSense: .db3 or .bag to play like a camera.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="File for the findings.")] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG file for what the terminal shows.")] = None,
) -> None:
    """Examine a camera, a recording or this machine, and say what to do.

    The exit code is 1 when there is a problem, and 2 for bad input.
    """
    from slam.doctor.finding import has_problem
    from slam.running.threads import one_thread_per_worker
    from slam.terminal_doctor import check_picture, show_findings

    check_picture(picture)
    one_thread_per_worker(seed=0)
    findings = _of_machine(seconds) if what is None else _of_source(what, path, seconds, mode, rig, file)
    show_findings(findings, " ".join(["slam doctor", *([Path(what).name] if what else [])]), picture)
    if json_ is not None:
        json_.write_text(json.dumps([finding.as_dict() for finding in findings], indent=1) + "\n")
    if has_problem(findings):
        raise typer.Exit(1)


def _of_machine(seconds: float) -> list[Finding]:
    from slam.doctor.installed import installed_findings
    from slam.doctor.speed import speed_findings

    return [*installed_findings(), *speed_findings(seconds)]


def _of_source(
    what: str, path: str | None, seconds: float, mode: str | None, rig: str | None, file: Path | None
) -> list[Finding]:
    from slam.doctor.doctor import examine
    from slam.doctor.guess import opened
    from slam.rig_file import load_rig
    from slam.running.options import chosen_mode
    from slam.sources import LiveSource
    from slam.sources.camera_options import CameraOptions

    source = opened(what, path, chosen_mode(mode), load_rig(rig) if rig else None, CameraOptions(file=file))
    try:
        return examine(source, seconds)
    finally:
        if source.is_live:
            cast(LiveSource, source).close()
