"""What is built into the walls of a corridor, and what stands along them. Each piece takes its place on the wall's foot
line and looks towards its own -y, into the corridor."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from slam.rendering import furniture
from slam.rendering import textures as paint
from slam.rendering.scene import Patch
from slam.rendering.shapes import Face, Place, box, cylinder, paint_face
from slam.rendering.textures import Rng
from slam.types import Uint8

METAL = (150, 150, 155)
WINDOW_M = (1.4, 1.25, 0.95)  # wide, high, height of the sill


def door(rng: Rng, wall: Place) -> list[Face]:
    """Frame, leaf with panels, handle, and a plate with a name beside it."""
    wide, high = 0.92, 2.05
    tone = partial(paint.wood, color=paint.random_color(rng, 70, 190), contrast=0.14)
    frame = partial(paint.wood, color=paint.random_color(rng, 150, 215))
    leaf = partial(door_leaf, finish=tone)
    faces = box(rng, wall.shifted((0, -0.015, 0)), (wide, 0.03, high), tone, hidden=("bottom", "back"), front=leaf)
    for x in (-wide / 2 - 0.04, wide / 2 + 0.04):
        faces += box(rng, wall.shifted((x, -0.03, 0)), (0.08, 0.06, high), frame)
    faces += box(rng, wall.shifted((0, -0.03, high)), (wide + 0.16, 0.06, 0.08), frame, hidden=("back",))
    faces += box(rng, wall.shifted((0.36, -0.06, 1.02)), (0.14, 0.03, 0.025), paint.painted(METAL), hidden=())
    plate = wall.shifted((wide / 2 + 0.22, -0.008, 1.5))
    return faces + box(rng, plate, (0.2, 0.016, 0.12), paint.painted(METAL), 0.0016, front=paint.poster)


def door_leaf(rng: Rng, height: int, width: int, finish: paint.Paint) -> Uint8:
    image = finish(rng, width, height).transpose(1, 0, 2).copy()  # the grain runs upwards
    dark, light = ([int(v * share) for v in image.mean((0, 1))] for share in (0.55, 1.25))
    for top, bottom in ((0.06, 0.3), (0.36, 0.62), (0.68, 0.94)):
        corner, end = (int(0.16 * width), int(top * height)), (int(0.84 * width), int(bottom * height))
        cv2.rectangle(image, corner, end, dark, 5)
        cv2.rectangle(image, (corner[0] + 5, corner[1] + 5), end, light, 2)
    return image


def window(rng: Rng, wall: Place) -> list[Face]:
    """A view of outdoors over a sill, and a radiator under it."""
    wide, high, sill = WINDOW_M
    corner = wall.point((-wide / 2, -0.01, sill + high))
    edges = wall.vector((wide, 0, 0)), wall.vector((0, 0, -high))
    faces = [paint_face(rng, corner, *edges, paint.outdoors, 0.0025, is_luminous=True)]
    faces += box(rng, wall.shifted((0, -0.1, sill - 0.04)), (wide + 0.2, 0.2, 0.04), paint.wood, hidden=("back",))
    faces += box(rng, wall.shifted((0, -0.08, 0.15)), (wide - 0.2, 0.08, 0.6), ribs, hidden=("back",))
    return faces + furniture.mug(rng, wall.shifted((float(rng.uniform(-0.6, 0.6)), -0.12, sill)))


def window_light(wall: Place) -> Patch:
    wide, high, sill = WINDOW_M
    return Patch(wall.point((0, -0.06, sill + high / 2)), wall.vector((wide, 0, 0)), wall.vector((0, 0, high)))


def ribs(rng: Rng, height: int, width: int) -> Uint8:
    """A radiator's."""
    wave = 0.22 * np.sin(np.arange(width) * (2 * np.pi / 17), dtype=np.float32)
    return paint.toned((205, 203, 196), wave[None] + 0.05 * paint.noise(rng, height, width, (3, 12, 50)))


def ceiling_light(rng: Rng, place: Place) -> list[Face]:
    """A panel of 0.8 by 0.8 m under the ceiling, ``place`` in its middle."""
    corner, edges = place.point((-0.4, -0.4, 0)), (place.vector((0.8, 0, 0)), place.vector((0, 0.8, 0)))
    return [paint_face(rng, corner, *edges, grid, 0.004, is_luminous=True)]


