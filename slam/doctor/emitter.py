"""Whether a depth camera's projector shows in the infra-red pictures: thousands of small bright dots all over.

Its dots move with the camera and would be tracked as if they stood still. Pictures of the world have as many small
dark spots as bright ones, and not everywhere; projected dots are bright only, and everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from slam.doctor.capture import Capture
from slam.doctor.finding import Finding, Verdict
from slam.types import Float32, Mode, Uint8

GROUP = "picture"
DOT_PX, AROUND_PX = 1.0, 2.5  # sigma of a dot, and of what lies around it
CONTRAST = 6.0  # grey levels that a spot stands out by, after smoothing
CELLS = (6, 8)  # rows and columns of the picture
PER_CELL = 8  # bright spots: a D400's projector has some 5,000 dots over its picture
EVERYWHERE = 0.7  # of the cells
BRIGHT_TO_DARK = 3.0


def emitter_findings(capture: Capture) -> list[Finding]:
    """For stereo only: nobody tracks points in the infra-red pictures of a camera that gives depth itself."""
    if capture.mode is not Mode.STEREO:
        return []
    chosen = np.unique(np.linspace(0, len(capture.images) - 1, 10).astype(int))
    ratio, share = np.median([dots(capture.images[i]) for i in chosen.tolist()], axis=0)
    said = f"{ratio:.1f} bright spots to a dark one, dense in {100 * share:.0f} % of the picture"
    if ratio > BRIGHT_TO_DARK and share > EVERYWHERE:
        advice = "Switch the projector off for stereo (a run does so by itself where the device lets it)."
        return [Finding(GROUP, "emitter", Verdict.HINT, f"{said}: looks like a projector's dots", advice)]
    return [Finding(GROUP, "emitter", Verdict.OK, f"no projected dots ({said})")]


def dots(image: Uint8) -> tuple[float, float]:
    """Bright spots over dark ones of a (H, W) picture, and the share of CELLS in which bright ones are dense."""
    near = cv2.GaussianBlur(image.astype(np.float32), (0, 0), DOT_PX)
    standing_out = np.asarray(near - cv2.GaussianBlur(near, (0, 0), AROUND_PX), np.float32)
    y, x = _peaks(standing_out)
    height, width = image.shape
    cells = np.zeros(CELLS)
    np.add.at(cells, (y * CELLS[0] // height, x * CELLS[1] // width), 1)
    return len(x) / max(len(_peaks(-standing_out)[0]), 1), float(np.mean(cells >= PER_CELL))


def _peaks(standing_out: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of spots: greatest of 5 x 5, and standing out to all sides (an edge does to one)."""
    top = (standing_out > CONTRAST) & (standing_out >= cv2.dilate(standing_out, np.ones((5, 5), np.uint8)))
    ring = cv2.dilate(standing_out, _ring())
    rows, columns = np.nonzero(top & (ring < 0.5 * standing_out))
    return rows, columns


def _ring() -> np.ndarray:
    """The rim of 7 x 7."""
    ring = np.ones((7, 7), np.uint8)
    ring[1:-1, 1:-1] = 0
    return ring
