"""Procedural paints: each is a function of (rng, height, width) in texels that returns (height, width, 3) uint8 RGB.

All of them carry structure at several scales and none repeats, so that every patch of a surface can be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from slam.types import Float32, Uint8

Rng = np.random.Generator
Paint = Callable[[Rng, int, int], Uint8]
Color = tuple[int, int, int]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)


def noise(rng: Rng, height: int, width: int, cells: Sequence[float], stretch: float = 1.0) -> Float32:
    """Band-limited noise (height, width), mean 0, deviation about 1: one octave per cell size (texels).

    ``stretch`` makes the cells that much longer in x, as in the grain of wood.
    """
    total = np.zeros((height, width), np.float32)
    for cell in cells:
        grid = (int(height / cell) + 3, int(width / (cell * stretch)) + 3)
        octave = cv2.resize(rng.standard_normal(grid, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        total += octave
    return total / np.float32(np.sqrt(max(len(cells), 1)))


def toned(color: Color | Float32, shade: Float32) -> Uint8:
    """A color, or an image of colors, times (1 + shade)."""
    base = np.asarray(color, np.float32)
    return np.clip(base * (1 + shade[..., None]), 0, 255).astype(np.uint8)


def random_color(rng: Rng, low: int = 30, high: int = 225) -> Color:
    """A colour as things in rooms have them: any brightness, seldom garish."""
    brightness, hue = rng.uniform(low, high), rng.normal(0, 1, 3)
    r, g, b = np.clip(brightness + 0.22 * brightness * (hue - hue.mean()) * rng.uniform(0.3, 2.0), 0, 255)
    return int(r), int(g), int(b)


def plaster(rng: Rng, height: int, width: int, color: Color = (205, 200, 190), contrast: float = 0.05) -> Uint8:
    shade = contrast * noise(rng, height, width, (2, 5, 12, 30, 90)) + 0.04 * noise(rng, height, width, (200,))
    image = toned(color, shade)
    for _ in range(int(height * width / 30000) + 1):  # specks and scratches
        x, y = int(rng.integers(width)), int(rng.integers(height))
        dx, dy = (int(v) for v in rng.normal(0, 12, 2))
        tone = tuple(int(v * rng.uniform(0.6, 0.9)) for v in color)
        cv2.line(image, (x, y), (x + dx, y + dy), tone, int(rng.integers(1, 3)), cv2.LINE_AA)
    return image


def wood(
    rng: Rng, height: int, width: int, color: Color = (150, 105, 65), plank: int = 0, contrast: float = 0.11
) -> Uint8:
    """Grain along x; with ``plank`` > 0, boards of that many texels with seams."""
    grain = noise(rng, height, width, (2.5, 4, 9), stretch=14) * contrast
    grain += 0.06 * noise(rng, height, width, (3, 20, 60))
    if not plank:
        return toned(color, grain)
    rows = np.arange(height) // plank
    length = plank * 7
    offsets = rng.integers(0, length, rows.max() + 1)
    columns = (np.arange(width)[None] + offsets[rows][:, None]) // length
    tones = rng.normal(0, 0.16, (rows.max() + 1, columns.max() + 1)).astype(np.float32)
    shade = grain + tones[rows[:, None], columns]
    seam = (np.arange(height) % plank < 1)[:, None] | ((np.arange(width)[None] + offsets[rows][:, None]) % length < 1)
    return toned(color, np.where(seam, np.float32(-0.65), shade))


def brick(rng: Rng, height: int, width: int, color: Color = (158, 92, 72), size: tuple[int, int] = (22, 62)) -> Uint8:
    """Courses of bricks of ``size`` (height, width) texels, each of its own tone."""
    high, wide = size
    rows = np.arange(height) // high
    x = np.arange(width)[None] + (rows % 2 * wide // 2)[:, None]
    columns = x // wide
    shape = (rows.max() + 1, columns.max() + 1)
    tones = rng.normal(0, 0.15, (*shape, 1)) + rng.normal(0, 0.05, (*shape, 3))
    base = (
        _rgb(color)
        * (1 + tones[rows[:, None], columns])
        * (1 + 0.08 * noise(rng, height, width, (3, 6, 12, 40)))[..., None]
    )
    mortar = (np.arange(height) % high < 3)[:, None] | (x % wide < 3)
    joint = _rgb((178, 172, 160)) * (1 + 0.08 * noise(rng, height, width, (2, 6)))[..., None]
    return np.clip(np.where(mortar[..., None], joint, base), 0, 255).astype(np.uint8)


def tiles(rng: Rng, height: int, width: int, tile: int = 60, variety: float = 0.12) -> Uint8:
    """Two-coloured checker; ``variety`` 0 makes all tiles of a colour the same but for fine grain."""
    rows, columns = np.arange(height) // tile, np.arange(width) // tile
    light = (rows[:, None] + columns) % 2 == 0
    tones = rng.normal(0, 1, (rows.max() + 1, columns.max() + 1)).astype(np.float32) * variety
    base = np.where(light[..., None], _rgb((205, 198, 182)), _rgb((95, 90, 88)))
    grain = 0.02 * noise(rng, height, width, (2, 6)) + (0.05 if variety else 0.0) * noise(rng, height, width, (15, 60))
    image = toned(base, tones[rows[:, None], columns] + grain)
    image[(np.arange(height) % tile < 2)[:, None] | (np.arange(width) % tile < 2)] = (60, 58, 55)
    return image


def fabric(rng: Rng, height: int, width: int, color: Color = (110, 60, 60), stripes: int = 6) -> Uint8:
    image = np.full((height, width, 3), color, np.float32)
    for _ in range(stripes):
        at, wide = int(rng.integers(max(width, 1))), int(rng.integers(2, max(4, width // 12)))
        image[:, at : at + wide] = random_color(rng)
    for _ in range(stripes):
        at, wide = int(rng.integers(max(height, 1))), int(rng.integers(2, max(4, height // 12)))
        image[at : at + wide] = 0.5 * image[at : at + wide] + 0.5 * _rgb(random_color(rng))
    return toned(image, 0.12 * noise(rng, height, width, (1.5, 3)) + 0.05 * noise(rng, height, width, (40,)))


def carpet(rng: Rng, height: int, width: int) -> Uint8:
    """A rug: borders and many medallions, each different."""
    image = np.full((height, width, 3), random_color(rng, 60, 150), np.uint8)
    for i in range(4):
        inset = 6 + 11 * i
        cv2.rectangle(image, (inset, inset), (width - inset, height - inset), random_color(rng), 7)
    for _ in range(max(12, height * width // 3500)):
        _shape(rng, image, 0.07)
    return toned(image.astype(np.float32), 0.10 * noise(rng, height, width, (1.5, 3, 20)))


def wallpaper(rng: Rng, height: int, width: int, color: Color = (190, 180, 150), repeat: int = 0) -> Uint8:
    """Leaves and twigs scattered over a wall; with ``repeat`` > 0 one motif of that many texels, again and again."""
    if repeat:
        cell = wallpaper(rng, repeat, repeat, color)
        return np.tile(cell, (height // repeat + 1, width // repeat + 1, 1))[:height, :width].copy()
    image = plaster(rng, height, width, color, 0.03)
    for _ in range(height * width // 1500):
        x, y, size = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(5, 20))
        shade = rng.uniform(0.4, 1.15)
        tone = tuple(int(np.clip(v * shade + rng.normal(0, 9), 0, 255)) for v in color)
        axes, angle = (size, max(2, size // 3)), float(rng.uniform(0, 360))
        cv2.ellipse(image, (x, y), axes, angle, 0, 360, tone, -1, cv2.LINE_AA)
    return image


def poster(rng: Rng, height: int, width: int) -> Uint8:
    """A print: shapes, letters of all sizes, lines of small print, a border."""
    top, bottom = _rgb(random_color(rng)), _rgb(random_color(rng))
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    image = np.ascontiguousarray(np.broadcast_to(top * (1 - ramp) + bottom * ramp, (height, width, 3)).astype(np.uint8))
    for _ in range(int(rng.integers(10, 26))):
        _shape(rng, image, 0.25)
    for _ in range(int(rng.integers(4, 9))):
        _word(rng, image, float(rng.uniform(0.06, 0.22)) * height, random_color(rng, 0, 255))
    for i in range(int(rng.integers(4, 10))):  # small print
        _word(rng, image, 0.03 * height, (20, 20, 20) if i % 2 else (240, 240, 240), 14)
    image = toned(image.astype(np.float32), 0.05 * noise(rng, height, width, (2, 8, 40)))
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), random_color(rng, 0, 255), max(4, width // 30))
    return image


def spine(rng: Rng, height: int, width: int) -> Uint8:
    """The back of a book: bands and a title that runs downwards."""
    lying = np.full((width, height, 3), random_color(rng), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        at, wide = int(rng.integers(height)), int(rng.integers(2, 9))
        lying[:, at : at + wide] = random_color(rng)
    _word(rng, lying, 0.62 * width, random_color(rng, 0, 255), int(rng.integers(5, 13)))
    lying = toned(lying.astype(np.float32), 0.08 * noise(rng, width, height, (2, 6, 25)))
    return np.ascontiguousarray(lying[::-1].transpose(1, 0, 2))


def paper_edge(rng: Rng, height: int, width: int) -> Uint8:
    return toned((215, 208, 190), 0.10 * noise(rng, height, width, (1.5,), stretch=30))


def screen(rng: Rng, height: int, width: int) -> Uint8:
    """A monitor with a few windows full of text."""
    image = toned((40, 60, 95), 0.2 * noise(rng, height, width, (30, 80)))
    for _ in range(3):
        x, y = int(rng.integers(width * 2 // 3)), int(rng.integers(height * 2 // 3))
        x1, y1 = x + int(rng.integers(width // 4, width // 2)), y + int(rng.integers(height // 4, height // 2))
        cv2.rectangle(image, (x, y), (x1, y1), random_color(rng, 180, 250), -1)
        cv2.rectangle(image, (x, y), (x1, y + 8), random_color(rng), -1)
        for line in range(y + 18, min(y1, height), 9):
            for start in range(x + 6, x1 - 10, 22):
                end = start + int(rng.integers(3, 18))
                cv2.line(image, (start, line), (end, line), random_color(rng, 10, 120), 3)
    return image


def outdoors(rng: Rng, height: int, width: int) -> Uint8:
    """The view from a window: sky, clouds, trees, a house, and the window's cross of wood."""
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    sky = _rgb((130, 175, 235)) * (1 - ramp) + _rgb((225, 235, 245)) * ramp
    image = toned(sky, 0.10 * noise(rng, height, width, (30, 80), stretch=2))
    house = (int(0.1 * width), int(0.45 * height))
    cv2.rectangle(image, house, (int(0.4 * width), height), (190, 160, 135), -1)
    for _ in range(60):
        x, y = int(rng.integers(width)), int(height * rng.uniform(0.55, 1.0))
        tone = tuple(int(v * rng.uniform(0.6, 1.3)) for v in (70, 120, 60))
        cv2.circle(image, (x, y), int(rng.integers(8, 30)), tone, -1, cv2.LINE_AA)
    for x in (0, width // 2, width - 1):
        cv2.line(image, (x, 0), (x, height), (235, 232, 225), 22)
    for y in (0, height // 2, height - 1):
        cv2.line(image, (0, y), (width, y), (235, 232, 225), 22)
    return toned(image.astype(np.float32), 0.04 * noise(rng, height, width, (2, 5)))


def cardboard(rng: Rng, height: int, width: int) -> Uint8:
    image = toned((176, 138, 96), 0.05 * noise(rng, height, width, (2, 8, 40)))
    cv2.line(image, (0, height // 2), (width, height // 2), (205, 185, 140), max(3, height // 9))
    for _ in range(3):
        _word(rng, image, 0.16 * height, random_color(rng, 10, 90), 7)
    x, y = int(0.55 * width), int(0.62 * height)
    cv2.rectangle(image, (x, y), (x + width // 3, y + height // 4), (235, 235, 228), -1)
    for bar in range(x + 4, x + width // 3 - 3, 4):
        cv2.line(image, (bar, y + 4), (bar, y + height // 5), (20, 20, 20), int(rng.integers(1, 3)))
    return image


def leaf(rng: Rng, height: int, width: int) -> Uint8:
    image = toned((62, 118, 52), 0.18 * noise(rng, height, width, (3, 9, 25)))
    cv2.line(image, (0, height // 2), (width, height // 2), (120, 165, 90), 2, cv2.LINE_AA)
    for x in range(0, width, 9):
        for y in (0, height):
            cv2.line(image, (x, height // 2), (x + 12, y), (95, 145, 75), 1, cv2.LINE_AA)
    return image


def _rgb(color: Color) -> Float32:
    return np.array(color, np.float32)


def painted(color: Color, contrast: float = 0.07) -> Paint:
    return partial(plaster, color=color, contrast=contrast)


def _shape(rng: Rng, image: Uint8, share: float) -> None:
    height, width = image.shape[:2]
    size = max(3, int(share * min(height, width) * rng.uniform(0.3, 1.0)))
    x, y = int(rng.integers(width)), int(rng.integers(height))
    kind, tone, filled = rng.integers(4), random_color(rng, 10, 245), -1 if rng.random() < 0.7 else 3
    if kind == 0:
        cv2.circle(image, (x, y), size, tone, filled, cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(image, (x, y), (x + size, y + int(size * rng.uniform(0.4, 1.6))), tone, filled)
    elif kind == 2:
        corners = rng.normal((x, y), size, (int(rng.integers(3, 6)), 2)).astype(np.int32)
        cv2.fillPoly(image, [cv2.convexHull(corners)], tone, cv2.LINE_AA)
    else:
        angle = float(rng.uniform(0, 360))
        cv2.ellipse(image, (x, y), (size, max(2, size // 2)), angle, 0, 360, tone, filled, cv2.LINE_AA)


def _word(rng: Rng, image: Uint8, letter_height: float, color: Color, length: int = 0) -> None:
    height, width = image.shape[:2]
    count = length or int(rng.integers(1, 7))
    text = "".join(LETTERS[i] for i in rng.integers(len(LETTERS), size=count))
    font, scale = FONTS[int(rng.integers(len(FONTS)))], letter_height / 22.0
    thick = max(1, int(scale * rng.uniform(1, 2.5)))
    wide = cv2.getTextSize(text, font, scale, thick)[0][0]
    x = int(rng.integers(0, max(1, width - wide))) if wide < width else 0
    y = int(rng.uniform(min(letter_height, height), height))
    cv2.putText(image, text, (x, y), font, scale, color, thick, cv2.LINE_AA)
