"""Options that several commands have, so that they read and mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CAMERA = "Camera"  # panel of the help

ModeName = Annotated[str | None, typer.Option(help="rgbd, stereo or mono; the source's own by default.")]
RigName = Annotated[str | None, typer.Option(help="Name in calib/, or a file.")]
Intrinsics = Annotated[str | None, typer.Option(help="fx,fy,cx,cy in pixels.")]
Distortion = Annotated[str | None, typer.Option(help="k1,k2,p1,p2[,k3].")]
MaxFrames = Annotated[int | None, typer.Option(help="Stop after so many frames.")]

ViewerName = Annotated[str, typer.Option(help="open3d, browser (for machines without a display) or none.")]
Headless = Annotated[bool, typer.Option("--headless", help="The same as --viewer none.")]
ViewerHost = Annotated[str, typer.Option(help="Address of the browser view; 0.0.0.0 lets every machine in.")]
ViewerPort = Annotated[int, typer.Option(help="Port of the browser view.")]

Width = Annotated[int | None, typer.Option(help="Pixels, of a camera.", rich_help_panel=CAMERA)]
Height = Annotated[int | None, typer.Option(help="Pixels, of a camera.", rich_help_panel=CAMERA)]
CameraFps = Annotated[float | None, typer.Option(help="Rate of the camera.", rich_help_panel=CAMERA)]
Exposure = Annotated[float | None, typer.Option(help="Milliseconds; automatic without it.", rich_help_panel=CAMERA)]
Serial = Annotated[str | None, typer.Option(help="Of the RealSense to use.", rich_help_panel=CAMERA)]
Preset = Annotated[str | None, typer.Option(help="RealSense: visual preset.", rich_help_panel=CAMERA)]
Emitter = Annotated[
    bool | None,
    typer.Option("--emitter/--no-emitter", help="RealSense: on for depth by default.", rich_help_panel=CAMERA),
]
RealSenseFile = Annotated[
    Path | None, typer.Option(help="RealSense: .db3 or .bag to play in its place.", rich_help_panel=CAMERA)
]
