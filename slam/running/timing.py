"""Who decides what time decides in a run: the clock, or the record of a run that the clock decided before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from slam.errors import SourceError
from slam.matching.video import VideoMatcher
from slam.running.decisions import Decisions
from slam.running.feed import Fed
from slam.running.mailbox import Mailbox
from slam.running.scripted import LoggedGraph, ScriptedGraph
from slam.sources import Source
from slam.types import Frame
from slam.viewer.commands import ViewerCommand


class Timing(Protocol):
    """Asked around every frame."""

    def frames(self) -> Iterator[Frame]:
        """The frames that may be answered."""
        ...

    def begin(self, fed: Fed) -> None: ...

    def is_idle(self, fed: Fed) -> bool:
        """Whether there is time for what can wait, once the frame is answered."""
        ...

    def begins_anew(self, fed: Fed, asked: Sequence[ViewerCommand]) -> bool:
        """Whether a new map begins after the frame; ``asked``: what people asked after it."""
        ...

    def end(self, fed: Fed, is_idle: bool, asked: Sequence[ViewerCommand] = ()) -> Decisions:
        """What was decided about the frame."""
        ...


class Clock:
    """Decides by what is there in time, and remembers it."""

    def __init__(self, source: Source, graph: LoggedGraph, video: VideoMatcher, observed: Mailbox[Fed]) -> None:
        self._source, self._graph, self._video, self._observed = source, graph, video, observed

    def frames(self) -> Iterator[Frame]:
        return iter(self._source)

    def begin(self, fed: Fed) -> None:
        pass

    def is_idle(self, fed: Fed) -> bool:
        return self._observed.is_empty

    def begins_anew(self, fed: Fed, asked: Sequence[ViewerCommand]) -> bool:
        return ViewerCommand.RESET in asked

    def end(self, fed: Fed, is_idle: bool, asked: Sequence[ViewerCommand] = ()) -> Decisions:
        early, commands = tuple(self._video.left_early), tuple(command.value for command in asked)
        polls = self._graph.polls()
        return Decisions(fed.frame.index, fed.frame.stamp_ns, fed.dropped, polls, early, is_idle, commands)


class Script:
    """Decides as a recorded run did: its frames under their numbers, its graph's answers, its matcher's exits."""

    def __init__(
        self, source: Source, graph: ScriptedGraph, video: VideoMatcher, decisions: dict[int, Decisions]
    ) -> None:
        self._source, self._graph, self._video, self._decisions = source, graph, video, decisions

    def frames(self) -> Iterator[Frame]:
        for frame in self._source:
            decided = self._decisions.get(frame.stamp_ns)
            if decided is not None:
                yield replace(frame, index=decided.index)

    def begin(self, fed: Fed) -> None:
        decided = self._decisions[fed.frame.stamp_ns]
        self._graph.follow(decided.polls)
        self._video.follow(decided.layers)

    def is_idle(self, fed: Fed) -> bool:
        return self._decisions[fed.frame.stamp_ns].idle

    def begins_anew(self, fed: Fed, asked: Sequence[ViewerCommand]) -> bool:
        return ViewerCommand.RESET.value in self._decisions[fed.frame.stamp_ns].commands

    def end(self, fed: Fed, is_idle: bool, asked: Sequence[ViewerCommand] = ()) -> Decisions:
        return self._decisions[fed.frame.stamp_ns]


def by_stamp(decisions: list[Decisions], source: Source) -> dict[int, Decisions]:
    """Decisions by their frame's stamp. Raises SourceError when they are of another recording."""
    stamps_ns = {frame.stamp_ns for frame in source}
    found = {decided.stamp_ns: decided for decided in decisions}
    missing = len(found.keys() - stamps_ns)
    if missing:
        raise SourceError(f"{source.path}: {missing} of {len(found)} frames that the run answered are not there")
    return found
