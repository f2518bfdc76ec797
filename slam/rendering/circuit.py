"""A furnished corridor that runs round a solid block: from no place in it can the opposite side be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from slam.rendering import fittings, furniture
from slam.rendering import textures as paint
from slam.rendering.scene import Patch, PathMaker, Scene, streams_of
from slam.rendering.shapes import Face, Place, box, paint_face
from slam.rendering.textures import Paint, Rng
from slam.rendering.walk import Ring, make_walk
from slam.types import Float64

Piece = Callable[[Rng, Place], list[Face]]  # stands at a wall
Row = tuple[tuple[float, Piece], ...]  # metres along the stretch, from its outer corner

OUTSIDE_M = (12.0, 9.0)
CORRIDOR_M = 2.6
HEIGHT_M = 2.6
MIDDLE = np.full(2, CORRIDOR_M / 2)
RING = Ring(MIDDLE, np.array(OUTSIDE_M) - MIDDLE)
MOTIONS: dict[str, PathMaker] = {"walk": partial(make_walk, RING)}
LAMPS_M = (2.4, 6.0, 9.6), (2.6, 6.4)  # ceiling lights along the long and the short stretches


@dataclass(frozen=True, eq=False)
class Stretch:
    """One side of the corridor, walked anticlockwise: the outer wall to the right, the block to the left."""

    corner: Place  # the outer corner it begins at; its x points along the stretch, its y to the left
    length_m: float  # outside
    walls: tuple[Paint, Paint]  # outer, inner
    floor: Paint
    outer: Row
    inner: Row

    def at_outer(self, along_m: float) -> Place:
        return self.corner.shifted((along_m, 0.0, 0.0), np.pi)

    def at_inner(self, along_m: float) -> Place:
        return self.corner.shifted((along_m, CORRIDOR_M, 0.0))

    def in_the_middle(self, along_m: float, height_m: float) -> Place:
        return self.corner.shifted((along_m, CORRIDOR_M / 2, height_m))


def build_circuit(seed: int, repeated_furniture: bool = False) -> Scene:
    """The corridor of a seed. ``repeated_furniture`` makes its four walls alike, and all doors, shelves, prints too."""
    streams = streams_of(seed, repeated_furniture)
    stretches = _stretches(next(streams), repeated_furniture)
    faces: list[Face] = []
    for stretch in stretches:
        faces += _shell(streams, stretch)
        faces += _row(streams, stretch.outer, stretch.at_outer)
        faces += _row(streams, stretch.inner, stretch.at_inner)
    return Scene(faces, *_lights(stretches))


def _row(streams: Iterator[Rng], row: Row, at: Callable[[float], Place]) -> list[Face]:
    return [face for along_m, piece in row for face in piece(next(streams), at(along_m))]


def _shell(streams: Iterator[Rng], stretch: Stretch) -> list[Face]:
    """Walls with skirting boards, floor and ceiling with its lights. The long stretches own the corners' floors."""
    outer, inner = stretch.walls
    is_long = stretch.length_m == OUTSIDE_M[0]
    begin = 0.0 if is_long else CORRIDOR_M
    faces = _wall(next(streams), stretch.at_outer(stretch.length_m / 2), stretch.length_m, outer)
    block = stretch.length_m - 2 * CORRIDOR_M
    faces += _wall(next(streams), stretch.at_inner(stretch.length_m / 2), block, inner)
    long = stretch.corner.vector((stretch.length_m - 2 * begin, 0, 0))
    left = stretch.corner.vector((0, CORRIDOR_M, 0))
    near = stretch.corner.point((begin, 0, 0))
    faces.append(paint_face(next(streams), near + left, long, -left, stretch.floor))
    up = np.array([0.0, 0.0, HEIGHT_M])
    boards = partial(paint.wood, color=(214, 208, 196), plank=44, contrast=0.05)
    faces.append(paint_face(next(streams), near + up, long, left, boards, 0.004))
    for along_m in _lamps(stretch):
        faces += fittings.ceiling_light(next(streams), stretch.in_the_middle(along_m, HEIGHT_M - 0.01))
    return faces


