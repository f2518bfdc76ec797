"""What a run keeps of itself so that it can be replayed: what it was given, and what time decided."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from slam.config import SlamConfig, write_config
from slam.running.decisions import DecisionLog, Decisions
from slam.running.recording import RecordingWriter
from slam.sources import Source
from slam.types import Frame


class RunMemory:
    """Records into a folder, or does nothing without one. Use as a context manager."""

    def __init__(self, folder: Path | None, source: Source, config: SlamConfig, header: dict[str, str]) -> None:
        """Raises ConfigError when the folder holds files already."""
        self._stack = ExitStack()
        self._writer: RecordingWriter | None = None
        self._log: DecisionLog | None = None
        if folder is None:
            return
        self._writer = self._stack.enter_context(RecordingWriter(folder, source.rig, source.ground_truth))
        self._log = self._stack.enter_context(DecisionLog(folder))
        write_config(config, folder / "config.toml", header)

    def __enter__(self) -> RunMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def given(self, frame: Frame) -> None:
        """A frame that the run answers. Raises SourceError when the disk takes no more."""
        if self._writer is not None:
            self._writer.add(frame)

    def decided(self, decisions: Decisions) -> None:
        """What time decided about it."""
        if self._log is not None:
            self._log.add(decisions)
