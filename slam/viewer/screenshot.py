"""A picture of the viewer: the map on the left, the current image and the figures on the right."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from slam.types import Uint8
from slam.viewer import scene
from slam.viewer.panel import FONT, TEXT, draw_panel
from slam.viewer.update import ViewerUpdate
from slam.viewer.window import MapWindow

SIZE_PX = (1120, 720)  # of the 3D view
OVERSAMPLED = 2  # drawn larger, then made small: smooth lines
LEGEND = (
    ("trajectory", scene.TRAJECTORY),
    ("ground truth", scene.TRUTH),
    ("keyframes", scene.KEYFRAMES),
    ("camera now", scene.CURRENT),
)


def write_screenshot(update: ViewerUpdate, path: Path) -> None:
    """Draw an update without a visible window and write it as PNG. Raises OSError when the file cannot be written."""
    picture = screenshot(update)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def screenshot(update: ViewerUpdate) -> Uint8:
    """(720, 1600, 3) RGB of an update, drawn without a visible window."""
    width, height = SIZE_PX
    window = MapWindow((width * OVERSAMPLED, height * OVERSAMPLED), visible=False)
    window.embolden(OVERSAMPLED)
    window.show(update, with_panel=False)
    window.draw()
    view = cv2.resize(window.captured(), SIZE_PX, interpolation=cv2.INTER_AREA)
    window.close()
    _draw_legend(view, update.ground_truth_world is not None)
    panel = draw_panel(update, height)[:height]
    return np.hstack([view, panel]).astype(np.uint8)


def _draw_legend(view: np.ndarray, with_truth: bool) -> None:
    x = 22
    for name, color in LEGEND:
        if name == "ground truth" and not with_truth:
            continue
        rgb = tuple(round(255 * channel) for channel in color)
        cv2.line(view, (x, 26), (x + 24, 26), rgb, 3, cv2.LINE_AA)
        cv2.putText(view, name, (x + 32, 31), FONT, 0.48, TEXT, 1, cv2.LINE_AA)
        x += 60 + cv2.getTextSize(name, FONT, 0.48, 1)[0][0]