def _wall(rng: Rng, foot: Place, wide: float, covering: Paint) -> list[Face]:
    """A wall that looks towards its own -y, and the board along its foot."""
    corner = foot.point((-wide / 2, 0, HEIGHT_M))
    faces = [paint_face(rng, corner, foot.vector((wide, 0, 0)), foot.vector((0, 0, -HEIGHT_M)), covering)]
    board = partial(paint.wood, color=(196, 188, 172))
    return faces + box(rng, foot.shifted((0, -0.008, 0)), (wide, 0.016, 0.09), board, hidden=("bottom", "back"))


def _lamps(stretch: Stretch) -> tuple[float, ...]:
    return LAMPS_M[0] if stretch.length_m == OUTSIDE_M[0] else LAMPS_M[1]


def _lights(stretches: tuple[Stretch, ...]) -> tuple[list[Patch], list[Patch], list[Patch]]:
    """Windows, ceiling lights, and the floor lamps."""
    side_a, side_b = np.eye(3)[:2] * 0.8
    windows, ceiling, lamps = [], [], []
    for stretch in stretches:
        windows += [
            fittings.window_light(stretch.at_outer(s)) for s, piece in stretch.outer if piece is fittings.window
        ]
        ceiling += [stretch.in_the_middle(s, HEIGHT_M - 0.05).position_world for s in _lamps(stretch)]
        for row, at in ((stretch.outer, stretch.at_outer), (stretch.inner, stretch.at_inner)):
            lamps += [at(s).point((0, -0.25, 1.75)) for s, piece in row if piece is lamp]
    return (
        windows,
        [Patch(center, side_a, side_b) for center in ceiling],
        [Patch(center, side_a * 0.3, side_b * 0.3) for center in lamps],
    )


def shelf(rng: Rng, wall: Place) -> list[Face]:
    return furniture.bookshelf(rng, wall.shifted((0, -0.16, 0)), 1.1, float(rng.uniform(1.85, 2.05)))


def low_shelf(rng: Rng, wall: Place) -> list[Face]:
    """Waist high, a plant and books on top."""
    faces = furniture.bookshelf(rng, wall.shifted((0, -0.16, 0)), 1.3, 0.85, 2)
    faces += furniture.book_stack(rng, wall.shifted((0.35, -0.16, 0.85)), 4)
    return faces + furniture.plant(rng, wall.shifted((-0.35, -0.17, 0.85)), 0.7, 22)


def desk(rng: Rng, wall: Place) -> list[Face]:
    faces = furniture.table(rng, wall.shifted((0, -0.3, 0)), (1.5, 0.58, 0.74))
    faces += furniture.monitor(rng, wall.shifted((float(rng.uniform(-0.3, 0.0)), -0.2, 0.74)))
    faces += furniture.book_stack(rng, wall.shifted((0.5, -0.3, 0.74)), 4)
    return faces + furniture.mug(rng, wall.shifted((0.25, -0.42, 0.74)))


def side_table(rng: Rng, wall: Place) -> list[Face]:
    """With cartons and a mug on it."""
    faces = furniture.table(rng, wall.shifted((0, -0.24, 0)), (1.3, 0.45, 0.62))
    for x in (-0.45, -0.1):
        size = (0.28, 0.22, float(rng.uniform(0.16, 0.3)))
        faces += furniture.carton(rng, wall.shifted((x, -0.22, 0.62), float(rng.normal(0, 0.15))), size)
    return faces + furniture.mug(rng, wall.shifted((0.4, -0.25, 0.62)))


def sofa(rng: Rng, wall: Place) -> list[Face]:
    return furniture.sofa(rng, wall.shifted((0, -0.42, 0)))


def chairs(rng: Rng, wall: Place) -> list[Face]:
    """Two of them."""
    left, right = (wall.shifted((x, -0.27, 0), float(rng.normal(0, 0.08))) for x in (-0.3, 0.3))
    return furniture.chair(rng, left) + furniture.chair(rng, right)


def cartons(rng: Rng, wall: Place) -> list[Face]:
    """Three on the floor, the third on the others."""
    faces, z = [], 0.0
    for x, high in ((-0.23, 0.34), (0.25, 0.34), (0.0, 0.28)):
        turn = float(rng.normal(0, 0.08))
        faces += furniture.carton(rng, wall.shifted((x, -0.26, z), turn), (0.44, 0.36, high))
        z = 0.34 if x > 0 else 0.0
    return faces


