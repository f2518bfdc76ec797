"""What a camera gives, onto the disk, without tracking: for later, and for machines that are too slow to track."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from slam.errors import ConfigError, SlamError, SourceError
from slam.running.feed import captured_frames
from slam.running.layouts import LAYOUTS
from slam.running.options import RunOptions, opened_source, with_launch_file
from slam.running.recording import RecordingWriter
from slam.running.stopping import Stopped, StopSignals
from slam.sources import Source, live
from slam.types import Mode

FILE_NAME = "recording.json"


@dataclass(frozen=True, slots=True)
class RecordProgress:
    """What the terminal shows."""

    given: int
    left_out: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it; recording.json holds the same."""

    given: int  # frames by the source
    written: int
    left_out: int  # for which the disk was too slow
    missed: int  # that nobody took from the camera in time
    skipped: list[str]  # useless frames, each with its reason
    seconds: float
    notes: list[str]


def record(
    options: RunOptions,
    out: Path,
    seconds: float | None,
    on_progress: Callable[[RecordProgress], None],
    layout: str = "tum",
) -> tuple[Recorded, SlamError | None]:
    """Record until the source ends, for so many seconds, or to Ctrl-C; and what ended it early, everything saved.

    Raises SlamError for bad input that is known before the first frame.
    """
    options, _ = with_launch_file(options)
    source = opened_source(options)
    camera = live(source)
    if layout not in LAYOUTS:
        raise ConfigError(f"--layout {layout}: is unknown; write {' or '.join(LAYOUTS)}")
    if layout == "euroc" and source.mode is Mode.RGBD:
        raise ConfigError("--layout euroc: has no place for depth; write --layout tum, or --mode mono")
    held: AbstractContextManager[object] = nullcontext() if camera is None else closing(camera)
    onto = RecordingWriter(out, source.rig, source.ground_truth, camera is None, layout)
    with held, StopSignals() as stop, onto as writer:
        given, missed, start_s = 0, 0, time.monotonic()
        ending: SlamError | None = None
        try:
            for frame, lost in captured_frames(source):
                writer.add(frame)
                given, missed = given + 1, missed + lost
                passed_s = time.monotonic() - start_s
                on_progress(RecordProgress(given, writer.left_out, passed_s))
                stop.check()
                if writer.failure or (seconds is not None and passed_s >= seconds):
                    break
        except Stopped:
            pass
        except SlamError as error:
            ending = error
    if writer.failure:
        ending = SourceError(writer.notes()[0])
    recorded = _recorded(source, writer, given, missed, time.monotonic() - start_s)
    try:
        (out / FILE_NAME).write_text(json.dumps(asdict(recorded), indent=2) + "\n")
    except OSError as error:
        recorded.notes.append(f"{out / FILE_NAME}: cannot be written ({error.strerror})")
    return recorded, ending


def _recorded(source: Source, writer: RecordingWriter, given: int, missed: int, seconds: float) -> Recorded:
    camera = live(source)
    notes = [*(camera.notes if camera is not None else ()), *writer.notes()]
    if camera is not None and camera.guesses_camera:
        notes.append(f"{writer.folder / 'rig.toml'}: its focal length is a guess; calibrate the camera and replace it")
    reasons = [skip.reason for skip in source.skipped]
    return Recorded(given, writer.written, writer.left_out, missed, reasons, round(seconds, 3), notes)
