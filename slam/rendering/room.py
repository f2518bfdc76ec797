"""A furnished room: which painted faces stand where, and where a camera may fly without touching them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from slam.rendering import furniture
from slam.rendering import textures as paint
from slam.rendering.box_motion import BOX_MOTIONS, make_path
from slam.rendering.scene import Patch, PathMaker, Scene, streams_of
from slam.rendering.shapes import Face, Place, box, paint_face
from slam.rendering.textures import Paint, Rng

Corner = tuple[float, float, float]
SIZE_M = (5.2, 4.6, 2.6)
CLEAR_MIN = np.array([1.25, 1.45, 1.10])
CLEAR_MAX = np.array([3.95, 3.15, 1.75])
WINDOW_CENTER = np.array([0.0, 2.3, 1.5])
WINDOW_SIZE_M = (1.5, 1.2)
MOTIONS: dict[str, PathMaker] = {name: partial(make_path, name, CLEAR_MIN, CLEAR_MAX) for name in BOX_MOTIONS}


def build_room(seed: int, repeated_furniture: bool = False) -> Scene:
    """The room of a seed. ``repeated_furniture`` fills it with identical chairs, cartons, prints, shelves and tiles."""
    streams = streams_of(seed, repeated_furniture)
    faces = _shell(next(streams), repeated_furniture)
    faces += _prints(streams)
    faces += _along_the_walls(streams)
    faces += _in_the_middle(streams)
    window, ceiling, lamp = _lights()
    return Scene(faces, [window], [ceiling], [lamp])


def _lights() -> tuple[Patch, Patch, Patch]:
    """Of the window, the ceiling and the floor lamp."""
    x, y, z = SIZE_M
    wide, high = WINDOW_SIZE_M
    east, north, up = np.eye(3)
    window = Patch(WINDOW_CENTER + np.array([0.05, 0.0, 0.0]), wide * north, high * up)
    ceiling = Patch(np.array([x / 2, y / 2, z - 0.05]), 0.8 * east, 0.8 * north)
    lamp = Patch(np.array([x - 0.3, 1.45, 1.75]), 0.25 * east, 0.25 * north)
    return window, ceiling, lamp


def _shell(rng: Rng, repeated: bool) -> list[Face]:
    """Floor, ceiling and walls, skirting boards, the window and a door."""
    x, y, z = SIZE_M
    tall, first = (0.0, 0.0, -z), paint.random_color(rng, 150, 220)
    floor: Paint = partial(paint.tiles, tile=80, variety=0.0) if repeated else partial(paint.wood, plank=36)
    print_wall = partial(paint.wallpaper, color=first, repeat=110 if repeated else 0)
    planes: list[tuple[Corner, Corner, Corner, Paint]] = [
        ((0, y, 0), (x, 0, 0), (0, -y, 0), floor),
        ((0, 0, z), (x, 0, 0), (0, y, 0), partial(paint.wood, color=(214, 208, 196), plank=44, contrast=0.05)),
        ((0, y, z), (x, 0, 0), tall, paint.brick),
        ((x, y, z), (0, -y, 0), tall, print_wall),
        ((x, 0, z), (-x, 0, 0), tall, paint.painted(paint.random_color(rng, 130, 215), 0.09)),
        ((0, 0, z), (0, y, 0), tall, partial(paint.wallpaper, color=paint.random_color(rng, 130, 215))),
    ]
    faces = []
    for origin, edge_u, edge_v, covering in planes:
        corner, across, down = np.array([origin, edge_u, edge_v], np.float64)
        faces.append(paint_face(rng, corner, across, down, covering))
    board = partial(paint.wood, color=(196, 188, 172))
    for center, yaw, wide in (((x / 2, y, 0), 0.0, x), ((x, y / 2, 0), -np.pi / 2, y), ((x / 2, 0, 0), np.pi, x)):
        faces += box(rng, Place(np.array(center, np.float64), yaw), (wide, 0.03, 0.09), board)
    wide, high = WINDOW_SIZE_M
    corner = WINDOW_CENTER + np.array([0.01, -wide / 2, high / 2])
    edges = np.array([0.0, wide, 0.0]), np.array([0.0, 0.0, -high])
    return [*faces, paint_face(rng, corner, *edges, paint.outdoors, 0.0025, is_luminous=True)]


def _prints(streams: Iterator[Rng]) -> list[Face]:
    """Posters and pictures on all four walls."""
    x, y, _ = SIZE_M
    walls = {
        "north": [(0.55, 1.5), (1.25, 1.75), (2.0, 1.45), (2.75, 1.7), (3.5, 1.5), (4.1, 1.9)],
        "east": [(0.6, 1.6), (1.5, 1.7), (2.3, 1.5), (3.05, 1.75), (4.0, 1.55)],
        "south": [(1.0, 1.75), (1.75, 1.55), (2.5, 1.8), (4.45, 1.75)],
        "west": [(0.75, 1.6), (3.75, 1.65)],
    }
    frames = {
        "north": lambda s, h: Place(np.array([s, y - 0.012, h])),
        "east": lambda s, h: Place(np.array([x - 0.012, s, h]), -np.pi / 2),
        "south": lambda s, h: Place(np.array([x - s, 0.012, h]), np.pi),
        "west": lambda s, h: Place(np.array([0.012, s, h]), np.pi / 2),
    }
    return [
        face
        for wall, spots in walls.items()
        for s, h in spots
        for face in furniture.picture(next(streams), frames[wall](s, h))
    ]


def _along_the_walls(streams: Iterator[Rng]) -> list[Face]:
    x, y, _ = SIZE_M
    south, east, west = np.pi, -np.pi / 2, np.pi / 2

    def at(px: float, py: float, pz: float = 0.0, yaw: float = 0.0) -> Place:
        return Place(np.array([px, py, pz]), yaw)

    faces = furniture.bookshelf(next(streams), at(0.62, y - 0.17))
    faces += furniture.bookshelf(next(streams), at(x - 0.64, 0.17, 0, south), high=1.6, boards=4)
    faces += furniture.table(next(streams), at(2.9, y - 0.42), (1.7, 0.75, 0.74))
    faces += furniture.monitor(next(streams), at(2.75, y - 0.25, 0.74))
    faces += furniture.book_stack(next(streams), at(3.5, y - 0.4, 0.74), 4)
    faces += furniture.carton(next(streams), at(2.3, y - 0.3, 0.74, 0.3), (0.26, 0.2, 0.2))
    faces += furniture.mug(next(streams), at(3.15, y - 0.55, 0.74))
    faces += furniture.mug(next(streams), at(2.5, y - 0.6, 0.74))
    faces += furniture.sofa(next(streams), at(x - 0.48, 2.75, 0, east))
    faces += furniture.plant(next(streams), at(x - 0.4, y - 0.45), 1.5)
    faces += furniture.plant(next(streams), at(0.4, 0.45), 1.2)
    faces += furniture.floor_lamp(next(streams), at(x - 0.3, 1.45))
    faces += furniture.table(next(streams), at(2.2, 0.38, 0, south), (1.6, 0.5, 0.62))
    for i, px in enumerate((1.6, 1.95, 2.35, 2.8)):
        rng = next(streams)
        size = (0.27, 0.24, 0.2) if i % 2 else (0.22, 0.2, 0.28)
        faces += furniture.carton(rng, at(px, 0.36, 0.62, south + float(rng.normal(0, 0.2))), size)
    faces += furniture.table(next(streams), at(0.3, 2.3, 0, west), (1.5, 0.4, 0.5))
    faces += furniture.book_stack(next(streams), at(0.3, 2.0, 0.5, west), 5)
    faces += furniture.plant(next(streams), at(0.3, 2.7, 0.5), 0.75, 26)
    return faces


def _in_the_middle(streams: Iterator[Rng]) -> list[Face]:
    """Everything here stays below the clear volume."""

    def at(px: float, py: float, pz: float = 0.0, yaw: float = 0.0) -> Place:
        return Place(np.array([px, py, pz]), yaw)

    rug = at(2.6, 2.3)
    faces = box(next(streams), rug, (2.4, 1.7, 0.012), paint.fabric, top=paint.carpet)
    faces += furniture.table(next(streams), at(2.6, 2.3, 0.012, 0.2), (1.0, 0.6, 0.42))
    faces += furniture.book_stack(next(streams), at(2.35, 2.25, 0.432, 0.6), 3)
    faces += furniture.mug(next(streams), at(2.75, 2.4, 0.432))
    faces += furniture.mug(next(streams), at(2.85, 2.2, 0.432))
    for px, py, yaw in ((2.6, 3.45, np.pi), (3.35, 3.4, 2.7), (1.65, 3.3, 3.6), (1.3, 1.2, 2.4), (3.5, 1.15, 0.4)):
        faces += furniture.chair(next(streams), at(px, py, 0, yaw))
    for px, py, yaw in ((1.25, 2.9, 0.3), (1.2, 2.45, -0.2), (3.75, 3.6, 0.8)):
        faces += furniture.carton(next(streams), at(px, py, 0, yaw), (0.42, 0.32, 0.3))
    return faces