def plant(rng: Rng, wall: Place) -> list[Face]:
    return furniture.plant(rng, wall.shifted((0, -0.38, 0)), float(rng.uniform(1.1, 1.6)))


def lamp(rng: Rng, wall: Place) -> list[Face]:
    return furniture.floor_lamp(rng, wall.shifted((0, -0.25, 0)))


def _colored(rng: Rng, covering: Callable[..., paint.Uint8], low: int = 120, high: int = 215, **more: float) -> Paint:
    return partial(covering, color=paint.random_color(rng, low, high), **more)


def _stretches(rng: Rng, repeated: bool) -> tuple[Stretch, ...]:
    """South, east, north and west, in the order of the walk."""
    x, y = OUTSIDE_M
    corners: tuple[Float64, ...] = tuple(np.array(c, np.float64) for c in ((0, 0, 0), (x, 0, 0), (x, y, 0), (0, y, 0)))
    walls = [
        (paint.brick, _colored(rng, paint.wallpaper)),
        (_colored(rng, paint.wallpaper), _colored(rng, paint.plaster, contrast=0.09)),
        (_colored(rng, paint.plaster, contrast=0.09), _colored(rng, paint.brick, 150, 200)),
        (_colored(rng, paint.wallpaper), _colored(rng, paint.wood, 120, 190)),
    ]
    floors = [
        partial(paint.wood, plank=36),
        partial(paint.tiles, tile=100),
        partial(paint.wood, color=(112, 76, 50), plank=60),
        partial(paint.brick, color=(150, 128, 108), size=(66, 132)),
    ]
    if repeated:
        same = _colored(rng, paint.wallpaper, repeat=110)
        walls, floors = [(same, same)] * 4, [partial(paint.tiles, tile=80, variety=0.0)] * 4
    return tuple(
        Stretch(Place(corners[i], i * np.pi / 2), (x, y)[i % 2], walls[i], floors[i], OUTER[i], INNER[i])
        for i in range(4)
    )


F = fittings
OUTER: tuple[Row, ...] = (
    (
        (0.5, plant), (1.45, F.door), (2.55, F.picture), (3.6, shelf), (5.2, F.window), (6.55, chairs),
        (6.5, F.picture), (7.15, F.picture), (8.4, desk), (8.05, F.picture), (9.65, F.picture), (10.6, F.door),
    ),
    (
        (0.65, F.picture), (1.7, F.board), (3.2, sofa), (2.85, F.picture), (3.6, F.picture), (5.0, F.window),
        (6.4, shelf), (7.3, F.extinguisher), (8.2, F.door),
    ),
    (
        (0.5, lamp), (1.2, F.picture), (2.2, F.cabinet), (2.1, F.picture), (3.5, F.door), (4.6, F.picture),
        (5.9, side_table), (5.5, F.picture), (6.3, F.picture), (7.6, F.window), (9.0, shelf), (10.3, F.board),
        (11.4, plant),
    ),
    (
        (1.2, F.door), (2.3, F.picture), (3.4, desk), (3.1, F.picture), (3.8, F.picture), (4.6, cartons),
        (4.7, F.picture), (6.0, F.window), (7.3, F.picture), (8.1, F.board),
    ),
)  # fmt: skip
INNER: tuple[Row, ...] = (
    (
        (3.0, F.picture), (3.9, F.cabinet), (3.9, F.picture), (5.3, F.board), (6.7, F.door), (7.8, F.picture),
        (8.6, cartons), (8.7, F.picture),
    ),
    ((2.95, plant), (3.9, F.door), (4.9, F.picture), (5.5, low_shelf), (5.9, F.picture)),
    (
        (3.0, F.picture), (4.1, low_shelf), (4.1, F.picture), (5.4, F.extinguisher), (6.2, F.door), (7.3, F.picture),
        (8.4, chairs), (8.2, F.picture), (8.9, F.picture),
    ),
    ((3.1, F.picture), (3.8, F.cabinet), (3.8, F.picture), (5.0, F.door), (6.05, lamp)),
)  # fmt: skip
