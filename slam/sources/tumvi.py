"""TUM-VI in EuRoC's layout: two fisheye cameras of 195 degrees, 16-bit images (read as 8 bit), an IMU, mocap0.

The archives hold no sensor.yaml; the published calibration of the 512-pixel images is calib/tumvi_512.toml. The
trap: mocap0 has poses only where the motion capture sees the device, in most sequences at the start and the end.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slam.rig_file import load_rig
from slam.sources import SourceOptions
from slam.sources.euroc import open_euroc
from slam.sources.recording import Recording


def open_tumvi(path: Path, options: SourceOptions) -> Recording:
    """The folder that holds mav0. Raises SourceError and CalibrationError.

    Ground truth: of the body (the IMU) by motion capture (Schubert et al., IROS 2018), brought to the left camera.
    """
    recording = open_euroc(path, replace(options, rig=options.rig or load_rig("tumvi_512")))
    recording.name = "tumvi"
    return recording
