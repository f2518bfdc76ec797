"""The scenes that can be rendered, by name, and the paths through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from slam.errors import ConfigError
from slam.rendering import circuit, room
from slam.rendering.motion import Path
from slam.rendering.options import RenderOptions
from slam.rendering.scene import PathMaker, Scene


class _Kind(NamedTuple):
    build: Callable[[int, bool], Scene]  # of the seed, and whether furniture repeats
    motions: dict[str, PathMaker]  # by name; the first is the scene's own


SCENES = {
    "room": _Kind(room.build_room, room.MOTIONS),
    "circuit": _Kind(circuit.build_circuit, circuit.MOTIONS),
}


def build_scene(options: RenderOptions) -> Scene:
    """Raises ConfigError for an unknown scene."""
    return _kind(options).build(options.seed, options.repeated_furniture)


def path_through(options: RenderOptions) -> Path:
    """The camera's path. Raises ConfigError for a motion that the scene does not know, or that is not possible."""
    known = _kind(options).motions
    motion = options.motion or next(iter(known))
    if motion not in known:
        raise ConfigError(f"motion '{motion}' is unknown in the {options.scene}; choose one of {', '.join(known)}")
    return known[motion](options.seconds, options.loops, options.speed, options.seed)


def _kind(options: RenderOptions) -> _Kind:
    if options.scene not in SCENES:
        raise ConfigError(f"scene '{options.scene}' is unknown; choose one of {', '.join(SCENES)}")
    return SCENES[options.scene]
