"""Writes down what a run was given: every answered frame, lossless, with its stamps, depth, right image and IMU.

A disk that is slow or full ends the recording, never the run.
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from slam.camera import Rig
from slam.errors import ConfigError
from slam.rig_file import write_rig
from slam.trajectory import Trajectory, seconds_text, write_tum
from slam.types import Frame, Uint8

WAITING = 64  # frames that may wait for the disk
PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
FOLDERS = ("rgb", "depth", "right")


class RecordingWriter:
    """A recording as slam/sources/recorded.py reads it, written by a thread of its own. Use as a context manager.

    waits: for the disk, where nothing but the time is lost by it; a camera does not wait, and a frame that finds
    WAITING before it is left out. Raises ConfigError when the folder holds files already.
    """

    def __init__(self, folder: Path, rig: Rig, ground_truth: Trajectory | None, waits: bool = True) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"--record {folder}: holds files already; choose an empty or new folder")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.written, self.left_out, self.failure = 0, 0, ""
        self.last_ns = -1  # stamp of the last frame that is there whole
        self._waits, self._depth_factor = waits, rig.depth_factor
        write_rig(rig, folder / "rig.toml")
        if ground_truth is not None:
            write_tum(folder / "groundtruth.txt", ground_truth)
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
                self._write(frame)
            except OSError as error:
                self.failure = f"it cannot be written ({error.strerror}); free some space there"
            else:
                self.written, self.last_ns = self.written + 1, frame.stamp_ns

    def _write(self, frame: Frame) -> None:
        if frame.imu is not None:
            rows = np.column_stack([frame.imu.gyro_rad_s, frame.imu.accel_m_s2])
            lines = [",".join([str(s), *map(repr, row)]) for s, row in zip(frame.imu.stamps_ns.tolist(), rows.tolist())]
            self._append("imu.csv", lines)
        if frame.depth_m is not None:
            raw = np.rint(frame.depth_m * np.float32(self._depth_factor)).astype(np.uint16)
            self._image("depth", frame.stamp_ns, raw)
        if frame.right is not None:
            self._image("right", frame.stamp_ns, frame.right)
        self._image("rgb", frame.stamp_ns, _picture(frame))

    def _image(self, folder: str, stamp_ns: int, image: np.ndarray) -> None:
        (self.folder / folder).mkdir(exist_ok=True)
        name = f"{folder}/{stamp_ns}.png"
        _, data = cv2.imencode(".png", image, PNG)
        (self.folder / name).write_bytes(data.tobytes())
        self._append(f"{folder}.txt", [f"{seconds_text(stamp_ns)} {name}"])

    def _append(self, name: str, lines: list[str]) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)


def _picture(frame: Frame) -> Uint8:
    """In colour where the grey image follows from it exactly, else in grey."""
    if frame.color is None:
        return frame.image
    bgr = cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR)
    return np.asarray(bgr if np.array_equal(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), frame.image) else frame.image)
