"""What a run keeps of itself so that it can be replayed: what it was given, and what time decided."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from slam.config import SlamConfig, write_config
from slam.running.decisions import DecisionLog, Decisions, keep_until
from slam.running.recording import RecordingWriter
from slam.sources import Source
from slam.types import Frame


class RunMemory:
    """Records into a folder, or does nothing without one. Use as a context manager."""

    def __init__(
        self, folder: Path | None, source: Source, config: SlamConfig, header: dict[str, str], waits: bool = True
    ) -> None:
        """waits: as in a RecordingWriter. Raises ConfigError when the folder holds files already."""
        self._stack = ExitStack()
        self._writer: RecordingWriter | None = None
        self._log: DecisionLog | None = None
        self._is_recorded = False  # the frame in work
        if folder is None:
            return
        self._writer = self._stack.enter_context(RecordingWriter(folder, source.rig, source.ground_truth, waits))
        self._log = self._stack.enter_context(DecisionLog(folder))
        write_config(config, folder / "config.toml", header)

    def __enter__(self) -> RunMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def given(self, frame: Frame) -> None:
        """A frame that the run answers."""
        self._is_recorded = self._writer is not None and self._writer.add(frame)

    def decided(self, decisions: Decisions) -> None:
        """What time decided about it."""
        if self._log is None or not self._is_recorded:
            return
        try:
            self._log.add(decisions)
        except OSError:
            self._is_recorded = False  # the frames need more room than this line: their writer says so

    def close(self) -> None:
        """Write what waits; after it ``notes`` has all that is missing."""
        with suppress(OSError):
            self._stack.close()
        if self._writer is not None and self._writer.failure:
            keep_until(self._writer.folder, self._writer.last_ns)

    def notes(self) -> list[str]:
        """What is missing of the recording, in sentences."""
        return self._writer.notes() if self._writer is not None else []
