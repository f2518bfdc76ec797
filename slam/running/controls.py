"""What people at the viewer ask of a run, obeyed between two frames. Tracking never waits for the viewer."""

from __future__ import annotations

import time
from collections.abc import Callable

from slam.running.gate import Gate
from slam.running.stopping import StopSignals
from slam.viewer.commands import ViewerCommand
from slam.viewer.process import Viewer

PAUSE_S = 0.02  # between two looks at what was asked, while paused


class Controls:
    """Pauses the run, saves the map, and tells what else was asked.

    ``save``: writes the map at once and says what came of it; ``show``: brings that to the viewer during a pause.
    """

    def __init__(self, viewer: Viewer, stop: StopSignals, save: Callable[[], str], show: Callable[[], None]) -> None:
        self._viewer, self._stop, self._save, self._show = viewer, stop, save, show
        self.gate = Gate()
        self.paused_s = 0.0  # all pauses together
        self.went_on_s = 0.0  # after the last pause, of time.perf_counter
        self.said = ""  # what came of the last command, for the viewer

    def asked(self) -> tuple[ViewerCommand, ...]:
        """What was asked since the last frame, in order; waits while the run is paused, unless it is to end."""
        commands = self._taken()
        if _is_paused(commands):
            commands = self._pause(commands)
        return tuple(commands)

    def _pause(self, commands: list[ViewerCommand]) -> list[ViewerCommand]:
        """Wait for somebody to go on; the commands so far and those that come meanwhile."""
        start_s = time.perf_counter()
        self.gate.close()
        while _is_paused(commands) and not self._stop.is_heard:
            time.sleep(PAUSE_S)
            more = self._taken()
            commands = commands + more
            if more:
                self._show()
        self.gate.open()
        self.went_on_s = time.perf_counter()
        self.paused_s += self.went_on_s - start_s
        return commands

    def _taken(self) -> list[ViewerCommand]:
        commands = list(self._viewer.commands())
        if ViewerCommand.SAVE_MAP in commands:
            self.said = self._save()
        return commands


def stay_open(viewer: Viewer, stop: StopSignals) -> None:
    """Wait until the user ends it: with Ctrl-C, or by closing the viewer."""
    while not stop.is_heard and ViewerCommand.CLOSED not in viewer.commands():
        time.sleep(0.1)


def _is_paused(commands: list[ViewerCommand]) -> bool:
    """Whether the last word was to pause. A viewer that is gone can't say go on: then it is taken as said."""
    words = (ViewerCommand.PAUSE, ViewerCommand.GO_ON, ViewerCommand.CLOSED)
    said = [command for command in commands if command in words]
    return bool(said) and said[-1] is ViewerCommand.PAUSE
