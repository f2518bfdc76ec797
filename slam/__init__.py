"""Earlybird SLAM: real-time visual SLAM with an early-exit matcher. Start reading in slam/pipeline.py.

What programs of one's own need is here by name (docs/python.md); each is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slam.camera import Camera as Camera
    from slam.camera import Rig as Rig
    from slam.config import SlamConfig as SlamConfig
    from slam.config import load_config as load_config
    from slam.mapfile.saving import load_map as load_map
    from slam.mapfile.saving import save_map as save_map
    from slam.pipeline import Slam as Slam
    from slam.rig_file import load_rig as load_rig
    from slam.running.graph_process import GraphProcess as GraphProcess
    from slam.sources import open_source as open_source
    from slam.trajectory import Trajectory as Trajectory
    from slam.trajectory import write_tum as write_tum
    from slam.types import Frame as Frame
    from slam.types import ImuSamples as ImuSamples
    from slam.types import Mode as Mode
    from slam.types import Track as Track
    from slam.types import TrackStatus as TrackStatus

__version__ = "0.1.0"

HOMES = {
    "Camera": "slam.camera",
    "Rig": "slam.camera",
    "SlamConfig": "slam.config",
    "load_config": "slam.config",
    "load_map": "slam.mapfile.saving",
    "save_map": "slam.mapfile.saving",
    "Slam": "slam.pipeline",
    "load_rig": "slam.rig_file",
    "GraphProcess": "slam.running.graph_process",
    "open_source": "slam.sources",
    "Trajectory": "slam.trajectory",
    "write_tum": "slam.trajectory",
    "Frame": "slam.types",
    "ImuSamples": "slam.types",
    "Mode": "slam.types",
    "Track": "slam.types",
    "TrackStatus": "slam.types",
}


if not TYPE_CHECKING:  # type checkers would take any name, misspelt ones too, for one of a module that has this

    def __getattr__(name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module 'slam' has no attribute '{name}'; it has {', '.join(HOMES)}")
        return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *HOMES]
