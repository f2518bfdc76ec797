"""The rendered recording that comes with the program: TUM layout for depth and mono, EuRoC layout for stereo."""

from __future__ import annotations

from pathlib import Path

from slam.data_files import data_dir
from slam.errors import SourceError
from slam.sources import SourceOptions
from slam.sources.euroc import open_euroc
from slam.sources.recording import Recording
from slam.sources.tum import open_tum
from slam.types import Mode


def open_demo(path: Path | None, options: SourceOptions) -> Recording:
    """The demo at ``path``, else in datasets/demo. Raises SourceError when it is not there."""
    demo = path or data_dir("datasets") / "demo"
    stereo = options.mode is Mode.STEREO
    folder = demo / ("euroc" if stereo else "tum")
    if not folder.is_dir():
        raise SourceError(f"{folder}: the demo recording is missing; install again, or render one with: slam render")
    recording = open_euroc(folder, options) if stereo else open_tum(folder, options)
    recording.name = "demo"
    return recording