def grid(rng: Rng, height: int, width: int) -> Uint8:
    """The louvre of a ceiling light."""
    image = paint.plaster(rng, height, width, (246, 242, 232), 0.02)
    for at in range(0, max(height, width), 25):
        cv2.line(image, (at, 0), (at, height), (150, 148, 142), 3)
        cv2.line(image, (0, at), (width, at), (150, 148, 142), 3)
    return image


def board(rng: Rng, wall: Place) -> list[Face]:
    """A notice board full of papers."""
    wide, high = float(rng.uniform(1.2, 1.7)), 1.0
    place = wall.shifted((0, -0.015, 1.05))
    return box(rng, place, (wide, 0.03, high), paint.wood, 0.0022, hidden=("back",), front=papers)


def papers(rng: Rng, height: int, width: int) -> Uint8:
    image = paint.toned((184, 144, 96), 0.14 * paint.noise(rng, height, width, (2, 4, 30)))
    for _ in range(26):
        high = int(rng.integers(height // 7, height // 3))
        wide = int(high * rng.choice([0.71, 1.0, 1.41]))
        x, y = int(rng.integers(8, max(9, width - wide - 8))), int(rng.integers(8, max(9, height - high - 8)))
        sheet = paint.poster(rng, high, wide) if rng.random() < 0.5 else paint.screen(rng, high, wide)
        image[y : y + high, x : x + wide] = sheet[: height - y, : width - x]
    return image


def cabinet(rng: Rng, wall: Place) -> list[Face]:
    """Drawers, with something on top."""
    wide, deep, high = 0.95, 0.42, float(rng.uniform(0.95, 1.15))
    color = paint.random_color(rng, 90, 190)
    finish, front = paint.painted(color), partial(drawers, color=color)
    faces = box(
        rng, wall.shifted((0, -deep / 2, 0)), (wide, deep, high), finish, hidden=("bottom", "back"), front=front
    )
    top = wall.shifted((0, -deep / 2, high))
    faces += furniture.book_stack(rng, top.shifted((-0.25, 0, 0), 0.2), int(rng.integers(3, 7)))
    return faces + furniture.carton(rng, top.shifted((0.2, 0, 0), float(rng.normal(0, 0.2))), (0.3, 0.24, 0.22))


def drawers(rng: Rng, height: int, width: int, color: paint.Color) -> Uint8:
    image = paint.plaster(rng, height, width, color, 0.05)
    rows, columns = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    high, wide = height / rows, width / columns
    for row in range(rows):
        for column in range(columns):
            x, y = int(column * wide), int(row * high)
            label = paint.paper_edge(rng, max(4, int(0.2 * high)), max(4, int(0.3 * wide)))
            cv2.rectangle(image, (x, y), (x + int(wide), y + int(high)), (45, 45, 48), 4)
            cv2.putText(label, str(rng.integers(10, 9999)), (4, len(label) - 5), 1, 1.3, (30, 30, 60), 2, cv2.LINE_AA)
            image[y + 12 : y + 12 + label.shape[0], x + 12 : x + 12 + label.shape[1]] = label
            bar = (x + int(0.35 * wide), y + int(0.55 * high)), (x + int(0.65 * wide), y + int(0.63 * high))
            cv2.rectangle(image, *bar, (205, 205, 208), -1)
    return image


def extinguisher(rng: Rng, wall: Place) -> list[Face]:
    red = partial(paint.fabric, color=(176, 30, 28), stripes=2)
    faces = cylinder(rng, wall.shifted((0, -0.12, 0.45)), 0.08, 0.42, red, 0.002)
    faces += cylinder(rng, wall.shifted((0, -0.12, 0.87)), 0.025, 0.12, paint.painted((40, 40, 42)))
    sign = wall.shifted((0, -0.006, 1.5))
    return faces + box(rng, sign, (0.22, 0.012, 0.3), red, 0.0016, hidden=("back",), front=paint.poster)


def picture(rng: Rng, wall: Place) -> list[Face]:
    return furniture.picture(rng, wall.shifted((0, -0.012, float(rng.uniform(1.5, 1.8)))))
