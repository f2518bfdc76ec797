"""The newest frame of a live camera, which is released in the end."""

from __future__ import annotations

from collections.abc import Iterator

from slam.running.feed import captured_frames
from slam.sources import LiveSource
from slam.types import Frame


def newest_frames(source: LiveSource) -> Iterator[Frame]:
    """Frames as they come; those that come while the reader works are given up but for the newest.

    Raises SourceError once the camera is gone or silent; while it reconnects, by its own bound, it is waited for.
    """
    try:
        for frame, _ in captured_frames(source):
            yield frame
    finally:
        source.close()
