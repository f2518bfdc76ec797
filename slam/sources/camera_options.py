"""What a live camera is asked for; what it gives is read back, and a difference is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """None leaves it to the camera."""

    width: int | None = None  # px
    height: int | None = None  # px
    fps: float | None = None  # frames per second
    exposure_ms: float | None = None  # fixed; automatic without it
    serial: str | None = None  # which RealSense, where there are several
    preset: str | None = None  # RealSense: a visual preset by name
    emitter: bool | None = None  # RealSense: pattern projector; off for stereo without it
    file: Path | None = None  # RealSense: .db3 or .bag to play like a camera
