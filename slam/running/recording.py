"""Writes down what a run was given: every answered frame, lossless, with its stamps, depth, right image and IMU.

A disk that is slow or full ends the recording, never the run.
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType

from slam.camera import Rig
from slam.errors import ConfigError
from slam.running.layouts import LAYOUTS
from slam.trajectory import Trajectory
from slam.types import Frame

WAITING = 64  # frames that may wait for the disk


class RecordingWriter:
    """A recording in one of LAYOUTS, written by a thread of its own. Use as a context manager.

    waits: for the disk, where nothing but the time is lost by it; a camera does not wait, and a frame that finds
    WAITING before it is left out. Raises ConfigError when the folder holds files already.
    """

    def __init__(
        self, folder: Path, rig: Rig, ground_truth: Trajectory | None, waits: bool = True, layout: str = "tum"
    ) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"--record {folder}: holds files already; choose an empty or new folder")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.written, self.left_out, self.failure = 0, 0, ""
        self.last_ns = -1  # stamp of the last frame that is there whole
        self._waits, self._layout = waits, LAYOUTS[layout](folder, rig, ground_truth)
        self._frames: queue.Queue[Frame | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write_all, name="record", daemon=True)
        self._thread.start()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._frames.put(None)
        self._thread.join()

    def add(self, frame: Frame) -> bool:
        """Hand a frame over; it is written a little later. False when it is left out."""
        if self.failure:
            return False
        try:
            self._frames.put(frame, block=self._waits)
        except queue.Full:
            self.left_out += 1
            return False
        return True

    def notes(self) -> list[str]:
        """What is missing, in sentences."""
        notes = []
        if self.failure:
            notes.append(f"the recording {self.folder} ends after {self.written} frames: {self.failure}")
        if self.left_out:
            notes.append(f"the recording {self.folder} lacks {self.left_out} frames, for which the disk was too slow")
        return notes

    def _write_all(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self.failure:
                continue  # nobody must wait for a full queue
            try:
                self._layout.write(frame)
            except OSError as error:
                self.failure = f"it cannot be written ({error.strerror}); free some space there"
            else:
                self.written, self.last_ns = self.written + 1, frame.stamp_ns
