"""Pieces of furniture as lists of painted faces. Each stands on its Place and looks towards its own -y."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.spatial.transform import Rotation

from slam.rendering import textures as paint
from slam.rendering.shapes import Face, Place, box, cylinder, paint_face
from slam.rendering.textures import Rng

ALL_SIDES: tuple[str, ...] = ()


def table(rng: Rng, place: Place, size: tuple[float, float, float]) -> list[Face]:
    wide, deep, high = size
    tone = paint.random_color(rng, 90, 170)
    finish = partial(paint.wood, color=(tone[0], int(tone[0] * 0.72), int(tone[0] * 0.48)))
    faces = box(rng, place.shifted((0, 0, high - 0.04)), (wide, deep, 0.04), finish, hidden=ALL_SIDES)
    for x in (-1, 1):
        for y in (-1, 1):
            foot = place.shifted((x * (wide / 2 - 0.05), y * (deep / 2 - 0.05), 0))
            faces += box(rng, foot, (0.06, 0.06, high - 0.04), finish)
    return faces


def chair(rng: Rng, place: Place) -> list[Face]:
    dark = int(rng.integers(60, 130))
    finish = partial(paint.wood, color=(dark, int(dark * 0.7), int(dark * 0.45)))
    cloth = partial(paint.fabric, color=paint.random_color(rng))
    faces = box(rng, place.shifted((0, 0, 0.43)), (0.44, 0.44, 0.05), cloth, hidden=ALL_SIDES)
    for x in (-0.19, 0.19):
        faces += box(rng, place.shifted((x, -0.19, 0)), (0.04, 0.04, 0.43), finish)
        faces += box(rng, place.shifted((x, 0.20, 0)), (0.04, 0.04, 0.92), finish)
    for z in (0.58, 0.71, 0.84):
        faces += box(rng, place.shifted((0, 0.20, z)), (0.36, 0.02, 0.07), finish, hidden=ALL_SIDES)
    return faces


def book(rng: Rng, place: Place, size: tuple[float, float, float]) -> list[Face]:
    """A standing book, its spine to the front."""
    cover = paint.painted(paint.random_color(rng))
    hidden = ("bottom", "back")
    return box(rng, place, size, cover, 0.0022, hidden, front=paint.spine, top=paint.paper_edge)


def book_stack(rng: Rng, place: Place, count: int) -> list[Face]:
    faces, z, paper = [], 0.0, paint.paper_edge
    for _ in range(count):
        thick = float(rng.uniform(0.02, 0.045))
        size = (float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.15, 0.2)), thick)
        cover, yaw = paint.painted(paint.random_color(rng)), float(rng.normal(0, 0.25))
        faces += box(
            rng,
            place.shifted((0, 0, z), yaw),
            size,
            cover,
            0.002,
            front=lengthwise_spine,
            right=paper,
            back=paper,
            top=paint.poster,
        )
        z += thick
    return faces


def lengthwise_spine(rng: Rng, height: int, width: int) -> paint.Uint8:
    return np.ascontiguousarray(paint.spine(rng, width, height).transpose(1, 0, 2)[::-1])


def bookshelf(rng: Rng, place: Place, wide: float = 1.1, high: float = 1.95, boards: int = 5) -> list[Face]:
    deep, thick = 0.30, 0.025
    finish = partial(paint.wood, color=(158, 122, 82))
    faces = box(rng, place.shifted((0, deep / 2 - 0.005, 0)), (wide, 0.01, high), finish)
    for x in (-wide / 2, wide / 2):
        faces += box(rng, place.shifted((x, 0, 0)), (thick, deep, high), finish)
    gap = (high - thick) / boards
    for i in range(boards + 1):
        shelf = place.shifted((0, 0, i * gap))
        faces += box(rng, shelf, (wide - thick, deep, thick), finish, hidden=("left", "right", "back"))
        if i < boards:
            faces += _row_of_books(rng, shelf.shifted((0, 0, thick)), wide - 2 * thick, gap - thick)
    return faces


def _row_of_books(rng: Rng, place: Place, wide: float, high: float) -> list[Face]:
    faces, x = [], -wide / 2 + 0.01
    end = wide / 2 - float(rng.uniform(0.05, 0.35))
    while x < end:
        thick = float(rng.uniform(0.018, 0.06))
        size = (thick, float(rng.uniform(0.15, 0.22)), high * float(rng.uniform(0.6, 0.93)))
        faces += book(rng, place.shifted((x + thick / 2, -0.13 + size[1] / 2, 0)), size)
        x += thick + 0.002
    if wide / 2 - x > 0.14:
        faces += mug(rng, place.shifted((x + 0.07, -0.03, 0)))
    return faces


def mug(rng: Rng, place: Place) -> list[Face]:
    return cylinder(rng, place, 0.042, float(rng.uniform(0.08, 0.13)), paint.poster, 0.002)


def carton(rng: Rng, place: Place, size: tuple[float, float, float]) -> list[Face]:
    return box(rng, place, size, paint.cardboard, 0.0025)


def monitor(rng: Rng, place: Place) -> list[Face]:
    black = paint.painted((38, 38, 42))
    faces = box(rng, place, (0.26, 0.18, 0.015), black) + box(
        rng, place.shifted((0, 0.04, 0.015)), (0.05, 0.03, 0.12), black
    )
    case = place.shifted((0, 0, 0.11))
    faces += box(rng, case, (0.60, 0.035, 0.36), black, hidden=ALL_SIDES)
    glass = case.shifted((0, -0.0185, 0))
    picture = (glass.point((-0.285, 0, 0.345)), glass.vector((0.57, 0, 0)), glass.vector((0, 0, -0.33)))
    return [*faces, paint_face(rng, *picture, paint.screen, 0.0018, is_luminous=True)]


def sofa(rng: Rng, place: Place) -> list[Face]:
    cloth = partial(paint.fabric, color=paint.random_color(rng, 70, 150), stripes=14)
    faces = box(rng, place, (1.9, 0.8, 0.40), cloth)
    faces += box(rng, place.shifted((0, 0.32, 0.40)), (1.9, 0.18, 0.42), cloth)
    for x in (-0.88, 0.88):
        faces += box(rng, place.shifted((x, -0.09, 0.40)), (0.16, 0.62, 0.20), cloth)
    for x in (-0.5, 0.05, 0.55):
        faces += box(rng, place.shifted((x, 0.14, 0.405), float(rng.normal(0, 0.2))), (0.42, 0.14, 0.36), paint.carpet)
    return faces


def plant(rng: Rng, place: Place, high: float = 1.2, leaves: int = 46) -> list[Face]:
    faces = cylinder(rng, place, 0.16, 0.30, partial(paint.brick, size=(18, 34)))
    faces += cylinder(rng, place.shifted((0, 0, 0.30)), 0.02, high - 0.45, paint.wood)
    for _ in range(leaves):
        length, wide = float(rng.uniform(0.16, 0.34)), float(rng.uniform(0.06, 0.11))
        turn = Rotation.from_euler("zyx", [rng.uniform(0, 2 * np.pi), rng.uniform(-0.9, 0.7), rng.normal(0, 0.5)])
        u, v = turn.apply([[length, 0, 0], [0, wide, 0]])
        stem = place.point((0, 0, float(rng.uniform(0.4, high - 0.12))))
        faces.append(paint_face(rng, stem - v / 2, u, v, paint.leaf, 0.0025, is_disc=True, is_two_sided=True))
    return faces


def floor_lamp(rng: Rng, place: Place) -> list[Face]:
    metal = paint.painted((60, 60, 62))
    faces = cylinder(rng, place, 0.14, 0.02, metal) + cylinder(rng, place.shifted((0, 0, 0.02)), 0.012, 1.5, metal)
    return faces + cylinder(rng, place.shifted((0, 0, 1.42)), 0.17, 0.26, partial(paint.fabric, color=(235, 215, 170)))


def picture(rng: Rng, place: Place) -> list[Face]:
    """A framed print, ``place`` in its middle."""
    wide, high = float(rng.uniform(0.38, 0.58)), float(rng.uniform(0.45, 0.75))
    back = paint.painted(paint.random_color(rng, 20, 90))
    hidden = ("back", "front")
    faces = box(rng, place.shifted((0, 0, -high / 2)), (wide, 0.02, high), back, hidden=hidden)
    corner = place.point((-wide / 2, -0.01, high / 2))
    return [
        *faces,
        paint_face(rng, corner, place.vector((wide, 0, 0)), place.vector((0, 0, -high)), paint.poster, 0.0018),
    ]
