"""The picture beside the 3D view: the current image, its matches coloured by exit layer, and the figures."""

from __future__ import annotations

import cv2
import numpy as np

from slam.types import Uint8
from slam.viewer.update import ViewerUpdate

WIDTH_PX = 480
MARGIN_PX = 16
LINE_PX = 27
LEGEND_PX = 54
BACKGROUND = (18, 21, 26)
TEXT, FAINT, UNMATCHED, NO_LAYER = (226, 232, 240), (130, 142, 158), (96, 104, 116), (94, 200, 255)
EARLY, MIDDLE, LATE = (64, 224, 128), (250, 200, 60), (240, 72, 88)  # RGB: left early to ran deep
FONT = cv2.FONT_HERSHEY_DUPLEX

Color = tuple[int, int, int]


def exit_color(exit_layer: int, num_layers: int) -> Color:
    """RGB of an exit layer: green for the first, red for the last; blue for a matcher without layers."""
    if num_layers <= 0 or exit_layer <= 0:
        return NO_LAYER
    depth = (exit_layer - 1) / max(num_layers - 1, 1)
    low, high, share = (EARLY, MIDDLE, 2 * depth) if depth < 0.5 else (MIDDLE, LATE, 2 * depth - 1)
    r, g, b = (round(a + min(share, 1.0) * (z - a)) for a, z in zip(low, high))
    return r, g, b


def draw_panel(update: ViewerUpdate, height_px: int = 0) -> Uint8:
    """(H, 480, 3) RGB: image on top, legend of exit layers, figures below; at least ``height_px`` high."""
    picture = draw_picture(update)
    needed = len(picture) + LINE_PX * len(update.figures) + MARGIN_PX
    panel = np.full((max(height_px, needed), WIDTH_PX, 3), BACKGROUND, np.uint8)
    panel[: len(picture)] = picture
    for row, (name, value) in enumerate(update.figures):
        y = len(picture) + LINE_PX * row + 18
        _write(panel, name, (MARGIN_PX, y), FAINT)
        _write(panel, value, (150, y), TEXT)
    return panel


def draw_picture(update: ViewerUpdate) -> Uint8:
    """(H, 480, 3) RGB: the image with its matches, and the legend of exit layers below."""
    image = _annotated(update)
    picture = np.full((len(image) + LEGEND_PX, WIDTH_PX, 3), BACKGROUND, np.uint8)
    picture[: len(image)] = image
    _draw_legend(picture, len(image), update)
    return picture


def _annotated(update: ViewerUpdate) -> Uint8:
    height, width = update.image.shape[:2]
    scale = WIDTH_PX / width
    image = cv2.resize(update.image, (WIDTH_PX, round(height * scale)), interpolation=cv2.INTER_LINEAR)
    xy = np.round((update.xy + 0.5) * scale - 0.5).astype(int)
    for x, y in xy[~update.is_matched]:
        cv2.circle(image, (int(x), int(y)), 1, UNMATCHED, -1, cv2.LINE_AA)
    color = exit_color(update.exit_layer, update.num_layers)
    for x, y in xy[update.is_matched]:
        cv2.circle(image, (int(x), int(y)), 4, BACKGROUND, 4, cv2.LINE_AA)
        cv2.circle(image, (int(x), int(y)), 4, color, 2, cv2.LINE_AA)
    return np.asarray(image, np.uint8)


def _draw_legend(panel: Uint8, top: int, update: ViewerUpdate) -> None:
    if update.num_layers <= 0:
        return
    _write(panel, "exit layer", (MARGIN_PX, top + 32), FAINT)
    for layer in range(1, update.num_layers + 1):
        center = (150 + 30 * (layer - 1) + 8, top + 27)
        chosen = layer == update.exit_layer
        cv2.circle(panel, center, 11 if chosen else 6, exit_color(layer, update.num_layers), -1, cv2.LINE_AA)
        if chosen:
            cv2.putText(panel, str(layer), (center[0] - 5, center[1] + 5), FONT, 0.45, BACKGROUND, 1, cv2.LINE_AA)


def _write(panel: Uint8, text: str, origin: tuple[int, int], color: Color) -> None:
    cv2.putText(panel, text, origin, FONT, 0.5, color, 1, cv2.LINE_AA)
