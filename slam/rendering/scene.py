"""What a scene is: painted faces and what shines on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from slam.rendering.motion import Path
from slam.rendering.shapes import Face
from slam.rendering.textures import Rng
from slam.types import Float64

PathMaker = Callable[[float, int, float, int], Path]  # of seconds, loops, speed and seed; keeps clear of all faces


@dataclass(frozen=True, eq=False)
class Patch:
    """A rectangle that light comes from."""

    center_world: Float64  # (3,) m
    across_world: Float64  # (3,) m, one whole side
    down_world: Float64  # (3,) m, the other one


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything is in ``world``: metres, z up, gravity along -z."""

    faces: list[Face]
    windows: list[Patch]
    ceiling_lights: list[Patch]
    lamps: list[Patch]


def streams_of(seed: int, repeated: bool) -> Iterator[Rng]:
    """One random stream per piece of furniture: all different, or all the same."""
    piece = 0
    while True:
        yield np.random.default_rng([seed, 0 if repeated else piece])
        piece += 1
