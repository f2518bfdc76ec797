"""Writes down what a run was given: every answered frame, lossless, with its stamps, depth, right image and IMU."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from slam.camera import Rig
from slam.errors import ConfigError, SourceError
from slam.rig_file import write_rig
from slam.trajectory import Trajectory, seconds_text, write_tum
from slam.types import Frame, Uint8

WAITING = 64  # frames that may wait for the disk; then the run waits too, for a frame that is lost can't be replayed
PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
FOLDERS = ("rgb", "depth", "right")


class RecordingWriter:
    """A recording as slam/sources/recorded.py reads it, written by a thread of its own. Use as a context manager.

    Raises ConfigError when the folder holds files already, SourceError when the disk takes no more.
    """

    def __init__(self, folder: Path, rig: Rig, ground_truth: Trajectory | None) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"--record {folder}: holds files already; choose an empty or new folder")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._depth_factor = rig.depth_factor
        write_rig(rig, folder / "rig.toml")
        if ground_truth is not None:
            write_tum(folder / "groundtruth.txt", ground_truth)
        self._frames: queue.Queue[Frame | None] = queue.Queue(WAITING)
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write_all, name="record", daemon=True)
        self._thread.start()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._frames.put(None)
        self._thread.join()
        if error is None:
            self._check()

    def add(self, frame: Frame) -> None:
        """Hand a frame over; it is written a little later."""
        self._check()
        self._frames.put(frame)

    def _check(self) -> None:
        if self._error is not None:
            raise SourceError(f"--record {self.folder}: cannot be written ({self._error}); free some space there")

    def _write_all(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self._error is not None:
                continue  # the reader hears of it at the next frame; nobody must wait for a full queue
            try:
                self._write(frame)
            except OSError as error:
                self._error = error

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
