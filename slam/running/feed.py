"""Frames on their way to the tracker, with the features already extracted on the other core.

In replay every frame arrives, in order, and the result does not depend on time. In real time the frames are paced by
their stamps like a camera's, the newest wins, and what could not be taken is counted.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from slam.running.gate import Gate
from slam.running.mailbox import Closed, Mailbox
from slam.sources import LiveSource, Source, live
from slam.tracking.observe import Observer
from slam.types import Frame, ImuSamples, Observation, joined_samples

SILENCE_S = 2.0  # a camera that says nothing for so long is broken
PAUSE_S = 1.0  # a longer hole in a recording is not waited out: a hole is no silent camera
JOIN_S = 5.0
CAMERA_JOIN_S = 0.5  # of a camera that is silent nothing will come: the results are saved first, then it is closed
EXTRACTION_S = 60.0  # features that take longer will never come


Arrival = tuple[Frame, float]  # and when it came


class InertialStore:
    """Inertial samples on their way past the mailboxes: those of a frame that is given up belong to the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[ImuSamples] = []

    def add(self, samples: ImuSamples | None) -> None:
        if samples is not None:
            with self._lock:
                self._waiting.append(samples)

    def until(self, stamp_ns: int) -> ImuSamples | None:
        """What came up to a frame and was not asked for yet; None where there is no inertial unit."""
        with self._lock:
            taken = [samples for samples in self._waiting if _starts_by(samples, stamp_ns)]
            self._waiting = [samples for samples in self._waiting if not _starts_by(samples, stamp_ns)]
        return joined_samples(taken) if taken else None


@dataclass(frozen=True, slots=True, eq=False)
class Fed:
    """A frame, observed."""

    frame: Frame
    observation: Observation
    extract_ms: float
    dropped: int = 0  # frames given up since the one before
    arrived_s: float | None = None  # when the camera gave it, of time.perf_counter; None in replay


def replay_feed(frames: Iterable[Frame], observer: Observer, ahead: int) -> Generator[Fed]:
    """Every frame, read and observed up to ``ahead`` frames early by one thread."""
    slots: queue.Queue[Fed | BaseException | None] = queue.Queue(maxsize=max(1, ahead))
    stop = threading.Event()

    def produce() -> None:
        try:
            for frame in frames:
                if not _put(slots, _observed(frame, observer), stop):
                    return
            _put(slots, None, stop)
        except BaseException as error:  # noqa: BLE001 - raised again in the reader
            _put(slots, error, stop)

    thread = threading.Thread(target=produce, name="observe", daemon=True)
    thread.start()
    try:
        while (item := slots.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(timeout=5.0)


def realtime_feed(
    frames: Iterable[Frame],
    observer: Observer,
    observed: Mailbox[Fed] | None = None,
    camera: LiveSource | None = None,
    gate: Gate | None = None,
) -> Generator[Fed]:
    """Frames at the pace of their stamps: a camera thread, an observing thread, and the newest for the reader.

    The reader works on one frame while the next is observed, and at most one waits in between: in ``observed``.

    camera: that the frames are of; it has a pace of its own, and may fall silent while it is sought again.
    gate: a recording waits at it while the run is paused; a camera does not.
    """
    gate = gate if gate is not None else Gate()
    captured: Mailbox[Arrival] = Mailbox()
    inertial = InertialStore()
    observed = observed if observed is not None else Mailbox()
    stop = threading.Event()
    paced = frames if camera is not None else _at_their_pace(frames, stop, gate)
    threads = [
        threading.Thread(target=_capture, args=(paced, captured, inertial, stop), name="camera", daemon=True),
        threading.Thread(
            target=_observe, args=(captured, observed, observer, camera, gate), name="observe", daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    last_index = -1
    try:
        while True:
            fed, _ = observed.take(EXTRACTION_S)
            dropped = fed.frame.index - last_index - 1
            last_index = fed.frame.index
            frame = replace(fed.frame, imu=inertial.until(fed.frame.stamp_ns))
            yield replace(fed, frame=frame, dropped=dropped)
    except Closed:
        return
    finally:
        stop.set()
        for thread in threads:
            thread.join(JOIN_S if camera is None else CAMERA_JOIN_S)


def captured_frames(source: Source) -> Generator[tuple[Frame, int]]:
    """Each frame and how many were missed before it: of a camera as it gives them, of a recording one after another."""
    camera = live(source)
    if camera is None:
        yield from ((frame, 0) for frame in source)
        return
    captured: Mailbox[Arrival] = Mailbox()
    inertial, stop = InertialStore(), threading.Event()
    arguments = (iter(source), captured, inertial, stop)
    thread = threading.Thread(target=_capture, args=arguments, name="camera", daemon=True)
    thread.start()
    try:
        while True:
            (frame, _), missed = captured.take(SILENCE_S, lambda: camera.is_reconnecting)
            yield replace(frame, imu=inertial.until(frame.stamp_ns)), missed
    except Closed:
        return
    finally:
        stop.set()
        thread.join(CAMERA_JOIN_S)


def _at_their_pace(frames: Iterable[Frame], stop: threading.Event, gate: Gate) -> Iterator[Frame]:
    """Each frame when its stamp says, later by all pauses, until stopped."""
    due_s, last_ns = time.perf_counter(), None
    for frame in frames:
        if last_ns is None:
            due_s, last_ns = time.perf_counter(), frame.stamp_ns
        due_s += gate.passed(stop)
        due_s += min((frame.stamp_ns - last_ns) * 1e-9, PAUSE_S)
        last_ns = frame.stamp_ns
        if stop.wait(max(0.0, due_s - time.perf_counter())):
            return
        yield frame


def _capture(
    frames: Iterable[Frame], captured: Mailbox[Arrival], inertial: InertialStore, stop: threading.Event
) -> None:
    try:
        for frame in frames:
            if stop.is_set():
                break
            inertial.add(frame.imu)
            captured.put((frame, time.perf_counter()))
    except BaseException as error:  # noqa: BLE001 - raised again in the reader
        captured.close(error)
    else:
        captured.close()


def _observe(
    captured: Mailbox[Arrival], observed: Mailbox[Fed], observer: Observer, camera: LiveSource | None, gate: Gate
) -> None:
    def is_excused() -> bool:
        return camera.is_reconnecting if camera is not None else gate.excuses(SILENCE_S)

    try:
        while True:
            (frame, arrived_s), _ = captured.take(SILENCE_S, is_excused)
            observed.put(_observed(frame, observer, arrived_s))
    except Closed:
        observed.close()
    except BaseException as error:  # noqa: BLE001 - raised again in the reader
        observed.close(error)


def _observed(frame: Frame, observer: Observer, arrived_s: float | None = None) -> Fed:
    start = time.perf_counter()
    observation = observer.observe(frame)
    return Fed(frame, observation, (time.perf_counter() - start) * 1e3, 0, arrived_s)


def _starts_by(samples: ImuSamples, stamp_ns: int) -> bool:
    """Whether the samples belong to a frame up to this stamp; none at all belong to any."""
    return len(samples.stamps_ns) == 0 or int(samples.stamps_ns[0]) <= stamp_ns


def _put(slots: queue.Queue, item: object, stop: threading.Event) -> bool:
    """Put, unless the reader has gone."""
    while not stop.is_set():
        try:
            slots.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
