"""A .db3 or .bag file that the RealSense SDK recorded, played through the SDK: every frame, the same at every play."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pyrealsense2 as rs

from slam.errors import SourceError
from slam.sources import Skip, SourceOptions
from slam.sources.camera_options import CameraOptions
from slam.sources.realsense_frames import Assembler
from slam.sources.realsense_inbox import Arrival, Inbox, Streaming
from slam.sources.realsense_streams import Streams, chosen_streams, key_of, possible_modes
from slam.sources.realsense_user import domain_note, ignored_settings, setup
from slam.sources.recording import choose_mode
from slam.types import Frame

ENDINGS = (".db3", ".bag")
NO_IMAGES = "holds no images that can be used; record colour and depth, or both infra-red"
QUIET_S = 0.1  # after which it is asked whether the file has ended
STUCK = 100  # times in a row, without an end: the SDK gives no more
LAST_FRAMES = 3  # may come after the last inertial sample
PATIENCE = 64  # frames that may wait for inertial samples: a file gives both at once, but each from its own thread


class RealSenseFile:
    """Follows the Source protocol. The length is known when the file has been played once, and 0 before."""

    name = "realsense"
    ground_truth = None
    is_live = False

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path, self.skipped = path, list[Skip]()
        self._max_frames = options.max_frames
        device = played(path)
        modes = possible_modes(device)
        if not modes:
            raise SourceError(f"{path}: {NO_IMAGES}")
        self.mode = choose_mode("RealSense", options.mode, modes, path)
        self._setup = setup(self._streams(device), self.mode, options, str(path))
        self.rig = self._setup.rig
        self.notes = [*self._setup.notes, *ignored_settings(options.camera, str(path))]
        self._length = 0
        if not any(True for _ in islice(self, 1)):
            raise SourceError(f"{path}: {self._why_empty()}")

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        self.skipped.clear()
        device = played(self.path)
        streams = self._streams(device)
        inbox = Inbox(is_patient=True, counted=key_of(streams.image))
        assembler = Assembler(streams, self._setup, PATIENCE, self.skipped)
        frames = self._frames(device, assembler, inbox)
        device.pause()  # else the first sensor plays alone until the others are started
        with Streaming(streams, inbox, str(self.path), device.pause):
            device.resume()
            inbox.holds_back = True  # not before: while it resumes, the SDK waits for its own threads
            yield from frames if self._max_frames is None else _up_to(frames, self._max_frames)
        self._note(inbox, assembler)
        self._length = assembler.count if self._max_frames is None else min(assembler.count, self._max_frames)

    def _frames(self, device: rs.playback, assembler: Assembler, inbox: Inbox) -> Iterator[Frame]:
        for arrival in self._arrivals(device, inbox):
            yield from assembler.add(arrival)
        yield from assembler.finish()

    def _arrivals(self, device: rs.playback, inbox: Inbox) -> Iterator[Arrival]:
        quiet, has_ended = 0, False
        while not has_ended or quiet < 2:  # what the SDK's threads still hold comes after the file has ended
            arrival = inbox.take(QUIET_S)
            if arrival is not None:
                quiet = 0
                yield arrival
                continue
            quiet += 1
            has_ended = device.current_status() == rs.playback_status.stopped
            if quiet == STUCK:
                raise SourceError(f"{self.path}: the SDK stopped giving frames before the end; record it again")

    def _streams(self, device: rs.playback) -> Streams:
        return chosen_streams(device, self.mode, CameraOptions(), str(self.path))

    def _note(self, inbox: Inbox, assembler: Assembler) -> None:
        found = domain_note(inbox.domain, str(self.path))
        if assembler.given_without_imu > LAST_FRAMES:
            found.append(
                f"{self.path}: {assembler.given_without_imu} frames have no inertial samples up to their moment"
            )
        self.notes += [note for note in found if note not in self.notes]

    def _why_empty(self) -> str:
        return f"no frame can be used; {self.skipped[0].reason}" if self.skipped else NO_IMAGES


def played(path: Path) -> rs.playback:
    """The file as a device that waits for its reader. Raises SourceError when the SDK does not take it."""
    if not path.is_file():
        raise SourceError(f"{path}: is not a file; give the .db3 or .bag file that was recorded")
    if path.suffix not in ENDINGS:
        raise SourceError(f"{path}: is not a recording of the RealSense SDK, whose names end in .db3 or .bag")
    if _is_empty(path):
        raise SourceError(f"{path}: {NO_IMAGES}")
    try:
        device = rs.context().load_device(str(path))
    except RuntimeError as error:
        raise SourceError(f"{path}: cannot be played, it is cut short or no RealSense recording ({error})") from error
    device.set_real_time(False)
    return device


def _is_empty(path: Path) -> bool:
    """Whether a .db3 file (SQLite) has no more than the SDK's first message: loading such a one never ends."""
    if path.suffix != ".db3":
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            return len(file.execute("SELECT id FROM messages LIMIT 2").fetchall()) < 2
    except sqlite3.Error:
        return False  # the SDK says what is wrong


def _up_to(frames: Iterator[Frame], max_frames: int) -> Iterator[Frame]:
    """Those whose index is below."""
    for frame in frames:
        if frame.index >= max_frames:
            return
        yield frame
        if frame.index == max_frames - 1:
            return
