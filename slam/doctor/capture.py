"""Some seconds of a source, read before anything is judged: a live camera must not wait for the doctor's arithmetic."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from slam.camera import Rig
from slam.errors import SourceError
from slam.inertial.samples import no_samples
from slam.sources import LiveSource, Skip, Source
from slam.types import Float32, Frame, ImuSamples, Int64, Mode, Uint8, joined_samples

MOST_BYTES = 400e6  # of grey pictures that are kept; stamps are read on to the end
EVERY = 10  # frames of which one keeps its depth or right picture
SILENCE_S = 2.0  # as slam.running.feed has it
RECONNECTING_S = 0.5  # between two looks at whether the camera has come back


@dataclass(frozen=True, eq=False)
class Capture:
    """What a source gave. The pictures are those of the first frames, as many as fit into memory."""

    name: str
    mode: Mode
    rig: Rig
    stamps_ns: Int64  # (N,)
    images: list[Uint8]  # M <= N, grey
    rights: dict[int, Uint8] = field(default_factory=dict)  # frame -> right picture
    depths_m: dict[int, Float32] = field(default_factory=dict)  # frame -> depth
    imu: ImuSamples | None = None  # None where the source has no inertial unit
    skipped: tuple[Skip, ...] = ()
    is_live: bool = False
    fps: float = 0.0  # promised by a live device, 0 where nothing is
    arrivals_ns: Int64 | None = None  # (N,) of this machine's monotonic clock; None for recordings
    notes: tuple[str, ...] = ()  # of the device
    guesses_camera: bool = False  # nobody calibrated it: the rig is a guess
    ended: str = ""  # why a camera stopped before its time

    @property
    def steps_s(self) -> np.ndarray:
        """(N - 1,) seconds between frames."""
        return np.diff(self.stamps_ns) * 1e-9

    @property
    def image_size(self) -> tuple[int, int]:
        height, width = self.images[0].shape
        return width, height


class _Taken:
    """Collects frames into a Capture."""

    def __init__(self) -> None:
        self.stamps_ns: list[int] = []
        self.arrivals_ns: list[int] = []
        self._images: list[Uint8] = []
        self._rights: dict[int, Uint8] = {}
        self._depths: dict[int, Float32] = {}
        self._imu: list[ImuSamples] = []
        self._bytes = 0.0

    def add(self, frame: Frame, arrival_ns: int) -> None:
        number = len(self.stamps_ns)
        self.stamps_ns.append(frame.stamp_ns)
        self.arrivals_ns.append(arrival_ns)
        if frame.imu is not None:
            self._imu.append(frame.imu)
        if self._bytes + frame.image.nbytes > MOST_BYTES:
            return
        self._bytes += frame.image.nbytes
        self._images.append(frame.image)
        if number % EVERY == 0 and frame.right is not None:
            self._rights[number] = frame.right
        if number % EVERY == 0 and frame.depth_m is not None:
            self._depths[number] = frame.depth_m

    def capture(self, source: Source, ended: str) -> Capture:
        seen = Capture(
            source.name, source.mode, source.rig, np.array(self.stamps_ns, np.int64), self._images, self._rights,
            self._depths, _joined(self._imu), tuple(source.skipped), ended=ended,
        )  # fmt: skip
        return self._of_device(seen, cast(LiveSource, source)) if source.is_live else seen

    def _of_device(self, seen: Capture, device: LiveSource) -> Capture:
        arrivals_ns = np.array(self.arrivals_ns, np.int64)
        return replace(
            seen, is_live=True, fps=device.fps, arrivals_ns=arrivals_ns, notes=tuple(device.notes),
            guesses_camera=device.guesses_camera,
        )  # fmt: skip


def taken(source: Source, seconds: float) -> Capture:
    """The first seconds of a recording by its stamps, or the next ones of a camera. Raises SourceError for no frame."""
    kept, ended = _Taken(), ""
    try:
        if source.is_live:
            for frame, arrival_ns in _arriving(cast(LiveSource, source), seconds):
                kept.add(frame, arrival_ns)
        else:
            for frame in source:
                if kept.stamps_ns and frame.stamp_ns - kept.stamps_ns[0] > seconds * 1e9:
                    break
                kept.add(frame, 0)
    except SourceError as error:
        if not kept.stamps_ns:
            raise
        ended = str(error)
    if not kept.stamps_ns:
        raise SourceError(f"{source.path}: gave no frame that can be used; there is nothing to examine")
    return kept.capture(source, ended)


def _arriving(source: LiveSource, seconds: float) -> Iterator[tuple[Frame, int]]:
    """Frames of a camera with the moments they came, in nanoseconds of the monotonic clock. Raises SourceError."""
    came: queue.Queue[tuple[Frame, int] | BaseException | None] = queue.Queue()
    stop = threading.Event()

    def read() -> None:
        try:
            for frame in source:
                came.put((frame, time.monotonic_ns()))
                if stop.is_set():
                    return
            came.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the reader
            came.put(error)

    threading.Thread(target=read, name="doctor's camera", daemon=True).start()
    until_s = time.monotonic() + seconds
    try:
        while time.monotonic() < until_s:
            item = _next(came, source)
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()


def _next(came: queue.Queue, source: LiveSource) -> tuple[Frame, int] | BaseException | None:
    silent_s = 0.0
    while silent_s < SILENCE_S:
        try:
            return came.get(timeout=RECONNECTING_S)
        except queue.Empty:
            silent_s = 0.0 if source.is_reconnecting else silent_s + RECONNECTING_S
    return SourceError(f"no frame for {SILENCE_S:.0f} s: the camera is silent; check its cable and power")


def _joined(parts: list[ImuSamples]) -> ImuSamples | None:
    if not parts:
        return None
    joined = joined_samples(parts)
    return joined if len(joined.stamps_ns) else no_samples()
