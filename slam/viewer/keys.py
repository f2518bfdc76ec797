"""The keys of the Open3D window: what they do to the view, and what they ask of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from slam.types import Float64, Int64
from slam.viewer.commands import Ask, ViewerCommand
from slam.viewer.scene import Lines, Scene
from slam.viewer.update import ViewerUpdate

LINES = ("keyframes", "true path", "path", "camera")  # in the order of Scene.lines
LAYERS = ("landmarks", "keyframes", "path", "true path", "panel")  # keys 1 to 5
HELP = (
    ("space", "pause, go on"),
    ("N", "new map: never joined with what was"),
    ("S", "save map now"),
    ("F", "follow the camera"),
    ("V", "whole map in view"),
    ("1 to 5", "show or hide " + ", ".join(LAYERS[:2])),
    ("", ", ".join(LAYERS[2:])),
    ("H", "show or hide this help"),
)
Figures = tuple[tuple[str, str], ...]


class WindowKeys:
    """What the user chose. ``is_changed`` until the window has drawn it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.is_paused = self.follows = self.wants_all = self.has_help = False
        self.hidden: set[str] = set()
        self.is_changed = False

    def listen(self, window: Any) -> None:
        """Register with an Open3D VisualizerWithKeyCallback."""
        actions: dict[str, Callable[[], None]] = {
            " ": self._pause,
            "N": lambda: self._ask(ViewerCommand.RESET),
            "S": lambda: self._ask(ViewerCommand.SAVE_MAP),
            "F": self._follow,
            "V": self._show_all,
            "H": self._help,
        }
        for number, layer in enumerate(LAYERS, start=1):
            actions[str(number)] = lambda layer=layer: self._toggle(layer)  # type: ignore[misc]
        for key, action in actions.items():
            window.register_key_callback(ord(key), self._callback(action))

    def shown(self, scene: Scene) -> Scene:
        """The scene without the layers that are hidden."""
        lines = tuple(_NO_LINES if name in self.hidden else each for name, each in zip(LINES, scene.lines))
        if "landmarks" in self.hidden:
            scene = replace(scene, points=np.zeros((0, 3)), colors=np.zeros((0, 3)))
        return replace(scene, lines=lines)

    def annotated(self, update: ViewerUpdate) -> ViewerUpdate:
        """The update whose figures tell of a pause, and of the keys if they were asked for."""
        paused: Figures = (("run", "paused; space goes on"),) if self.is_paused else ()
        help_: Figures = HELP if self.has_help else (("help", "key H"),)
        return replace(update, figures=(*update.figures, *paused, *help_))

    def _callback(self, action: Callable[[], None]) -> Callable[[Any], bool]:
        def called(_window: Any) -> bool:
            action()
            self.is_changed = True
            return False  # the geometry is ours to update

        return called

    def _pause(self) -> None:
        self.is_paused = not self.is_paused
        self._ask(ViewerCommand.PAUSE if self.is_paused else ViewerCommand.GO_ON)

    def _follow(self) -> None:
        self.follows = not self.follows
        self.wants_all = not self.follows

    def _show_all(self) -> None:
        self.follows, self.wants_all = False, True

    def _help(self) -> None:
        self.has_help = not self.has_help

    def _toggle(self, layer: str) -> None:
        self.hidden ^= {layer}


_NOWHERE: Float64 = np.zeros((0, 3))
_NO_SEGMENTS: Int64 = np.zeros((0, 2), np.int64)
_NO_LINES = Lines(_NOWHERE, _NO_SEGMENTS, (0.0, 0.0, 0.0))
